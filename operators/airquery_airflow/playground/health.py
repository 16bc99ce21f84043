"""Whether endpoints answer, and how they did lately: what the pages of endpoints show."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from statistics import quantiles
from time import monotonic
from typing import TYPE_CHECKING, Final

import airquery
from airquery.errors import AirqueryError


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airquery import Endpoint
    from airquery.records import RunRecord


PATIENCE_S: Final = 5.0
LAST_RUNS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a look at an endpoint found."""

    well: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lately:
    """What the last runs say of an endpoint. Times are None where nothing was sent to it."""

    requests: int = 0
    sent: int = 0
    from_journal: int = 0
    failed: int = 0
    p50_s: float | None = None
    p95_s: float | None = None

    @property
    def failed_share(self) -> float:
        """Return the share of what was asked that failed."""
        return self.failed / self.requests if self.requests else 0.0


def look_at(endpoints: Iterable[Endpoint], *, patience_s: float = PATIENCE_S) -> dict[str, Health]:
    """Try endpoints, all at once and for free; who does not answer in time has not answered."""
    found: SimpleQueue[tuple[str, Health]] = SimpleQueue()
    wanted = {one.name for one in endpoints if one.function is None}
    for endpoint in endpoints:
        if endpoint.name in wanted:
            # Nobody waits for a slow one longer than for all, so no pool may join it.
            threading.Thread(
                target=lambda one: found.put((one.name, _tried(one, patience_s))),
                args=(endpoint,),
                name="airquery-probe",
                daemon=True,
            ).start()
    late = f"It has not answered within {patience_s:g} s."
    health = dict.fromkeys(wanted, Health(well=False, said=late))
    until = monotonic() + patience_s
    for _ in wanted:
        try:
            name, told = found.get(timeout=max(0.0, until - monotonic()))
        except Empty:
            break
        health[name] = told
    return health


def _tried(endpoint: Endpoint, patience_s: float) -> Health:
    try:
        return Health(well=True, said=airquery.probe(endpoint, timeout_s=patience_s))
    except AirqueryError as problem:
        return Health(well=False, said=str(problem))


def lately(records: Sequence[RunRecord]) -> Mapping[str, Lately]:
    """Sum the last runs up by endpoint."""
    latencies: dict[str, list[float]] = {}
    counted: dict[str, Lately] = {}
    for record in records:
        for name, seconds in record.latencies_s.items():
            latencies.setdefault(name, []).extend(seconds)
        for usage in record.usage:
            before = counted.get(usage.endpoint, Lately())
            counted[usage.endpoint] = Lately(
                requests=before.requests + usage.requests,
                sent=before.sent + usage.sent,
                from_journal=before.from_journal + usage.from_journal,
                failed=before.failed + usage.failed,
            )
    return {name: _with_times(one, latencies.get(name, [])) for name, one in counted.items()}


def _with_times(one: Lately, seconds: list[float]) -> Lately:
    if not seconds:
        return one
    # Shares are of several.
    shares = quantiles(seconds if len(seconds) > 1 else seconds * 2, n=20, method="inclusive")
    return replace(one, p50_s=shares[9], p95_s=shares[18])
