from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery_airflow import TransformOperator
from tests.operators.conftest import task_instance


if TYPE_CHECKING:
    from tests.operators.conftest import Execute, Rows


def test_a_statement_reads_tables_and_writes_one(execute: Execute, rows: Rows) -> None:
    numbers = "SELECT unnest(range(4)) AS n"
    execute(TransformOperator(task_id="a", sql=numbers, table="s.numbers"))
    even = """
        WITH chosen AS (SELECT * FROM s.numbers WHERE partition_key = '{{ ds }}' AND n % 2 = 0)
        SELECT n, n * 10 AS tens FROM chosen;  -- the even ones
    """
    returned = execute(TransformOperator(task_id="b", sql=even, table="s.even"))

    assert returned["rows"] == 2
    assert rows("SELECT n, tens FROM s.even ORDER BY n") == [(0, 0), (2, 20)]


def test_a_table_that_is_not_there_is_named_with_the_nearest(execute: Execute) -> None:
    execute(TransformOperator(task_id="a", sql="SELECT 1 AS n", table="s.numbers"))

    with pytest.raises(AirflowException, match=r"no table s\.numbres .*Did you mean 's\.numbers'"):
        execute(TransformOperator(task_id="b", sql="FROM s.numbres", table="s.t"))


@pytest.mark.parametrize(
    "sql",
    ["SELEC 1", "SELECT nothing", "SELECT ai_query('llm', 'Hello') AS hello", "SELECT 1; SELECT 2"],
)
def test_sql_that_cannot_run_fails_at_once(execute: Execute, sql: str) -> None:
    with pytest.raises(AirflowFailException, match=r"The SQL cannot be run\."):
        execute(TransformOperator(task_id="a", sql=sql, table="s.t"))


def test_a_value_that_cannot_be_cast_is_left_to_airflows_retries(execute: Execute) -> None:
    sql = "SELECT CAST(n AS INTEGER) AS n FROM (SELECT unnest(['1', 'x']) AS n)"

    with pytest.raises(duckdb.ConversionException, match="Could not convert string 'x'"):
        execute(TransformOperator(task_id="a", sql=sql, table="s.t"))


def test_a_killed_task_stops_what_duckdb_is_doing_and_said_before_how_far_it_was(
    rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    # DuckDB 1.5 tells how far it is with a grouping, and not with a mere count.
    endless = """
        SELECT a.range % 1000 AS k, sum(b.range) AS n
        FROM range(1000000) AS a, range(1000000) AS b GROUP BY k
    """
    task = TransformOperator(task_id="a", sql=endless, table="s.t", partition="2026-10-03")
    task.progress_every_s = 0
    caplog.set_level(logging.INFO)
    caught: list[BaseException] = []

    def run() -> None:
        try:
            task.execute({"ti": task_instance()})  # type: ignore[typeddict-item]
        except duckdb.InterruptException as error:
            caught.append(error)

    running = threading.Thread(target=run)
    running.start()
    deadline = time.monotonic() + 60
    while " % after " not in caplog.text and time.monotonic() < deadline:
        running.join(timeout=0.05)
    task.on_kill()
    running.join(timeout=60)

    assert " % after " in caplog.text
    assert not running.is_alive()
    assert len(caught) == 1
    with pytest.raises(duckdb.CatalogException):
        rows("FROM s.t")


def test_a_task_that_was_killed_between_two_statements_does_not_publish(rows: Rows) -> None:
    task = TransformOperator(task_id="a", sql="SELECT 1 AS n", table="s.t", partition="d")

    class KilledWhileItStarts:
        """Kills the task when it asks for the time at which it began."""

        dag_id = run_id = task_id = "a"
        map_index = -1
        try_number = 1

        @property
        def start_date(self) -> datetime:
            task.on_kill()
            return datetime.now(UTC)

    with pytest.raises(AirflowException, match="cancelled"):
        task.execute({"ti": KilledWhileItStarts()})  # type: ignore[typeddict-item]

    with pytest.raises(duckdb.CatalogException):
        rows("FROM s.t")


def test_a_column_of_the_result_can_be_written_to_the_log(
    execute: Execute, caplog: pytest.LogCaptureFixture
) -> None:
    sql = "SELECT 'two reviews, one of them good' AS said"

    with caplog.at_level(logging.INFO):
        execute(TransformOperator(task_id="a", sql=sql, table="s.t", log_column="said"))

    assert "two reviews, one of them good" in caplog.messages
    assert "s.t [2026-10-03] version 0: 1 rows" in caplog.messages


def test_databricks_sql_is_translated_and_its_catalog_is_the_warehouse(
    execute: Execute, rows: Rows
) -> None:
    documents = "SELECT '{\"a\": 1}' AS text UNION ALL SELECT 'no JSON'"
    execute(TransformOperator(task_id="a", sql=documents, table="s.docs"))
    sql = """SELECT text, from_json(text, 'a INT').a AS a, "it's" AS b, :c AS c FROM ${name} AS d"""

    execute(
        TransformOperator(
            task_id="b",
            sql=sql,
            table="s.parsed",
            dialect="databricks",
            variables={"name": "main.s.docs", "c": "x'y"},
        )
    )

    assert rows("SELECT text, a, b, c FROM s.parsed ORDER BY text") == [
        ("no JSON", None, "it's", "x'y"),
        ('{"a": 1}', 1, "it's", "x'y"),
    ]


def test_duckdb_sql_may_have_widgets_too(execute: Execute, rows: Rows) -> None:
    sql = "SELECT '${word}' AS word"

    execute(TransformOperator(task_id="a", sql=sql, table="s.t", variables={"word": "{{ ds }}"}))

    assert rows("SELECT word FROM s.t") == [("2026-10-03",)]
