from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery_airflow import IngestSQLOperator
from tests.operators.databases import connect_postgres, connect_sqlite


if TYPE_CHECKING:
    from airflow.sdk import Context

    from tests.operators.conftest import Execute, Rows
    from tests.postgres_server import PostgresServer


class Killable(IngestSQLOperator):
    """Shows the copy of itself that runs."""

    running: ClassVar[list[IngestSQLOperator]] = []

    def execute(self, context: Context) -> dict[str, Any]:
        self.running.append(self)
        return super().execute(context)


ALL_TYPES = (Path(__file__).parent / "all_types.sql").read_text()


def ingest(query: str, conn_id: str = "shop", **given: Any) -> IngestSQLOperator:
    return IngestSQLOperator(task_id="a", conn_id=conn_id, query=query, table="s.t", **given)


@pytest.fixture
def shop(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> str:
    url = postgres.new_database()
    connect_postgres(monkeypatch, url)
    return url


@pytest.fixture
def lite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "lite.db"
    connect_sqlite(monkeypatch, file)
    return file


@pytest.mark.usefixtures("shop")
def test_every_type_of_postgresql_comes_as_it_is(execute: Execute, rows: Rows) -> None:
    execute(ingest(ALL_TYPES))

    assert rows("SELECT * EXCLUDE partition_key REPLACE (instant::VARCHAR AS instant) FROM s.t")[
        0
    ] == (
        1,
        2,
        3_000_000_000,
        Decimal("1.10"),
        Decimal("1.5"),
        2.5,
        True,
        "ü",
        b"\x00\xff",
        date(2026, 10, 3),
        datetime(2026, 10, 3, 1, 2, 3, 4),  # noqa: DTZ001 - it has no zone
        rows("SELECT timestamptz '2026-10-02 23:02:03+00' :: VARCHAR")[0][0],
        '{"a": 1.10, "b": 12345678901234567890}',
        "5b3a1c1e-0000-4000-8000-000000000001",
        ["a", None],
        None,
    )
    kinds: dict[str, str] = dict(rows("SELECT column_name, column_type FROM (DESCRIBE s.t)"))
    assert (kinds["small"], kinds["money"], kinds["nothing"]) == (
        "SMALLINT",
        "DECIMAL(10,2)",
        "INTEGER",
    )


@pytest.mark.usefixtures("shop")
def test_more_rows_than_a_batch_are_all_there_and_the_query_is_a_template(
    execute: Execute, rows: Rows
) -> None:
    query = "SELECT n, '{{ ds }}' AS day, '5%' AS s FROM generate_series(1, 25000) AS t (n)"

    returned = execute(ingest(query, sql="FROM source WHERE n > 1"))

    assert returned["rows"] == 24_999
    assert rows("SELECT count(DISTINCT n), sum(n), any_value(day), any_value(s) FROM s.t") == [
        (24_999, 25_000 * 25_001 // 2 - 1, "2026-10-03", "5%")
    ]


@pytest.mark.usefixtures("shop")
def test_parameters_are_bound(execute: Execute, rows: Rows) -> None:
    execute(ingest("SELECT %(name)s AS name", parameters={"name": "{{ ds }}'; --"}))

    assert rows("SELECT name FROM s.t") == [("2026-10-03'; --",)]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM nowhere", "Connection 'shop': relation \"nowhere\" does not exist"),
        ("SELECT 1 AS a, 2 AS a", "Connection 'shop': the query has two columns a"),
        ("SELECT 'NaN'::numeric AS n", "column 'n' has a value among the rows from 1"),
        ("SELECT 1::numeric(60, 2) AS n", "numeric\\(60,2\\).*CAST\\(n AS text\\)"),
        ("SELECT 0.1234567890123456789 AS n", "column 'n' has a value among the rows from 1"),
    ],
)
def test_what_cannot_be_read_is_named_and_not_tried_again(
    execute: Execute, query: str, said: str
) -> None:
    with pytest.raises(AirflowFailException, match=said):
        execute(ingest(query))


def test_a_database_that_is_away_is_left_to_airflows_retries(
    execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_postgres(monkeypatch, "postgresql://u@127.0.0.1:9/x")

    with pytest.raises(AirflowException, match=r"Connection 'shop': .*refused") as caught:
        execute(ingest("SELECT 1"))

    assert not isinstance(caught.value, AirflowFailException)
    assert "geheim" not in str(caught.value)


def test_a_connection_that_is_no_database_is_refused(
    execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_SHOP", '{"conn_type": "airquery_endpoint", "host": "http://x"}'
    )

    with pytest.raises(AirflowFailException, match="'shop' is of type 'airquery_endpoint'"):
        execute(ingest("SELECT 1"))


def test_a_killed_task_stops_its_query_and_writes_nothing(
    execute: Execute, rows: Rows, postgres: PostgresServer, shop: str
) -> None:
    execute(ingest("SELECT 1 AS kept"))
    task = Killable(
        task_id="a", conn_id="shop", query="SELECT pg_sleep(60)::text AS kept", table="s.t"
    )

    def kill() -> None:
        asked = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        asking = (postgres.execute(shop, asked) for _ in range(5_000))
        assert next(filter(None, asking))
        task.running[0].on_kill()

    with ThreadPoolExecutor(1) as thread:
        killed = thread.submit(kill)
        with pytest.raises(AirflowException, match=r"(?i)cancel|stopped|killed"):
            execute(task)
        killed.result()

    assert rows("SELECT kept FROM s.t") == [(1,)]


def test_rows_come_from_sqlite_with_the_types_of_their_values(
    execute: Execute, rows: Rows, lite: Path
) -> None:
    with closing(sqlite3.connect(lite)) as connection:
        connection.execute("CREATE TABLE t (n, x, late, never, bytes)")
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?, NULL, ?)",
            [(n, n / 2, None if n < 12_000 else f"v{n}", b"\x00") for n in range(12_001)],
        )
        connection.commit()

    execute(ingest("SELECT * FROM t", "lite"))

    assert rows("FROM s.t SELECT n, x, late, never, bytes WHERE n >= 11999 ORDER BY n") == [
        (11_999, 5_999.5, None, None, b"\x00"),
        (12_000, 6_000.0, "v12000", None, b"\x00"),
    ]


def test_a_type_that_changes_half_way_is_named_and_a_declared_one_is_kept(
    execute: Execute, rows: Rows, lite: Path
) -> None:
    with closing(sqlite3.connect(lite)) as connection:
        connection.execute("CREATE TABLE t (n)")
        values = [(n,) for n in range(10_000)] + [("x",)]
        connection.executemany("INSERT INTO t VALUES (?)", values)
        connection.commit()

    with pytest.raises(
        AirflowFailException, match=r"'n' is int64 at first, and string among the rows from 10001"
    ):
        execute(ingest("SELECT * FROM t", "lite"))
    execute(ingest("SELECT * FROM t", "lite", columns={"n": "VARCHAR"}))

    assert rows("SELECT count(*), max(n) FROM s.t") == [(10_001, "x")]


@pytest.mark.usefixtures("lite")
def test_a_query_of_no_rows_empties_the_partition(execute: Execute, rows: Rows) -> None:
    execute(ingest("SELECT 1 AS n", "lite"))
    execute(ingest("SELECT 1 AS n WHERE 0", "lite"))

    assert rows("SELECT count(*) FROM s.t") == [(0,)]
