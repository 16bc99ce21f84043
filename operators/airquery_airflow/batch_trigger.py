"""Waits in the triggerer for batch jobs that a task left to their providers.

It looks at them and asks nothing: the task comes back and reads what came. Keys are read where it
runs, from the file of endpoints or a connection, and are in no argument and no event of it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airquery.answer import Failure
from airquery.errors import AirqueryError
from airquery_airflow.batch_mode import batches_of, cancel_jobs


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from airquery import Endpoint

log = logging.getLogger(__name__)


class BatchJobsTrigger(BaseTrigger):
    """Fires once all jobs are over, or one of them cannot be looked at from here.

    Args:
        jobs: Of each job its `endpoint`, its `batch` there, our name for it (`job`) and how many
            `requests` it has.
        returns: How often the task has come back before.
        cancel_on_kill: Whether a user who kills the waiting task (from Airflow 3.3) stops the jobs.
        carried: What the task has to know when it comes back; it is handed on in the event.
    """

    def __init__(
        self,
        *,
        jobs: Sequence[Mapping[str, Any]],
        returns: int = 0,
        cancel_on_kill: bool = False,
        carried: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # Airflow's own
        self.jobs = jobs
        self.returns = returns
        self.cancel_on_kill = cancel_on_kill
        self.carried = dict(carried or {})

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what makes it again in another process."""
        given = {
            "jobs": [dict(one) for one in self.jobs],
            "returns": self.returns,
            "cancel_on_kill": self.cancel_on_kill,
            "carried": self.carried,
        }
        return f"{__name__}.{type(self).__name__}", given

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the jobs, and say how each of them ended."""
        try:
            endpoints = await sync_to_async(_endpoints_of)(self.jobs)
        except AirqueryError as error:
            yield self._event({}, [str(error)])
            return
        from airquery.execute.batch_watch import watch  # noqa: PLC0415 - loaded by now

        async with watch(endpoints) as batches:
            ended = await batches.until_over(batches_of(self.jobs))
        unseen = [str(one) for one in ended.values() if isinstance(one, Failure)]
        yield self._event({batch: str(how) for batch, how in ended.items()}, unseen)

    async def on_kill(self) -> None:
        """Stop the jobs, if that was wished; else they go on, as they are paid for."""
        if self.cancel_on_kill:
            await cancel_jobs(await sync_to_async(_endpoints_of)(self.jobs), self.jobs)

    def _event(self, ended: Mapping[str, str], problems: Sequence[str]) -> TriggerEvent:
        jobs = [{**one, "ended": ended.get(one["batch"], "unknown")} for one in self.jobs]
        return TriggerEvent(  # type: ignore[no-untyped-call]  # Airflow's own
            {
                "jobs": jobs,
                "returns": self.returns + 1,
                "carried": self.carried,
                "problem": " ".join(problems),
            }
        )


def _endpoints_of(jobs: Sequence[Mapping[str, Any]]) -> dict[str, Endpoint]:
    """Read the endpoints, and load what speaks HTTP: neither may hold up the triggerer's loop."""
    import airquery.execute.batch_watch  # noqa: PLC0415 - as said
    import airquery.execute.transport  # noqa: F401, PLC0415 - as said
    from airquery_airflow.known_endpoints import endpoints_named  # noqa: PLC0415 - as said

    return endpoints_named(one["endpoint"] for one in jobs)
