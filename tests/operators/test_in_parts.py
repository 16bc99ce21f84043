"""A partition that is asked about in parts, by `dag.test()`."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airquery.testing import EndpointServer
from airquery_airflow import AIQueryOperator, TransformOperator, ai_query_in_parts
from airquery_airflow.testing import run_day


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.operators.conftest import Rows

DAY = date(2026, 10, 3)
SQL = (
    "SELECT id, tags, ai_query('llm', 'Say ' || text) AS said FROM s.docs "
    "WHERE partition_key = '{{ ds }}'"
)
DOCS = (
    "SELECT id, CASE WHEN id % 7 THEN 'word ' || id END AS text, [id, NULL] AS tags "
    "FROM range(40) AS r(id)"
)
PARTS = ("ask.ask[0]", "ask.ask[1]", "ask.ask[2]")

pytestmark = pytest.mark.usefixtures("metadata_database")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    with EndpointServer() as server:
        declared = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m"}
        priced = {**declared, "price": {"input_per_million": 1_000_000, "currency": "EUR"}}
        monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(priced))
        yield server


def in_parts(sql: str = SQL, **given: Any) -> DAG:
    """Make a DAG that asks about 40 documents in three parts."""
    start = datetime(2026, 10, 1, tzinfo=UTC)
    with DAG(
        "in_parts", schedule=None, start_date=start, default_args={"retry_delay": timedelta(0)}
    ) as dag:
        docs = TransformOperator(task_id="docs", sql=DOCS, table="s.docs")
        arguments = {"source": "s.docs", "table": "s.answers", "splits": 3, **given}
        docs >> ai_query_in_parts("ask", sql=sql, **arguments)
    return dag


def test_the_parts_give_what_the_whole_gives(server: EndpointServer, rows: Rows) -> None:
    with DAG("whole", schedule=None, start_date=datetime(2026, 10, 1, tzinfo=UTC)) as whole:
        TransformOperator(task_id="docs", sql=DOCS, table="s.docs") >> AIQueryOperator(
            task_id="ask", sql=SQL, table="s.whole"
        )
    ran = run_day(in_parts(), DAY)
    asked = server.count
    run_day(whole, DAY)

    assert ran.state == "success"
    assert (asked, server.count) == (34, 34)
    compared = "FROM s.{} ORDER BY ALL"
    assert rows(compared.format("answers")) == rows(compared.format("whole"))
    described = "DESCRIBE FROM s.{}"
    assert rows(described.format("answers")) == rows(described.format("whole"))
    assert rows("FROM s.answers__parts") == []
