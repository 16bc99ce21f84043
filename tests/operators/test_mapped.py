"""Instances of a mapped task that would overwrite each other's rows fail before they ask."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk import DAG, XComArg
from airflow.sdk.exceptions import AirflowFailException

from airquery.testing import EndpointServer
from airquery_airflow import AIQueryOperator, PublishParquetOperator, TransformOperator
from airquery_airflow.testing import run_day
from tests.operators.conftest import task_instance


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operators.conftest import Execute, Rows

ASKED = ["SELECT ai_query('llm', 'one') AS said", "SELECT ai_query('llm', 'two') AS said"]
OVERWRITTEN = "is mapped, and all its instances would write the partition"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    with EndpointServer() as server:
        declared = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m"}
        monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))
        yield server


@pytest.mark.usefixtures("metadata_database")
def test_instances_without_a_place_of_their_own_fail_unpaid_and_the_others_keep_every_row(
    server: EndpointServer, rows: Rows, capfd: pytest.CaptureFixture[str]
) -> None:
    with DAG("mapped", schedule=None, start_date=datetime(2026, 10, 1, tzinfo=UTC)) as dag:
        AIQueryOperator.partial(task_id="same", table="s.same").expand(sql=ASKED)
        days = TransformOperator.partial(task_id="days", sql="SELECT 1 AS n", table="s.days")
        days.expand(partition=["x", "y"])

    ran = run_day(dag, date(2026, 10, 3))

    states = {name: state for name, state in ran.tasks.items() if state != "success"}
    assert states == {"same[0]": "failed", "same[1]": "failed"}
    assert f"{OVERWRITTEN} '2026-10-03' of 's.same'" in "".join(capfd.readouterr())
    assert rows("SELECT partition_key, n FROM s.days ORDER BY ALL") == [("x", 1), ("y", 1)]
    assert server.count == 0


def unmapped(given: dict[str, Any], arguments: Any = None) -> TransformOperator:
    """Return an instance of a task that is mapped over arguments, or over what another returns."""
    with DAG("mapped", schedule=None, start_date=datetime(2026, 10, 1, tzinfo=UTC)) as dag:
        if arguments is None:
            TransformOperator(task_id="told", sql="SELECT []", table="s.told")
            arguments = XComArg(dag.get_task("told"))
        TransformOperator.partial(task_id="a", sql="SELECT 1 AS n").expand_kwargs(arguments)
    made: Any = dag.get_task("a")
    return cast("TransformOperator", made.unmap(given))


def test_arguments_that_come_from_another_task_may_name_the_place(execute: Execute) -> None:
    ti = task_instance("a", map_index=1)

    assert execute(unmapped({"table": "s.a", "partition": "x"}), ti=ti)["partition"] == "x"
    assert execute(unmapped({"table": "s.b"}, [{"table": "s.b"}]), ti=ti)["table"] == "s.b"


@pytest.mark.parametrize("partition", ["{{ ds }}/{{ ti.map_index }}", "{{ params.day }}"])
def test_a_partition_that_can_differ_is_written(execute: Execute, partition: str) -> None:
    made = TransformOperator(task_id="a", sql="SELECT 1 AS n", table="s.a", partition=partition)
    ti = task_instance("a", map_index=1)

    assert execute(made, ti=ti, params={"day": "x"})["rows"] == 1


@pytest.mark.parametrize(
    "place",
    [{}, {"partition": "task"}, {"table": "s.ti"}, {"partition": "{{ ds }}"}, {"warehouse": None}],
)
def test_a_place_that_cannot_differ_is_refused(execute: Execute, place: dict[str, Any]) -> None:
    given = {"table": "s.a", **place}
    made = TransformOperator(task_id="a", sql="SELECT 1 AS n", **given)

    with pytest.raises(AirflowFailException, match=OVERWRITTEN) as refused:
        execute(made, ti=task_instance("a", map_index=1))

    assert str(refused.value).endswith("To divide one partition, use ai_query_in_parts.")


def test_instances_may_publish_one_partition_to_files_of_their_own(
    execute: Execute, tmp_path: Path
) -> None:
    execute(TransformOperator(task_id="a", sql="SELECT 1 AS n", table="s.a"))
    path = f"{tmp_path}/{{{{ ti.map_index }}}}.parquet"

    execute(
        PublishParquetOperator(task_id="b", table="s.a", path=path),
        ti=task_instance("b", map_index=1),
    )

    assert [file.name for file in tmp_path.glob("*.parquet")] == ["1.parquet"]
