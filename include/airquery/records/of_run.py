"""Make the record of a run from what its statement counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import duckdb

from airquery.endpoints.redaction import sentence
from airquery.errors import AirqueryError
from airquery.records.record import FailureClass, Moment, Origin, PlannedCost, RunRecord, clean


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airquery.execute.budget import RunOutcome
    from airquery.execute.course import SoFar
    from airquery.execute.statement import Statement
    from airquery.planning.estimate import Estimate

MOST_LATENCIES: Final = 600
# Others may quote what they were given: a value of a row, or the address of a database.
_TELLABLE: Final = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.SyntaxException,
)


def record_of(
    statement: Statement,
    *,
    name: str,
    began_at: float,
    ended_at: float,
    outcome: RunOutcome,
    origin: Origin | None,
    estimate: Estimate | None,
    notes: Sequence[str] = (),
    problem: BaseException | None = None,
) -> RunRecord | None:
    """Return the record of a run called `name`, or None if it asked nothing."""
    usage = statement.usage()
    if not usage:
        return None
    course = statement.course()
    return RunRecord(
        id=name,
        began_at=began_at,
        ended_at=ended_at,
        outcome=outcome,
        origin=origin or Origin(),
        usage=usage,
        failures=() if course is None else tuple(_failures(course)),
        latencies_s=thinned(statement.latencies_s()),
        throughput=() if course is None else tuple(_moments(course)),
        width_s=0.0 if course is None else course.width_s,
        estimate=() if estimate is None else tuple(_planned(estimate)),
        notes=tuple(map(clean, notes)),
        error=None if problem is None else told(problem),
    )


def told(problem: BaseException) -> str:
    """Say an error without what may be nobody else's business."""
    if isinstance(problem, AirqueryError):
        return clean(sentence(str(problem)))
    kind = type(problem).__name__
    if isinstance(problem, _TELLABLE):
        # The lines below point into the statement, which may hold anything.
        return clean(sentence(f"{kind}: {str(problem).partition(chr(10))[0]}"))
    return kind


def thinned(latencies_s: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, ...]]:
    """Sort latencies; of many keep those of evenly spaced ranks, which have the same shape."""
    return {name: tuple(_thinned(sorted(values))) for name, values in latencies_s.items() if values}


def _thinned(values: Sequence[float]) -> Iterator[float]:
    many = len(values)
    step = max((many - 1) / (MOST_LATENCIES - 1), 1.0)
    for place in range(min(many, MOST_LATENCIES)):
        yield round(values[round(place * step)], 4)


def _failures(course: SoFar) -> Iterator[FailureClass]:
    kinds = sorted(course.kinds.items(), key=lambda one: (-one[1].count, one[0]))
    for (condition, endpoint), kind in kinds:
        yield FailureClass(
            condition=condition,
            endpoint=endpoint,
            count=kind.count,
            samples=tuple(clean(sentence(one)) for one in kind.samples),
        )


def _moments(course: SoFar) -> Iterator[Moment]:
    for second, answered, failed, sent in course.moments:
        yield Moment(second=second, answered=answered, failed=failed, sent=sent)


def _planned(estimate: Estimate) -> Iterator[PlannedCost]:
    for one in estimate.endpoints:
        yield PlannedCost(
            endpoint=one.endpoint,
            input_tokens=one.input_tokens,
            output_tokens=one.output_tokens,
            price=one.price,
            currency=one.currency,
        )
