from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowException, AirflowFailException

import airquery
from airquery_airflow import Manifest, TransformOperator


if TYPE_CHECKING:
    from airflow.sdk import DAG

    from tests.operators.conftest import Execute, Rows

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

    task.render_template_fields({"partition_key": "north"}, dag.get_template_env())

    assert task.partition == "north"


def test_a_run_without_key_and_day_fails_while_it_is_rendered(dag: DAG) -> None:
    task = one_row().prepare_for_execution()

    with pytest.raises(Exception, match="'ds' is undefined"):
        task.render_template_fields({"partition_key": None}, dag.get_template_env())


@pytest.mark.parametrize("partition", ["", " ", "None", "{{ params.day }}"])
def test_a_partition_without_a_name_is_refused(execute: Execute, partition: str) -> None:
    with pytest.raises(AirflowFailException, match="No partition is named"):
        execute(one_row(partition=partition), params={"day": None})


def test_a_later_attempt_replaces_what_an_earlier_one_wrote(execute: Execute, rows: Rows) -> None:
    execute(one_row("1"), started=STARTED)
    execute(one_row("2"), started=STARTED + timedelta(seconds=1))

    assert rows("SELECT value, partition_key FROM s.numbers") == [(2, "2026-10-03")]


def test_an_attempt_that_outlived_its_retry_writes_nothing_and_says_so(
    execute: Execute, rows: Rows
) -> None:
    execute(one_row("2"), started=STARTED + timedelta(microseconds=1))

    with pytest.raises(AirflowException, match="an attempt that began later has written it"):
        execute(one_row("1"), started=STARTED)

    assert rows("SELECT value FROM s.numbers") == [(2,)]


def test_other_partitions_are_left_alone(execute: Execute, rows: Rows) -> None:
    execute(one_row("1"), ds="2026-10-03")
    execute(one_row("2"), ds="2026-10-04")

    assert rows("SELECT value FROM s.numbers ORDER BY ALL") == [(1,), (2,)]


def test_an_outlet_gets_the_counts(execute: Execute) -> None:
    asset = Asset("numbers")
    events: dict[Asset, Any] = {asset: type("Event", (), {})()}

    returned = execute(one_row(outlets=[asset]), events=events)

    assert events[asset].extra == returned


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
