"""Records to keep, with something in every field."""

from __future__ import annotations

from dataclasses import replace

from airquery.execute.ledger import EndpointUsage
from airquery.planning.estimate import Span
from airquery.records import (
    FailureClass,
    Moment,
    Origin,
    PlannedCost,
    RunRecord,
    SampleTable,
    TaskRecord,
)


DAY_S = 86_400.0
USAGE = EndpointUsage(
    endpoint="llm",
    model="m",
    rows=20,
    requests=10,
    sent=8,
    from_journal=2,
    failed=1,
    not_asked=0,
    prompt_tokens=100,
    completion_tokens=50,
    cached_tokens=3,
    reasoning_tokens=4,
    price=0.25,
    currency="EUR",
    latency_p50_s=0.5,
    latency_p95_s=None,
)
TASK = Origin(source="airflow", dag_id="d", run_id="r", task_id="ask", map_index=None, try_number=1)
RUN = RunRecord(
    id="0" * 32,
    began_at=10.0,
    ended_at=12.5,
    outcome="partial",
    origin=TASK,
    usage=(USAGE,),
    failures=(FailureClass(condition="C", endpoint="llm", count=7, samples=("one", "two")),),
    latencies_s={"llm": (0.1, 0.2), "other": ()},
    throughput=(Moment(second=0.0, answered=9, failed=1, sent=8),),
    width_s=0.1,
    estimate=(
        PlannedCost(
            endpoint="llm",
            input_tokens=Span(low=1.0, high=2.0),
            output_tokens=Span(low=0.0, high=None),
            price=None,
            currency="EUR",
        ),
        PlannedCost(
            endpoint="other",
            input_tokens=Span(low=1.0, high=2.0),
            output_tokens=Span(low=0.0, high=8.0),
            price=Span(low=0.5, high=1.5),
            currency="USD",
        ),
    ),
    notes=("a note",),
    error="an error",
)
ATTEMPT = TaskRecord(
    id="1" * 32,
    origin=TASK,
    operator="AIQueryOperator",
    state="done",
    began_at=10.0,
    ended_at=13.0,
    manifest={"table": "a.b", "rows": 20, "price": 0.25, "schema_changes": ["new column c"]},
    runs=(RUN.id,),
    tables=(
        SampleTable(
            kind="quarantine",
            caption="a.c",
            columns=("id", "raw"),
            rows=(("1", None), ("2", "<b>")),
            total=40,
        ),
    ),
    error="an error",
)


def run(number: int, *, at: float | None = None, **origin: object) -> RunRecord:
    """Return another run, by a task with this in its origin."""
    ended = float(number) if at is None else at
    return replace(
        RUN,
        id=f"{number:032x}",
        began_at=ended - 1,
        ended_at=ended,
        origin=replace(TASK, **origin),  # type: ignore[arg-type]
    )


def attempt(number: int, **origin: object) -> TaskRecord:
    """Return another attempt, by a task with this in its origin."""
    return replace(
        ATTEMPT,
        id=f"{number:032x}",
        began_at=float(number),
        origin=replace(TASK, **origin),  # type: ignore[arg-type]
    )
