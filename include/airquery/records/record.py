"""What is remembered of a run, and of an attempt of an Airflow task: figures, names and errors.

No prompt and no answer is in a `RunRecord`, but for what a message of a failure quotes; these have
had their secrets taken out where they were made. The tables of a `TaskRecord` hold some rows of what the task wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.execute.budget import RunOutcome
    from airquery.execute.ledger import EndpointUsage
    from airquery.planning.estimate import Span


Source: TypeAlias = Literal["python", "cli", "airflow", "playground", "endpoint_page"]
TableKind: TypeAlias = Literal["quarantine", "validation", "evaluation", "output"]

MOST_ROWS: Final = 20
LONGEST_CELL: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who asked: `source`, and where that is known the task of Airflow, or the user of a page."""

    source: Source = "python"
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    try_number: int | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureClass:
    """Requests to one endpoint that ended with one condition; `samples` are different messages."""

    condition: str
    endpoint: str
    count: int
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What ended in a part of the run that begins at `second`, until the next one begins.

    `answered` are requests that ended, one way or the other: `failed` of them as a failure, `sent`
    of them were asked, the others came from the journal.
    """

    second: float
    answered: int
    failed: int
    sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCost:
    """What a plan said that the new requests to an endpoint would cost."""

    endpoint: str
    input_tokens: Span
    output_tokens: Span
    price: Span | None
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One `airquery.run` that asked something. `id` is the `run` of its rows in airquery_usage().

    Times are in seconds since 1970. `latencies_s` are by endpoint, sorted, and where there are
    many thinned at even ranks. `width_s` is how long each of the moments of `throughput` is.
    `error` is what an aborted run ended with.
    """

    id: str
    began_at: float
    ended_at: float
    outcome: RunOutcome
    origin: Origin = field(default_factory=Origin)
    usage: tuple[EndpointUsage, ...] = ()
    failures: tuple[FailureClass, ...] = ()
    latencies_s: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    throughput: tuple[Moment, ...] = ()
    width_s: float = 0.0
    estimate: tuple[PlannedCost, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTable:
    """Some rows of a table that has `total` of them, every value as text."""

    kind: TableKind
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """One stretch of an attempt of an Airflow task, from its begin to its end on a worker.

    A task that leaves its worker has one more when it comes back. `state` is `done`, `failed`,
    `skipped`, `planned` (a dry run), or `deferred`: it left its worker. `manifest` is what it
    returned, `runs` are the ids of its `RunRecord`s.
    """

    id: str
    origin: Origin
    operator: str
    state: str
    began_at: float
    ended_at: float
    manifest: Mapping[str, object] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    tables: tuple[SampleTable, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayUsage:
    """What was asked of one endpoint on a day (UTC, as 2026-01-31), by one task if by any."""

    day: str
    dag_id: str | None
    task_id: str | None
    endpoint: str
    model: str | None
    currency: str
    runs: int
    rows: int
    requests: int
    sent: int
    from_journal: int
    failed: int
    not_asked: int
    prompt_tokens: int
    completion_tokens: int
    price: float


def sample(
    kind: TableKind,
    caption: str,
    columns: tuple[str, ...],
    rows: tuple[tuple[object, ...], ...],
    *,
    total: int,
) -> SampleTable:
    """Make a sample of a table: its first rows, each value as text of a bounded length."""
    return SampleTable(
        kind=kind,
        caption=caption,
        columns=columns,
        rows=tuple(tuple(map(_cell, row)) for row in rows[:MOST_ROWS]),
        total=total,
    )


def clean(text: str) -> str:
    """Return a text without lone surrogates, which an answer may have and JSON may not."""
    return text.encode("utf-8", "replace").decode()


def _cell(value: object) -> str | None:
    if value is None:
        return None
    text = clean(str(value))
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 3]}..."
