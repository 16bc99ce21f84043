"""One DAG in Airflow, as far as a backfill needs it: its days, its backfills, its runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import quote

from airquery_airflow.backfill.days import Day, Span, moment, zone_of
from airquery_airflow.backfill.errors import AirflowRefused
from airquery_airflow.backfill.outcome import DayRun, FailedTask


if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, tzinfo

    from airquery_airflow.backfill.api import AirflowApi

Reprocess = Literal["none", "failed", "completed"]

_COUNTED = ("backfill", "scheduled")
_LATEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants to have run."""

    dag_id: str
    span: Span
    reprocess: Reprocess = "none"
    conf: Mapping[str, Any] = field(default_factory=dict)
    max_active_runs: int = 10

    def to_json(self) -> dict[str, object]:
        """Return it as the API takes it."""
        return {
            "dag_id": self.dag_id,
            "from_date": self.span.first.isoformat(),
            "to_date": self.span.last.isoformat(),
            "reprocess_behavior": self.reprocess,
            "max_active_runs": self.max_active_runs,
            # An empty one would replace what the cleared run of a day was given.
            "dag_run_conf": dict(self.conf) or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """A backfill that Airflow has."""

    backfill_id: int
    dag_id: str
    span: Span
    reprocess: str
    conf: Mapping[str, Any]
    created: datetime
    paused: bool
    over: bool

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """Read what the API says of it."""
        return cls(
            backfill_id=int(fields["id"]),
            dag_id=str(fields["dag_id"]),
            span=Span(first=_time(fields["from_date"]), last=_time(fields["to_date"])),
            reprocess=str(fields["reprocess_behavior"]),
            conf=fields["dag_run_conf"] or {},
            created=_time(fields["created_at"]),
            paused=bool(fields["is_paused"]),
            over=fields["completed_at"] is not None,
        )

    def does(self, order: Order) -> bool:
        """Whether it is what was ordered; how many runs it has at a time is not looked at."""
        return (self.span, self.reprocess, dict(self.conf)) == (
            order.span,
            order.reprocess,
            dict(order.conf),
        )

    def __str__(self) -> str:
        """Name it."""
        return f"Backfill {self.backfill_id} of {self.dag_id} ({self.span})"


@dataclass(frozen=True, slots=True, kw_only=True)
class DagState:
    """What decides whether a DAG can be backfilled."""

    paused: bool
    partitioned: bool
    zone: tzinfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What a task of a run returned, as it stands in Airflow's database."""

    run_id: str
    value: object


class BackfilledDag:
    """One DAG of an Airflow. Everything raises `AirflowUnreachable` and `AirflowRefused`."""

    def __init__(self, api: AirflowApi, dag_id: str) -> None:
        self.dag_id = dag_id
        self._api = api
        self._path = f"/dags/{_segment(dag_id)}"

    def state(self) -> DagState:
        """Look whether it is there and how it stands."""
        try:
            details = self._api.get(f"{self._path}/details")
        except AirflowRefused as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            raise AirflowRefused(
                error.status, f"There is no DAG {self.dag_id!r} at {self._api.url}."
            ) from error
        return DagState(
            paused=bool(details["is_paused"]),
            partitioned=bool(details.get("timetable_partitioned")),
            zone=zone_of(details["timezone"]),
        )

    def planned(self, order: Order) -> tuple[Day, ...]:
        """Ask which days a backfill would run, without making it."""
        answer = self._api.post("/backfills/dry_run", order.to_json())
        return tuple(Day.of(one) for one in answer["backfills"])

    def running(self) -> Backfill | None:
        """Return the backfill that has not ended; there is at most one."""
        found = self._api.get("/backfills", dag_id=self.dag_id, order_by="-id", limit=10)
        backfills = (Backfill.of(one) for one in found["backfills"])
        return next((one for one in backfills if not one.over), None)

    def create(self, order: Order) -> Backfill | None:
        """Make a backfill, unless another one of the DAG is running."""
        try:
            return Backfill.of(self._api.post("/backfills", order.to_json()))
        except AirflowRefused as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            return None

    def cancel(self, backfill: Backfill) -> None:
        """End a backfill: queued runs fail, those that run end by themselves."""
        try:
            self._api.put(f"/backfills/{backfill.backfill_id}/cancel")
        except AirflowRefused as error:
            # It has just ended.
            if error.status != HTTPStatus.CONFLICT:
                raise

    def look(self, backfill: Backfill) -> Backfill:
        """Return a backfill as it is now. Airflow closes it some time after its last run."""
        return Backfill.of(self._api.get(f"/backfills/{backfill.backfill_id}"))

    def runs(self, span: Span, state: DagState) -> list[DayRun]:
        """Return the runs of a range; those that somebody started by hand are left out."""
        bounds: dict[str, object]
        if state.partitioned:
            # The API takes whole days of the DAG's timezone.
            bounds = {
                "partition_date_gte": span.first.astimezone(state.zone).date(),
                "partition_date_lte": span.last.astimezone(state.zone).date(),
            }
        else:
            bounds = {
                "logical_date_gte": span.first.isoformat(),
                "logical_date_lte": span.last.isoformat(),
            }
        found = self._api.pages(
            f"{self._path}/dagRuns", "dag_runs", run_type=_COUNTED, order_by="id", **bounds
        )
        return [
            _run_of(one)
            for one in found
            if not state.partitioned or span.first <= _partition_date(one) <= span.last
        ]

    def failed_tasks(self, run: DayRun) -> list[FailedTask]:
        """Return what failed in a run by itself, not because of something before it."""
        path = f"{self._path}/dagRuns/{_segment(run.run_id)}/taskInstances"
        found = self._api.pages(path, "task_instances", state="failed")
        return [
            FailedTask(
                task_id=str(one["task_id"]),
                map_index=int(one["map_index"]),
                tries=int(one["try_number"]),
                log=self._log_link(run, one),
            )
            for one in found
        ]

    def returned(self, operator: str, *, run: DayRun | None = None) -> list[Returned]:
        """Return what tasks of one operator returned: in a run, or in the latest runs of all."""
        path = f"{self._path}/dagRuns/{'~' if run is None else _segment(run.run_id)}/taskInstances"
        found = self._api.get(
            path, operator=operator, state="success", order_by="-start_date", limit=_LATEST
        )
        return [self._returned(one) for one in found["task_instances"]]

    def run_link(self, run: DayRun) -> str:
        """Return the page of a run."""
        return f"{self._api.url}{self._path}/runs/{_segment(run.run_id)}"

    def _returned(self, task: Mapping[str, Any]) -> Returned:
        run_id = str(task["dag_run_id"])
        path = (
            f"{self._path}/dagRuns/{_segment(run_id)}/taskInstances/{_segment(task['task_id'])}"
            "/xcomEntries/return_value"
        )
        try:
            value = self._api.get(path, map_index=task["map_index"])["value"]
        except AirflowRefused as error:
            # The task returned nothing.
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            value = None
        return Returned(run_id=run_id, value=value)

    def _log_link(self, run: DayRun, task: Mapping[str, Any]) -> str:
        mapped = f"/mapped/{task['map_index']}" if task["map_index"] >= 0 else ""
        return (
            f"{self.run_link(run)}/tasks/{_segment(task['task_id'])}{mapped}"
            f"?try_number={task['try_number']}"
        )


def _run_of(fields: Mapping[str, Any]) -> DayRun:
    return DayRun(
        run_id=str(fields["dag_run_id"]),
        day=Day.of(fields),
        state=fields["state"],
        started=moment(fields["start_date"]),
        ended=moment(fields["end_date"]),
    )


def _partition_date(fields: Mapping[str, Any]) -> datetime:
    when = moment(fields.get("partition_date"))
    if when is None:
        raise AirflowRefused(
            HTTPStatus.NOT_IMPLEMENTED,
            "This Airflow does not say which dates the partitions of a run are. A DAG with "
            "partitions can be followed from Airflow 3.3 on.",
        )
    return when


def _time(value: object) -> datetime:
    when = moment(value)
    if when is None:
        raise ValueError("the API gave no time where there is always one")
    return when


def _segment(text: str) -> str:
    """Write an id as one part of a path: a run id holds `+` and `:`."""
    return quote(text, safe="")
