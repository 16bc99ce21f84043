"""A partition that is asked about in parts gives what it gives as a whole."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowFailException

import airquery
from airquery.testing import EndpointServer, Reply
from airquery_airflow import (
    AIQueryOperator,
    AIQueryPartOperator,
    MergeOperator,
    SplitOperator,
    TransformOperator,
    ai_query_in_parts,
)
from airquery_airflow.testing import run_day


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operators.conftest import Execute, Rows

SQL = (
    "SELECT id, tags, ai_query('llm', 'Say ' || text) AS said FROM s.docs "
    "WHERE partition_key = '{{ ds }}'"
)
DOCS = (
    "SELECT id, CASE WHEN id % 7 THEN 'word ' || id END AS text, [id, NULL] AS tags "
    "FROM range({}) AS r(id)"
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    with EndpointServer() as server:
        declared = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m"}
        priced = {**declared, "price": {"input_per_million": 1_000_000, "currency": "EUR"}}
        monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(priced))
        yield server


@pytest.fixture(autouse=True)
def docs(execute: Execute) -> None:
    write_docs(execute, 40)


def write_docs(execute: Execute, count: int) -> None:
    """Write the documents of the day."""
    execute(TransformOperator(task_id="docs", sql=DOCS.format(count), table="s.docs"))


def split(execute: Execute, **given: Any) -> list[dict[str, Any]]:
    """Cut the documents into three parts."""
    task = SplitOperator(task_id="split", **{"table": "s.docs", "parts": 3, **given})
    return cast("list[dict[str, Any]]", execute(cast("Any", task)))


def ask(execute: Execute, part: dict[str, Any], sql: str = SQL, **given: Any) -> dict[str, Any]:
    return execute(
        AIQueryPartOperator(task_id="ask", sql=sql, table="s.answers", part=part, **given)
    )


def merge(execute: Execute, parts: list[dict[str, Any]], *manifests: Any) -> dict[str, Any]:
    return execute(
        MergeOperator(task_id="merge", table="s.answers", parts=parts, manifests=manifests)
    )


def whole(execute: Execute) -> dict[str, Any]:
    return execute(AIQueryOperator(task_id="whole", sql=SQL, table="s.whole"))


@pytest.mark.usefixtures("metadata_database")
def test_a_part_that_failed_fails_the_merge_by_name_and_the_next_run_pays_for_it_alone(
    server: EndpointServer,
    rows: Rows,
    execute: Execute,
    home: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with DAG("in_parts", schedule=None, start_date=datetime(2026, 10, 1, tzinfo=UTC)) as dag:
        ai_query_in_parts("ask", source="s.docs", sql=SQL, table="s.answers", splits=3)
    broken = True
    server.fail_when(lambda body: broken and "word 11" in str(body), Reply(status=400))
    warehouse = airquery.Warehouse(home / "warehouse")

    failed = run_day(dag, date(2026, 10, 3))
    tables = warehouse.tables()
    broken = False
    ran = run_day(dag, date(2026, 10, 3))

    (part,) = {name for name, state in failed.tasks.items() if state == "failed"} - {"ask.merge"}
    name = {"ask.ask[0]": "01 of 03", "ask.ask[1]": "02 of 03", "ask.ask[2]": "03 of 03"}[part]
    assert f"1 of its parts failed: {name}. Clear their tasks" in "".join(capfd.readouterr())
    assert tables == ["s.answers__parts", "s.docs"]
    assert set(ran.tasks.values()) == {"success"}
    merged = ran.returned["ask.merge"]
    assert (merged["requests_sent"], merged["from_journal"], merged["rows"]) == (1, 33, 40)
    assert (merged["price"], merged["currency"], merged["version"]) == (3.0, "EUR", 0)
    assert whole(execute)["requests_sent"] == 0
    assert rows("FROM s.answers ORDER BY ALL") == rows("FROM s.whole ORDER BY ALL")
    assert rows("DESCRIBE FROM s.answers") == rows("DESCRIBE FROM s.whole")
    assert rows("FROM s.answers__parts") == []
    assert labels("in_parts") == {"part 01 of 03", "part 02 of 03", "part 03 of 03"}


def labels(dag_id: str) -> set[str]:
    """Return what the UI calls the instances of mapped tasks."""
    from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    with create_session() as session:
        found = session.query(TaskInstance).filter(
            TaskInstance.dag_id == dag_id, TaskInstance.map_index >= 0
        )
        return {str(one.rendered_map_index) for one in found}


def test_parts_at_the_same_time_give_what_the_whole_gives_and_a_second_merge_does_nothing(
    server: EndpointServer, rows: Rows, execute: Execute
) -> None:
    sql = "SELECT id, tags, ai_query('llm', 'Say ' || text) AS said FROM source"
    parts = split(execute)
    with ThreadPoolExecutor() as pool:
        asked = list(pool.map(lambda part: ask(execute, part, sql), parts))

    merged = merge(execute, parts, *asked)
    # As if the first merge had been killed before it removed the parts.
    ask(execute, parts[0], sql)
    again = merge(execute, parts, *asked)

    assert [part["rows"] for part in parts] == [one["rows"] for one in asked]
    assert merged["requests_sent"] == sum(one["requests_sent"] for one in asked) == 34
    assert (again["version"], again["rows"]) == (merged["version"], 40)
    assert whole(execute)["requests_sent"] == 0
    assert server.count == 34
    assert rows("FROM s.answers ORDER BY ALL") == rows("FROM s.whole ORDER BY ALL")
    assert rows("FROM s.answers__parts") == []


def test_parts_are_those_of_the_rows_that_were_split_whatever_is_written_meanwhile(
    server: EndpointServer, rows: Rows, execute: Execute
) -> None:
    older = split(execute, parts=2)
    ask(execute, older[0])
    parts = split(execute, parts=2)
    write_docs(execute, 50)
    asked = [ask(execute, part) for part in parts]

    merged = merge(execute, parts, *asked)

    assert merged["rows"] == 40
    assert rows("SELECT count(DISTINCT id), max(id) FROM s.answers") == [(40, 39)]
    assert rows("FROM s.answers__parts") == []
    with pytest.raises(AirflowFailException, match="a split that was made later is merged already"):
        merge(execute, older)
    assert server.count == 34


def test_a_part_of_another_split_is_no_part_of_this_one(
    server: EndpointServer, execute: Execute, home: Path
) -> None:
    ask(execute, split(execute)[0])
    parts = split(execute)
    ask(execute, parts[1])

    with pytest.raises(AirflowFailException, match=r"2 of its parts failed: 01 of 03, 03 of 03\."):
        merge(execute, parts)
    with pytest.raises(AirflowFailException, match="the task that splits its source has not"):
        merge(execute, [])

    assert "s.answers" not in airquery.Warehouse(home / "warehouse").tables()
    assert 0 < server.count < 34


def test_a_partition_without_rows_becomes_one(
    server: EndpointServer, execute: Execute, home: Path
) -> None:
    write_docs(execute, 0)
    parts = split(execute)

    merged = merge(execute, parts, *[ask(execute, part) for part in parts])

    published = airquery.Warehouse(home / "warehouse").published("s.answers", "2026-10-03")
    assert [(part["name"], part["rows"]) for part in parts] == [("01 of 03", 0)]
    assert (merged["rows"], server.count) == (0, 0)
    assert published is not None


def test_what_the_parts_spend_together_is_bounded_by_the_budget_of_their_dags_day(
    server: EndpointServer, execute: Execute
) -> None:
    parts = split(execute)
    budget = {"per_day": {"requests": 20}}

    said = []
    for part in parts:
        try:
            ask(execute, part, budget=budget)
        except AirflowFailException as error:
            said.append(str(error))

    assert server.count == 20
    assert len(said) == 2
    assert all("the budget of 20 requests a day of 'dag:" in one for one in said)


def test_a_statement_that_would_see_one_part_only_is_refused_before_it_asks(
    server: EndpointServer, execute: Execute
) -> None:
    (part, *_) = split(execute)

    with pytest.raises(AirflowFailException, match="LIMIT would see one part only"):
        ask(execute, part, SQL + " LIMIT 3")

    assert server.count == 0


def test_a_statement_that_leaves_rows_out_publishes_nothing(
    server: EndpointServer, execute: Execute, home: Path
) -> None:
    (part, *_) = split(execute)

    with pytest.raises(AirflowFailException, match="the statement made 0 of them"):
        ask(execute, part, SQL + " AND id < 0")

    assert airquery.Warehouse(home / "warehouse").tables() == ["s.docs"]
    assert server.count == 0


@pytest.mark.parametrize("parts", [0, 65, True, "3"])
def test_a_number_of_parts_that_cannot_be_is_told_when_the_dag_is_parsed(parts: Any) -> None:
    with pytest.raises(ValueError, match=r"Give a whole number from 1 to 64"):
        SplitOperator(task_id="split", table="s.docs", parts=parts)


def test_a_key_that_is_no_column_fails_at_once(execute: Execute) -> None:
    with pytest.raises(AirflowFailException, match="nothing"):
        split(execute, key="nothing")
    with pytest.raises(AirflowException, match=r"There is no table s\.other"):
        split(execute, table="s.other")
