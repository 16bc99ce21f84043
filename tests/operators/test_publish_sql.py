from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg2  # type: ignore[import-untyped]  # it has no types
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery_airflow import IngestSQLOperator, PublishSQLOperator, TransformOperator
from tests.operators.databases import connect_postgres, connect_sqlite


if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import Context

    from tests.operators.conftest import Execute
    from tests.postgres_server import PostgresServer

VALUES = """
SELECT
  1::TINYINT AS small,
  1.10::DECIMAL(10, 2) AS money,
  TIMESTAMPTZ '2026-10-03 01:02:03+00' AS instant,
  DATE '2026-10-03' AS day,
  '\\x00\\xFF'::BLOB AS bytes,
  {'a': [1, 2]} AS nested,
  NULL::VARCHAR AS "no%thing",
  'tab' || chr(9) || 'line' || chr(10) AS text
"""
EARLY = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def shop(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> str:
    url = postgres.new_database()
    connect_postgres(monkeypatch, url)
    return url


def publish(conn_id: str = "shop", **given: Any) -> PublishSQLOperator:
    given = {"table": "s.t", "target": "public.answers", "conn_id": conn_id, **given}
    return PublishSQLOperator(task_id="p", **given)


def make(execute: Execute, sql: str, ds: str = "2026-10-03") -> None:
    execute(TransformOperator(task_id="t", table="s.t", sql=sql), ds=ds)


def test_a_partition_replaces_its_own_rows_in_postgresql_and_no_others(
    execute: Execute, postgres: PostgresServer, shop: str
) -> None:
    for day in ("2026-10-03", "2026-10-04"):
        make(execute, "SELECT unnest(range(3)) AS n", ds=day)
        execute(publish(), ds=day)
    make(execute, "SELECT 7::BIGINT AS n")

    returned = execute(publish())
    again = execute(publish())

    assert returned == again
    assert (returned["table"], returned["partition"], returned["rows"]) == (
        "shop:public.answers",
        "2026-10-03",
        1,
    )
    assert postgres.execute(shop, "SELECT * FROM answers ORDER BY 2, 1") == [
        (7, "2026-10-03"),
        (0, "2026-10-04"),
        (1, "2026-10-04"),
        (2, "2026-10-04"),
    ]


def test_values_of_every_kind_arrive_in_postgresql(
    execute: Execute, postgres: PostgresServer, shop: str
) -> None:
    make(execute, VALUES.replace('"no%thing"', "nothing"))
    execute(publish(sql='SELECT * RENAME (nothing AS "no%thing") FROM source'))

    [(small, money, instant, day, raw, nested, nothing, text, partition)] = postgres.execute(
        shop, "SELECT * FROM answers"
    )
    assert (small, money, instant, day, bytes(raw), nested, nothing, text, partition) == (
        1,
        Decimal("1.10"),
        datetime(2026, 10, 3, 1, 2, 3, tzinfo=UTC),
        date(2026, 10, 3),
        b"\x00\xff",
        {"a": [1, 2]},
        None,
        "tab\tline\n",
        "2026-10-03",
    )


def test_an_attempt_that_runs_late_changes_nothing(
    execute: Execute, postgres: PostgresServer, shop: str
) -> None:
    make(execute, "SELECT 1 AS n")
    execute(publish())
    make(execute, "SELECT 2 AS n")

    with pytest.raises(AirflowException, match="'shop': an attempt that began later has written"):
        execute(publish(), started=EARLY)

    assert postgres.execute(shop, "SELECT n FROM answers") == [(1,)]


def test_what_the_database_refuses_leaves_the_rows_as_they_were(
    execute: Execute, postgres: PostgresServer, shop: str
) -> None:
    make(execute, "SELECT 1 AS n")
    execute(publish())
    postgres.execute(shop, "ALTER TABLE answers ADD CHECK (n < 5)")
    make(execute, "SELECT 9 AS n")

    with pytest.raises(AirflowException, match=r"Connection 'shop': .*violates check constraint"):
        execute(publish())
    with pytest.raises(
        AirflowFailException, match=r"Connection 'shop': .*missing.* does not exist"
    ):
        execute(publish(target="missing", create=False))

    assert postgres.execute(shop, "SELECT n FROM answers") == [(1,)]


def test_sqlite_takes_the_rows_too(
    execute: Execute, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_sqlite(monkeypatch, tmp_path / "lite.db")
    make(execute, VALUES.replace('"no%thing"', "nothing"))

    for _ in range(2):
        execute(publish("lite", target="answers"))

    with closing(sqlite3.connect(tmp_path / "lite.db")) as connection:
        assert connection.execute("SELECT * FROM answers").fetchall() == [
            (
                1,
                "1.10",
                "2026-10-03 01:02:03+00",
                "2026-10-03",
                b"\x00\xff",
                '{"a":[1,2]}',
                None,
                "tab\tline\n",
                "2026-10-03",
            )
        ]


class Killable(PublishSQLOperator):
    """Shows the copy of itself that runs."""

    running: ClassVar[list[PublishSQLOperator]] = []

    def execute(self, context: Context) -> dict[str, Any]:
        self.running.append(self)
        return super().execute(context)


def test_a_killed_task_leaves_the_rows_as_they_were(
    execute: Execute, postgres: PostgresServer, shop: str
) -> None:
    make(execute, "SELECT 1 AS n")
    execute(publish())
    task = Killable(task_id="p", table="s.t", conn_id="shop", target="public.answers")

    def kill() -> None:
        asked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        asking = (postgres.execute(shop, asked) for _ in range(5_000))
        assert next(filter(None, asking))
        task.running[0].on_kill()

    with closing(psycopg2.connect(shop)) as other, ThreadPoolExecutor(1) as thread:
        other.cursor().execute("LOCK TABLE answers")
        killed = thread.submit(kill)
        with pytest.raises(AirflowException, match="cancelled"):
            execute(task)
        killed.result()

    assert postgres.execute(shop, "SELECT n FROM answers") == [(1,)]


def test_hostile_names_are_only_names(
    execute: Execute,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    postgres: PostgresServer,
    shop: str,
) -> None:
    connect_sqlite(monkeypatch, tmp_path / "lite.db")
    hostile = "a\"%s'--"
    name = hostile.replace('"', '""')
    make(execute, f'SELECT 1 AS "{name}"')

    for conn_id in ("shop", "lite"):
        execute(publish(conn_id, target=hostile))
        query = f'SELECT * FROM "{name}"'
        execute(
            IngestSQLOperator(
                task_id="i",
                table="s.t",
                conn_id=conn_id,
                query=query,
                on_schema_change="evolve",
                sql=f'SELECT "{name}"::INTEGER AS "{name}" FROM source',
            )
        )

    assert postgres.execute(shop, "SELECT target FROM airquery_publications") == [(hostile,)]


@pytest.mark.usefixtures("shop")
def test_a_partition_that_was_never_published_empties_nothing(execute: Execute) -> None:
    make(execute, "SELECT 1 AS n")

    with pytest.raises(AirflowException, match=r"'2026-10-09' of 's\.t' was never published"):
        execute(publish(), ds="2026-10-09")


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT n FROM source", "leaves out partition_key"),
        ("SELECT n, 'x' AS partition_key FROM source", "rows of other partitions"),
    ],
)
def test_rows_that_could_not_be_found_again_are_refused(
    execute: Execute, sql: str, said: str
) -> None:
    make(execute, "SELECT 1 AS n")

    with pytest.raises(AirflowFailException, match=said):
        execute(publish(sql=sql))
