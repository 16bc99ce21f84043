from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airquery_airflow import IngestOperator


if TYPE_CHECKING:
    from pathlib import Path

    from tests.operators.conftest import Execute, Rows


def ingest(source: Path | str, **given: Any) -> IngestOperator:
    return IngestOperator(task_id="a", source=str(source), table="s.t", **given)


@pytest.fixture
def file(execute: Execute, tmp_path: Path) -> Path:
    """A file that was ingested as two columns."""
    path = tmp_path / "a.csv"
    path.write_text("id,name\n1,a\n")
    execute(ingest(path))
    return path


def test_other_columns_than_the_tables_are_named_before_anything_is_written(
    execute: Execute, rows: Rows, file: Path
) -> None:
    file.write_text("ID,extra\n2,3\n")

    with pytest.raises(AirflowFailException) as caught:
        execute(ingest(file))

    assert str(caught.value) == (
        "Table 's.t', partition '2026-10-03': The columns of 1 file are not those of table 's.t': column 'extra' is new (BIGINT); "
        f"leave it out of sql (in {file}); column 'name' (VARCHAR) is missing; select "
        f'CAST(NULL AS VARCHAR) AS "name" (in {file}). Or let it follow with '
        "on_schema_change='evolve'. Nothing was written."
    )
    assert rows("SELECT id, name FROM s.t") == [(1, "a")]


def test_a_table_may_follow_and_the_manifest_says_so(
    execute: Execute, rows: Rows, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = file.with_name("b.csv")
    file.write_text("id,name\n1,a\n")
    other.write_text("id,name,extra\n2,b,3\n")

    with caplog.at_level(logging.WARNING):
        returned = execute(ingest(file.with_name("*.csv"), on_schema_change="evolve"))

    said = f"column 'extra' is new (BIGINT); leave it out of sql (in {other})"
    assert returned["schema_changes"] == [said]
    assert f"Table s.t: {said}." in caplog.messages
    assert rows("SELECT id, name, extra FROM s.t ORDER BY id") == [(1, "a", None), (2, "b", 3)]
    assert "schema_changes" not in execute(
        ingest(file.with_name("*.csv"), on_schema_change="evolve")
    )


def test_no_table_follows_another_type(execute: Execute, rows: Rows, file: Path) -> None:
    file.write_text("id,name\nx,a\n")

    with pytest.raises(AirflowFailException, match=r"'id' was BIGINT and is VARCHAR; select CAST"):
        execute(ingest(file, on_schema_change="evolve"))

    assert rows("SELECT id FROM s.t") == [(1,)]


def test_a_statement_mends_what_changed(execute: Execute, rows: Rows, file: Path) -> None:
    file.write_text("id,extra\nx,3\n")

    execute(ingest(file, sql="SELECT TRY_CAST(id AS BIGINT) AS id, NULL AS name FROM source"))

    assert rows("SELECT id, name FROM s.t") == [(None, None)]


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_a_column_of_a_late_row_or_file_is_not_dropped(
    execute: Execute, rows: Rows, tmp_path: Path, kind: str
) -> None:
    for number, columns in enumerate(["1 AS a", "2 AS a, 3 AS b"]):
        path = tmp_path / f"{number}.parquet"
        duckdb.execute(f"COPY (SELECT {columns}) TO '{path}'")
    lines = [{"a": 1}] * 30_000 + [{"a": 2, "b": 3}]
    (tmp_path / "0.json").write_text("\n".join(map(json.dumps, lines)))

    execute(ingest(tmp_path / f"*.{kind}"))

    assert rows("SELECT a, b FROM s.t WHERE a = 2") == [(2, 3)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "name,id\n1,2\n", r"columns name, id, and declared are id, name \(the same in"),
        ("a.csv", "id,title\n1,2\n", r"\(new: title; missing: name\)"),
        ("a.json", '{"id": 1}\n{"id": 2, "extra": 3}\n', r"not declared: 'extra'"),
    ],
)
def test_declared_columns_that_the_file_does_not_have_are_refused(
    execute: Execute, tmp_path: Path, name: str, content: str, said: str
) -> None:
    (tmp_path / name).write_text(content)

    with pytest.raises(AirflowFailException, match=rf"{name}' has .*{said}.*Nothing was written"):
        execute(ingest(tmp_path / name, columns={"id": "BIGINT", "name": "VARCHAR"}))


def test_a_word_for_changes_that_does_not_exist_is_refused_when_the_dag_is_read() -> None:
    with pytest.raises(ValueError, match="'fail' or 'evolve', not 'ignore'"):
        ingest("a.csv", on_schema_change="ignore")
