"""The lanes of one engine: for each endpoint the way its requests go, one by one or in batches.

Only the engine's loop uses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from airquery.execute.lane import Lane


if TYPE_CHECKING:
    import random

    from airquery.clock import Clock
    from airquery.endpoints.endpoint import Batch, Endpoint
    from airquery.execute.batch_lane import BatchLane
    from airquery.execute.batch_run import BatchOwner
    from airquery.execute.exchange import Exchange
    from airquery.journal.jobs import Jobs

    AnyLane: TypeAlias = Lane | BatchLane


class Lanes:
    """Makes a lane when the first request for it comes. `jobs` is where batch jobs are kept."""

    def __init__(self, owner: BatchOwner, jobs: Jobs, *, clock: Clock, dice: random.Random) -> None:
        self._owner = owner
        self._jobs = jobs
        self._clock = clock
        self._dice = dice
        self._exchange: Exchange | None = None
        self._lanes: dict[object, Lane] = {}
        self._batch_lanes: dict[object, BatchLane] = {}

    def of(self, endpoint: Endpoint) -> AnyLane:
        """Return the lane of an endpoint; endpoints that are one server's model share it.

        Raises `InvalidEndpoint` for one that is to be asked in batches and has no such API.
        """
        if endpoint.batch is not None:
            return self._batch_lane(endpoint, endpoint.batch)
        address = (endpoint.base_url, endpoint.model, endpoint.limits)
        if address not in self._lanes:
            self._lanes[address] = Lane(
                endpoint,
                owner=self._owner,
                exchange=self._made_exchange(),
                clock=self._clock,
                dice=self._dice,
            )
        return self._lanes[address]

    def look_again(self) -> None:
        """Let every lane see whether more may be sent now."""
        lanes: list[AnyLane] = [*self._lanes.values(), *self._batch_lanes.values()]
        for lane in lanes:
            lane.look_again()

    def part(self) -> None:
        """Leave batch jobs to their providers that nobody waits for here any more."""
        for lane in self._batch_lanes.values():
            lane.part()

    async def close(self) -> None:
        """Let go of the connections."""
        if self._exchange is not None:
            await self._exchange.close()

    def _batch_lane(self, endpoint: Endpoint, batch: Batch) -> BatchLane:
        # What knows the batch APIs is loaded where somebody asks one.
        from airquery.execute.batch_lane import BatchLane, account  # noqa: PLC0415

        address = (endpoint.base_url, endpoint.model, endpoint.limits, account(endpoint))
        if address not in self._batch_lanes:
            self._batch_lanes[address] = BatchLane(
                endpoint,
                batch,
                owner=self._owner,
                jobs=self._jobs,
                exchange=self._made_exchange(),
                clock=self._clock,
                dice=self._dice,
            )
        return self._batch_lanes[address]

    def _made_exchange(self) -> Exchange:
        if self._exchange is None:
            # What speaks HTTP takes long to load, and many a statement sends nothing.
            from airquery.execute.exchange import Exchange  # noqa: PLC0415

            self._exchange = Exchange(clock=self._clock)
        return self._exchange
