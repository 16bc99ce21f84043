"""Through fsspec's own store in memory: a real file system, in the place of a bucket's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import fsspec
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.io import attach

from airquery_airflow import IngestOperator, PublishParquetOperator, TransformOperator


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operators.conftest import Execute, Rows

EARLY = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[Any]:
    files = fsspec.filesystem("memory")
    attach("memory", fs=files)
    yield files
    files.rm("/", recursive=True)


def ingest(source: str) -> IngestOperator:
    return IngestOperator(task_id="a", source=source, table="s.t")


def publish(path: str | Path) -> PublishParquetOperator:
    return PublishParquetOperator(task_id="p", table="s.t", path=str(path))


def make(execute: Execute, sql: str) -> None:
    execute(TransformOperator(task_id="t", table="s.t", sql=sql))


def test_objects_that_match_become_the_partition(execute: Execute, rows: Rows, store: Any) -> None:
    store.pipe("/bucket/2026-10-03/a.csv", b"id\n1\n")
    store.pipe("/bucket/2026-10-03/b.csv", b"id\n2\n")
    store.pipe("/bucket/2026-10-04/a.csv", b"id\n3\n")

    execute(ingest("memory://bucket/{{ ds }}/*.csv"))

    assert rows("SELECT id FROM s.t ORDER BY id") == [(1,), (2,)]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", ["*.csv", "a.csv"])
def test_an_object_that_is_late_is_left_to_airflows_retries(execute: Execute, name: str) -> None:
    with pytest.raises(AirflowException, match="No file matches 'memory://bucket/") as caught:
        execute(ingest(f"memory://bucket/{name}"))

    assert not isinstance(caught.value, AirflowFailException)


def test_a_store_without_its_provider_says_what_to_install(execute: Execute) -> None:
    with pytest.raises(AirflowFailException, match=r"Install the provider of s3://"):
        execute(ingest("s3://lake@bucket/a.csv"))


@pytest.mark.parametrize("where", ["memory://bucket/day={{ ds }}/t.parquet", "folder"])
def test_a_partition_becomes_one_file_and_a_late_attempt_changes_nothing(
    execute: Execute, store: Any, tmp_path: Path, where: str
) -> None:
    path = where if where != "folder" else str(tmp_path / "day={{ ds }}" / "t.parquet")
    make(execute, "SELECT 1 AS n")

    returned = execute(publish(path))
    make(execute, "SELECT 2 AS n")
    with pytest.raises(AirflowException, match="an attempt that began later has written it"):
        execute(publish(path), started=EARLY)

    if where == "folder":
        file = tmp_path / "day=2026-10-03" / "t.parquet"
        assert [one.name for one in file.parent.iterdir()] == ["t.parquet"]
    else:
        file = tmp_path / "t.parquet"
        file.write_bytes(store.cat("/bucket/day=2026-10-03/t.parquet"))
    assert duckdb.execute(
        "SELECT n, partition_key FROM read_parquet(?, hive_partitioning = false)", [str(file)]
    ).fetchall() == [(1, "2026-10-03")]
    assert returned["rows"] == 1


def test_a_file_that_is_no_parquet_is_not_overwritten(execute: Execute, tmp_path: Path) -> None:
    make(execute, "SELECT 1 AS n")
    (tmp_path / "t.parquet").write_text("mine")

    with pytest.raises(AirflowException, match=r"it is no Parquet.*Move it away"):
        execute(publish(tmp_path / "t.parquet"))

    assert (tmp_path / "t.parquet").read_text() == "mine"
    assert len(list(tmp_path.glob("*t.parquet*"))) == 1
