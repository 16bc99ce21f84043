from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk import DAG, Asset, AssetAlias
from airflow.sdk.definitions.asset import AssetUniqueKey
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors

import airquery
from airquery_airflow import Manifest, TransformOperator
from airquery_airflow.testing import run_day


if TYPE_CHECKING:
    from tests.operators.conftest import Execute, Recorded, Rows

STARTED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def one_row(value: str = "1", **given: Any) -> TransformOperator:
    return TransformOperator(
        task_id="write", sql=f"SELECT {value} AS value", table="S.Numbers", **given
    )


def test_a_task_returns_its_manifest_and_nothing_else(execute: Execute) -> None:
    returned = execute(one_row())

    expected = Manifest(table="s.numbers", partition="2026-10-03", version=0, rows=1)
    assert returned == expected.to_xcom()


@pytest.mark.parametrize(
    ("context", "partition"),
    [
        ({"ds": "2026-10-03", "partition_key": None}, "2026-10-03"),
        ({"ds": "2026-10-03", "partition_key": "north"}, "north"),
    ],
    ids=["a data interval", "a partition key"],
)
def test_the_partition_is_the_key_or_the_day(
    execute: Execute, context: dict[str, Any], partition: str
) -> None:
    assert execute(one_row(), **context)["partition"] == partition


def test_a_partitioned_run_needs_no_day(dag: DAG) -> None:
    task = one_row().prepare_for_execution()

    task.render_template_fields(
        {"dag_run": SimpleNamespace(partition_key="north")}, dag.get_template_env()
    )

    assert task.partition == "north"


def test_a_run_without_key_and_day_fails_while_it_is_rendered(dag: DAG) -> None:
    task = one_row().prepare_for_execution()

    with pytest.raises(Exception, match="'ds' is undefined"):
        task.render_template_fields(
            {"dag_run": SimpleNamespace(partition_key=None)}, dag.get_template_env()
        )


@pytest.mark.parametrize("partition", ["", " ", "None", "{{ params.day }}"])
def test_a_partition_without_a_name_is_refused(execute: Execute, partition: str) -> None:
    with pytest.raises(AirflowFailException, match="No partition is named"):
        execute(one_row(partition=partition), params={"day": None})


def test_a_later_attempt_replaces_what_an_earlier_one_wrote(execute: Execute, rows: Rows) -> None:
    execute(one_row("1"), started=STARTED)
    execute(one_row("2"), started=STARTED + timedelta(seconds=1))

    assert rows("SELECT value, partition_key FROM s.numbers") == [(2, "2026-10-03")]


def test_an_attempt_that_outlived_its_retry_writes_nothing_and_says_so(
    execute: Execute, rows: Rows, recorded: Recorded
) -> None:
    execute(one_row("2"), started=STARTED + timedelta(microseconds=1))

    with pytest.raises(AirflowException, match="an attempt that began later has written it"):
        execute(one_row("1"), started=STARTED)

    assert rows("SELECT value FROM s.numbers") == [(2,)]
    assert [one.state for one in recorded()] == ["done", "failed"]


def test_other_partitions_are_left_alone(execute: Execute, rows: Rows) -> None:
    execute(one_row("1"), ds="2026-10-03")
    execute(one_row("2"), ds="2026-10-04")

    assert rows("SELECT value FROM s.numbers ORDER BY ALL") == [(1,), (2,)]


def test_an_outlet_gets_the_counts(execute: Execute) -> None:
    asset = Asset("numbers")
    events: dict[Asset, Any] = {asset: type("Event", (), {})()}

    returned = execute(one_row(outlets=[asset]), events=events)

    assert events[asset].extra == returned


def test_an_alias_among_the_outlets_becomes_the_table_with_the_counts(
    execute: Execute, home: Path
) -> None:
    alias = AssetAlias("whatever was written")
    accessors = OutletEventAccessors()

    returned = execute(one_row(outlets=[alias]), events=cast("Any", accessors))

    (event,) = accessors[alias].asset_alias_events
    assert event.dest_asset_key == AssetUniqueKey(
        name="S.Numbers", uri=f"file://{home}/warehouse/s/numbers"
    )
    assert event.extra == returned


@pytest.mark.skipif(
    find_spec("airflow.models.task_state_store") is None, reason="Airflow 3.2 keeps no state"
)
@pytest.mark.usefixtures("metadata_database")
def test_a_run_keeps_its_progress_in_the_state_of_the_task() -> None:
    from airflow.models.task_state_store import TaskStateStoreModel  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    with DAG("told", schedule=None, start_date=datetime(2026, 10, 1, tzinfo=UTC)) as dag:
        one_row()
    ran = run_day(dag, date(2026, 10, 3))

    with create_session() as session:
        rows = session.query(TaskStateStoreModel).filter_by(dag_id="told").all()
        kept = {row.key: json.loads(row.value) for row in rows}
    assert ran.tasks == {"write": "success"}
    assert kept["progress"] | {"step": ""} == {
        "step": "",
        **{
            name: value
            for name, value in ran.returned["write"].items()
            if isinstance(value, int | float)
        },
    }
    assert kept["progress"]["step"] == "done"


def test_a_task_that_documents_itself_keeps_its_own_words() -> None:
    assert one_row(doc_md="Mine.").doc_md == "Mine."
    assert one_row(doc="Mine.").doc_md is None
    assert str(one_row().doc_md) == "`TransformOperator`: Run a SELECT and publish its rows."


def test_an_error_says_whose_it_is(execute: Execute) -> None:
    with pytest.raises(AirflowFailException) as caught:
        execute(TransformOperator(task_id="write", sql="FROM s.nothing", table="s.t"))

    assert str(caught.value).startswith(
        "Table 's.t', partition '2026-10-03': There is no table s.nothing under "
    )


def test_the_session_is_bounded_and_its_folder_is_gone_afterwards(
    execute: Execute, rows: Rows
) -> None:
    settings = "memory_limit", "threads", "temp_directory"
    sql = ", ".join(f"current_setting('{name}')::VARCHAR AS {name}" for name in settings)
    task = TransformOperator(
        task_id="write", sql=f"SELECT {sql}", table="s.t", duckdb_config={"threads": 1}
    )

    execute(task)

    ((memory, threads, folder),) = rows("SELECT memory_limit, threads, temp_directory FROM s.t")
    assert memory == "1.8 GiB"
    assert threads == "1"
    assert "airquery-task-" in folder
    assert not Path(folder).exists()


def test_the_warehouse_may_be_named(execute: Execute, tmp_path: Path) -> None:
    execute(one_row(warehouse=str(tmp_path / "{{ ds }}")))

    assert airquery.Warehouse(tmp_path / "2026-10-03").tables() == ["s.numbers"]
