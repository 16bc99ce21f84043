"""A scratch Airflow, made before anything imports it, and a home of airquery for every test."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import duckdb
import pytest

import airquery
from airquery.connection import close_engines
from airquery.records import TaskRecord, records_of
from airquery_airflow import testing


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow.sdk import DAG, Asset

    from airquery_airflow import ValidateOperator
    from airquery_airflow.table_task import TableTask

DAY = "2026-10-03"

testing.configure_scratch()

import airflow.sdk  # noqa: E402 - after its home is known


Rows: TypeAlias = Callable[[str], list[tuple[Any, ...]]]
Recorded: TypeAlias = Callable[[], list[TaskRecord]]


class Execute(Protocol):
    """How a test runs one task."""

    def __call__(
        self,
        task: TableTask | ValidateOperator,
        *,
        started: datetime | None = None,
        events: dict[Asset, Any] | None = None,
        **context: Any,
    ) -> dict[str, Any]: ...


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test a journal and a warehouse of its own, and no endpoints."""
    for name in list(os.environ):
        if name.startswith("AIRQUERY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AIRQUERY_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    close_engines()


@pytest.fixture(scope="session")
def metadata_database() -> None:
    """Create what `dag.test()` needs."""
    testing.create_database()


def task_instance(
    task_id: str = "ask", *, started: datetime | None = None, **more: Any
) -> SimpleNamespace:
    """Return what a task knows about the attempt it is."""
    known = {"dag_id": "pipeline", "run_id": "manual", "map_index": -1, "try_number": 1}
    began = started or datetime.now(UTC)
    return SimpleNamespace(**{**known, "task_id": task_id, "start_date": began, **more})


@pytest.fixture
def dag() -> DAG:
    return airflow.sdk.DAG("pipeline", schedule=None, start_date=datetime(2026, 10, 1, tzinfo=UTC))


@pytest.fixture
def execute(dag: DAG) -> Execute:
    """Render and execute a task as the task runner would, without a database."""

    def execute(
        task: TableTask | ValidateOperator,
        *,
        started: datetime | None = None,
        events: dict[Asset, Any] | None = None,
        **context: Any,
    ) -> dict[str, Any]:
        known: dict[str, Any] = {
            "ti": task_instance(task.task_id, started=started),
            "outlet_events": defaultdict(SimpleNamespace) if events is None else events,
            "dag_run": SimpleNamespace(partition_key=context.get("partition_key")),
            "partition_key": None,
            "ds": DAY,
            "params": {},
            **context,
        }
        ready = task.prepare_for_execution()
        ready.render_template_fields(known, dag.get_template_env())  # type: ignore[arg-type]
        return ready.execute(known)  # type: ignore[arg-type]

    return execute


@pytest.fixture
def recorded(home: Path) -> Recorded:
    """Read what is kept of the tasks that were executed."""
    records = records_of(airquery.Settings.read(home=home))
    return lambda: records.tasks(dag_id="pipeline", run_id="manual")


@pytest.fixture
def rows(home: Path) -> Rows:
    """Read a query over all tables of the warehouse."""

    def rows(query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            airquery.Warehouse(home / "warehouse").attach(connection)
            return connection.sql(query).fetchall()

    return rows
