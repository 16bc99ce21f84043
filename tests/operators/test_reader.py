from __future__ import annotations

import gzip
import json
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery.errors import Unreachable
from airquery.testing import EndpointServer
from airquery_airflow.reader import Reader


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def read(
    connection: duckdb.DuckDBPyConnection, path: Path, content: str | bytes, **given: Any
) -> list[tuple[Any, ...]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    Reader(sources=[str(path)], **given).create_view(connection, folder=path.parent)
    return connection.table("source").fetchall()


def test_a_csv_has_a_header_and_its_types_are_found(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    assert read(connection, tmp_path / "a.csv", 'id,name\n1,"a,b"\n2,\n') == [(1, "a,b"), (2, None)]


def test_a_tsv_is_split_at_tabs(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert read(connection, tmp_path / "a.tsv", "id\tname\r\n1\ta,b\r\n") == [(1, "a,b")]


def test_json_lines_and_arrays_are_read(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    assert read(connection, tmp_path / "a.jsonl", '{"id": 1}\n{"id": 2}\n') == [(1,), (2,)]
    assert read(connection, tmp_path / "a.json", json.dumps([{"id": 1}, {"id": 2}])) == [(1,), (2,)]


def test_parquet_keeps_its_types(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    connection.sql("SELECT 1::TINYINT AS id, DATE '2026-10-03' AS day").write_parquet(
        str(tmp_path / "a.parquet")
    )

    Reader(sources=[str(tmp_path / "*.parquet")]).create_view(connection, folder=tmp_path)

    assert [str(kind) for kind in connection.table("source").types] == ["TINYINT", "DATE"]


def test_a_compressed_file_is_told_by_the_name_before_the_last(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    assert read(connection, tmp_path / "a.csv.gz", gzip.compress(b"id\n7\n")) == [(7,)]


def test_the_reader_takes_duckdbs_own_options(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = read(
        connection,
        tmp_path / "a.txt",
        "1;it's\n-;b\n",
        format="csv",
        columns={"id": "INTEGER", "name": "VARCHAR"},
        options={"delim": ";", "header": False, "nullstr": ["-"]},
    )

    assert rows == [(1, "it's"), (None, "b")]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("id,name\n1,a\n2,b,c\n3,d\n", 3),
        ("id,name\n1,a\n2\n3,d\n", 3),
        ('id,name\n1,a\n2,"b\n3,d\n', 3),
        ("a note\nid,name\n1,a\n2,b\n", 2),
        ("id,name\n" + "1,a\n" * 30_000 + "2,b,c\n", 30_002),
    ],
    ids=["too long", "too short", "an open quote", "a line before the header", "far down"],
)
def test_a_line_that_does_not_fit_is_named(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, content: str, line: int
) -> None:
    with pytest.raises((AirflowException, duckdb.Error), match=f"Line: {line}\n"):
        read(connection, tmp_path / "a.csv", content)


def test_a_value_of_another_type_far_down_is_named_with_its_line(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with pytest.raises(duckdb.Error, match="Line: 30002"):
        read(connection, tmp_path / "a.csv", "id\n" + "1\n" * 30_000 + "x\n")


def test_a_line_that_looks_like_a_comment_is_a_row(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    assert read(connection, tmp_path / "a.csv", "id,name\n#1,a\n2,b\n") == [("#1", "a"), ("2", "b")]


@pytest.mark.parametrize("option", ["ignore_errors", "store_rejects"])
def test_an_option_that_drops_rows_is_refused(option: str) -> None:
    with pytest.raises(AirflowFailException, match=f"{option!r} would drop rows in silence"):
        Reader(sources=["a.csv"], options={option: True})


def test_an_option_cannot_carry_sql() -> None:
    with pytest.raises(AirflowFailException, match="cannot be the name of a reader's option"):
        Reader(sources=["a.csv"], options={"x) --": 1})


def test_a_glob_reads_every_file_and_no_file_is_an_error(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "1.csv").write_text("id\n1\n")
    (tmp_path / "2.csv").write_text("id\n2\n")

    files = Reader(sources=[str(tmp_path / "*.csv")]).create_view(connection, folder=tmp_path)

    assert len(files) == 2
    assert sorted(connection.table("source").fetchall()) == [(1,), (2,)]
    with pytest.raises(AirflowException, match=r"No file matches '.*none-\*\.csv'"):
        Reader(sources=[str(tmp_path / "none-*.csv")]).create_view(connection, folder=tmp_path)


def test_an_empty_file_is_an_error(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(AirflowException, match="is empty, without even a header"):
        read(connection, tmp_path / "a.csv", "")


def test_a_format_that_no_name_tells_must_be_said(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with pytest.raises(AirflowFailException, match="cannot be told from its name"):
        read(connection, tmp_path / "a.txt", "id\n1\n")


def test_a_parquet_file_takes_no_columns(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with pytest.raises(AirflowFailException, match="brings its own columns"):
        read(connection, tmp_path / "a.parquet", "x", columns={"id": "INTEGER"})


def test_a_url_that_does_not_answer_is_an_error_with_its_address(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with EndpointServer() as server, pytest.raises(Unreachable, match=server.url):
        Reader(sources=[f"{server.url}/a.csv"]).create_view(connection, folder=tmp_path)


def test_an_option_that_sql_has_no_value_for_is_refused_by_its_kind(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n\n1\n")
    reader = Reader(sources=[str(tmp_path / "a.csv")], options={"nullstr": [date(2026, 10, 3)]})

    with (
        duckdb.connect() as connection,
        pytest.raises(AirflowFailException, match=r"^A reader's option cannot be a date\.$"),
    ):
        reader.create_view(connection, folder=tmp_path)
