"""What Airflow's own database knows of a run: its tasks, how they are, and what they returned.

It is there also where the records of airquery are not, and while a task is still at work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import Text, cast, func, select

from airquery_airflow.compat import state_table
from airquery_airflow.progress import KEY


if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

Key: TypeAlias = tuple[str, int]

# What every task of ours returns, and nobody else by chance.
_OURS: Final = frozenset({"table", "partition"})
# A manifest is far shorter; what others returned may be as large as it likes.
_LONGEST: Final = 65_536
_GOES_ON: Final = frozenset({"queued", "running"})
_WORKS: Final = frozenset({"running", "deferred", "awaiting_input", "up_for_retry"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """A task of a run as Airflow knows it; `map_index` is -1 where it is not mapped.

    `manifest` is what a task of ours returned, `progress` what one that is at work has told.
    """

    task_id: str
    map_index: int
    operator: str
    state: str
    try_number: int
    began: datetime | None
    ended: datetime | None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    progress: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return what it is called, with its number where it is mapped."""
        return self.task_id if self.map_index < 0 else f"{self.task_id} [{self.map_index}]"

    @property
    def seconds(self) -> float | None:
        """Return how long its last try took."""
        if self.began is None or self.ended is None:
            return None
        return (self.ended - self.began).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """A run of a DAG, or some of its tasks."""

    dag_id: str
    run_id: str
    state: str
    began: datetime | None
    ended: datetime | None
    tasks: tuple[TaskState, ...]

    @property
    def goes_on(self) -> bool:
        """Tell whether there will be more to see."""
        return self.state in _GOES_ON


def run_state(
    dag_id: str, run_id: str, *, task_id: str | None, map_index: int | None
) -> RunState | None:
    """Return what is known of a run, or of one of its tasks; None if there is no such run."""
    with create_session() as session:
        run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
        if run is None:
            return None
        return RunState(
            dag_id=dag_id,
            run_id=run_id,
            state=str(run.state),
            began=run.start_date,
            ended=run.end_date,
            tasks=_tasks(session, dag_id, run_id, task_id=task_id, map_index=map_index),
        )


def _tasks(
    session: Session, dag_id: str, run_id: str, *, task_id: str | None, map_index: int | None
) -> tuple[TaskState, ...]:
    wanted = select(TaskInstance).where(
        TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id
    )
    if task_id is not None:
        wanted = wanted.where(TaskInstance.task_id == task_id)
    if map_index is not None and map_index >= 0:
        wanted = wanted.where(TaskInstance.map_index == map_index)
    returned = _returned(session, dag_id, run_id)
    told = _told(session, dag_id, run_id)
    return tuple(
        TaskState(
            task_id=one.task_id,
            map_index=one.map_index,
            operator=one.operator or "",
            state=str(one.state or "none"),
            try_number=one.try_number,
            began=one.start_date,
            ended=one.end_date,
            manifest=returned.get((one.task_id, one.map_index), {}),
            progress=told.get((one.task_id, one.map_index), {}) if one.state in _WORKS else {},
        )
        for one in sorted(session.scalars(wanted), key=_order)
    )


def _order(one: TaskInstance) -> tuple[Any, ...]:
    began = one.start_date.timestamp() if one.start_date else float("inf")
    return (began, one.task_id, one.map_index)


def _returned(session: Session, dag_id: str, run_id: str) -> dict[Key, Mapping[str, Any]]:
    """Return what tasks of ours returned; what those of others did is nobody's business here."""
    rows = session.scalars(
        select(XComModel).where(
            XComModel.dag_id == dag_id,
            XComModel.run_id == run_id,
            XComModel.key == "return_value",
            func.length(cast(XComModel.value, Text)) <= _LONGEST,
        )
    )
    found = {(row.task_id, row.map_index): XComModel.deserialize_value(row) for row in rows}
    return {
        key: value
        for key, value in found.items()
        if isinstance(value, Mapping) and value.keys() >= _OURS
    }


def _told(session: Session, dag_id: str, run_id: str) -> dict[Key, Mapping[str, Any]]:
    table = state_table()
    if table is None:
        return {}
    rows = session.scalars(
        select(table).where(table.dag_id == dag_id, table.run_id == run_id, table.key == KEY)
    )
    found = {(row.task_id, row.map_index): json.loads(row.value) for row in rows}
    return {key: value for key, value in found.items() if isinstance(value, Mapping)}
