"""The tables of a run's report: errors, tasks, runs, and the rows that tasks have shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.report.page import Cell, Column, Table
from airquery.report.words import began_at, money, task_of, took


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.records import RunRecord, SampleTable, TaskRecord


def errors(tasks: Sequence[TaskRecord], runs: Sequence[RunRecord]) -> Table:
    """Show the failures of each kind with what some of them said, and what tasks ended with."""
    rows: list[list[Cell]] = [
        [
            one.condition,
            one.endpoint or None,
            one.count,
            task_of(run.origin),
            "\n".join(one.samples),
        ]
        for run in runs
        for one in run.failures
    ]
    rows += [
        [f"the task {one.state}", None, None, task_of(one.origin), one.error]
        for one in tasks
        if one.error is not None
    ]
    told = {run for one in tasks if one.error is not None for run in one.runs}
    rows += [
        ["the run was aborted", None, None, task_of(one.origin), one.error]
        for one in runs
        if one.error is not None and one.id not in told
    ]
    return Table(
        caption="Errors",
        columns=[
            Column(name="what"),
            Column(name="endpoint"),
            Column(name="requests", numeric=True),
            Column(name="by"),
            Column(name="what was said"),
        ],
        rows=rows,
        note="" if rows else "none: nothing failed.",
    )


def tasks_table(tasks: Sequence[TaskRecord]) -> Table:
    """Show every stretch of every attempt."""
    return Table(
        caption="Tasks",
        columns=[
            Column(name="task"),
            Column(name="try", numeric=True),
            Column(name="state"),
            Column(name="began"),
            Column(name="took", numeric=True),
            Column(name="operator"),
            Column(name="table"),
            Column(name="rows", numeric=True),
            Column(name="quarantined", numeric=True),
            Column(name="price", numeric=True),
        ],
        rows=[_task(one) for one in tasks],
        note="A task that left its worker to wait has a line for each time it was there.",
    )


def runs_table(runs: Sequence[RunRecord]) -> Table:
    """Show every run; its id is what `airquery report` takes."""
    return Table(
        caption="Runs",
        columns=[
            Column(name="run"),
            Column(name="by"),
            Column(name="began"),
            Column(name="took", numeric=True),
            Column(name="outcome"),
            Column(name="requests", numeric=True),
            Column(name="sent", numeric=True),
            Column(name="failed", numeric=True),
            Column(name="price", numeric=True),
        ],
        rows=[
            [
                one.id[:12],
                task_of(one.origin),
                began_at(one.began_at),
                took(one.ended_at - one.began_at),
                one.outcome,
                sum(usage.requests for usage in one.usage),
                sum(usage.sent for usage in one.usage),
                sum(usage.failed for usage in one.usage),
                money((usage.price, usage.currency) for usage in one.usage),
            ]
            for one in runs
        ],
    )


def samples(tasks: Sequence[TaskRecord], kind: str, caption: str) -> list[Table]:
    """Show the rows that tasks kept for the report."""
    return [
        _sample(one, f"{caption}: {one.caption}, by {task_of(task.origin)}")
        for task in tasks
        for one in task.tables
        if one.kind == kind
    ]


def _sample(one: SampleTable, caption: str) -> Table:
    left = one.total - len(one.rows)
    return Table(
        caption=caption,
        columns=[Column(name=name) for name in one.columns],
        rows=one.rows,
        note=f"{len(one.rows):,} of {one.total:,} rows." if left > 0 else "",
    )


def _task(one: TaskRecord) -> list[Cell]:
    known = one.manifest
    price = known.get("price")
    return [
        task_of(one.origin),
        one.origin.try_number,
        f"{one.state} (dry run)" if known.get("dry_run") else one.state,
        began_at(one.began_at),
        took(one.ended_at - one.began_at),
        one.operator,
        _text(known.get("table")),
        *map(_number, (known.get("rows"), known.get("quarantined"))),
        f"{price:,.6f} {known.get('currency', '')}".strip()
        if isinstance(price, float) and price
        else None,
    ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
