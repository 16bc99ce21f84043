"""The report of a run: what Airflow knows of it, and what is recorded of what it asked and found.

A page is shown also where the records cannot be read; then it holds what the tasks returned, and says
what is to be set.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import airquery
from airquery.errors import AirqueryError
from airquery.records import records_of
from airquery.report.page import Cell, Column, Table
from airquery.report.run_report import run_report
from airquery.report.words import began_at, took


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from airquery.records import RunRecord, TaskRecord
    from airquery.report.page import Section
    from airquery_airflow.ui.run_state import RunState, TaskState


log = logging.getLogger(__name__)

REFRESH_S: Final = 10
UNREADABLE: Final = (
    "This API server cannot read the records of its tasks, so only what they returned is shown. "
    "AIRQUERY_JOURNAL, or AIRQUERY_HOME, must name in its environment what it names on the workers. "
    "The reason is in its log."
)
MISSING: Final = (
    "This API server finds no records of tasks that have ended, so only what they returned is shown. "
    "AIRQUERY_JOURNAL, or AIRQUERY_HOME, must name in its environment what it names on the workers; "
    "a journal in SQLite is seen on its own machine only."
)
OTHERS: Final = "No task of airquery has run here so far."
MOST_TASKS: Final = 500
_FIGURES: Final = ("rows", "sent", "from the journal", "failed", "price")
_ENDED: Final = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})
_MANIFEST: Final = (
    "table",
    "partition",
    "rows",
    "quarantined",
    "requests_sent",
    "from_journal",
    "failed",
    "prompt_tokens",
    "completion_tokens",
    "price",
    "currency",
    "outcome",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """What the page of a run shows."""

    state: RunState
    message: str | None
    lead: Sequence[str]
    sections: Sequence[Section]
    notes: Sequence[str]


def run_page(state: RunState, *, task_id: str | None, map_index: int | None) -> RunPage:
    """Make the page of a run or of one of its tasks."""
    tasks: list[TaskRecord] = []
    runs: list[RunRecord] = []
    message = None
    try:
        records = records_of(airquery.Settings.read())
        tasks = records.tasks(
            dag_id=state.dag_id, run_id=state.run_id, task_id=task_id, map_index=map_index
        )
        runs = records.runs(
            dag_id=state.dag_id, run_id=state.run_id, task_id=task_id, map_index=map_index
        )
    except AirqueryError:
        log.exception("The records of run %r of DAG %r cannot be read.", state.run_id, state.dag_id)
        message = UNREADABLE
    else:
        if not (tasks or runs):
            ended = any(one.manifest and one.state in _ENDED for one in state.tasks)
            message = MISSING if ended else OTHERS
    if not (tasks or runs):
        own = tasks_table(state, figures=True)
        return RunPage(state=state, message=message, lead=(), sections=(own,), notes=())
    report = run_report(tasks, runs, title="Run report")
    in_short, *others = report.sections
    return RunPage(
        state=state,
        message=message,
        lead=report.lead,
        sections=(in_short, tasks_table(state, figures=False), *others),
        notes=report.notes,
    )


def tasks_table(state: RunState, *, figures: bool) -> Table:
    """Show the tasks as Airflow knows them, while it goes on with how far each of them is.

    With `figures` also what they returned.
    """
    shown = state.tasks[:MOST_TASKS]
    left_out = len(state.tasks) - len(shown)
    return Table(
        caption="Tasks in Airflow",
        columns=[
            Column(name="task"),
            Column(name="state"),
            Column(name="try", numeric=True),
            Column(name="began"),
            Column(name="took", numeric=True),
            Column(name="operator"),
            *(Column(name=name, numeric=True) for name in (_FIGURES if figures else ())),
            *([Column(name="how far it is")] if state.goes_on else ()),
        ],
        rows=[
            [
                *_row(one),
                *(_figures(one) if figures else ()),
                *([progress_words(one.progress)] if state.goes_on else ()),
            ]
            for one in shown
        ],
        note=f"{left_out:,} more tasks are in the CSV." if left_out else "",
    )


def lines(state: RunState) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return the head of a file and its lines, a task each."""
    head = (
        "dag_id",
        "run_id",
        "task_id",
        "map_index",
        "operator",
        "state",
        "try_number",
        "began_at",
        "ended_at",
        "seconds",
        *_MANIFEST,
    )
    return head, [
        (
            state.dag_id,
            state.run_id,
            one.task_id,
            one.map_index,
            one.operator,
            one.state,
            one.try_number,
            _iso(one.began),
            _iso(one.ended),
            one.seconds,
            *(one.manifest.get(name) for name in _MANIFEST),
        )
        for one in state.tasks
    ]


def progress_words(told: Mapping[str, object]) -> str | None:
    """Say how far a task is, from what it keeps in its state."""
    said = [str(told["step"])] if "step" in told else []
    if "percent" in told:
        said.append(f"{told['percent']} %")
    if told.get("requests"):
        said.append(
            f"{told.get('answered', 0)} of {told['requests']} requests, "
            f"{told.get('failed', 0)} failed"
        )
    return ", ".join(said) or None


def _row(one: TaskState) -> list[Cell]:
    return [
        one.name,
        one.state,
        one.try_number,
        None if one.began is None else began_at(one.began.timestamp()),
        None if one.seconds is None else took(one.seconds),
        one.operator,
    ]


def _figures(one: TaskState) -> list[Cell]:
    known = one.manifest
    price = known.get("price")
    return [
        *map(_number, map(known.get, ("rows", "requests_sent", "from_journal", "failed"))),
        f"{price:,.6f} {known.get('currency', '')}" if isinstance(price, float) and price else None,
    ]


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
