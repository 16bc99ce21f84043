"""Names and values that try to end their place in SQL, through the operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.sdk.exceptions import AirflowException

import airquery
from airquery_airflow import AIQueryOperator, ExtractJSONOperator, IngestOperator, TransformOperator


if TYPE_CHECKING:
    from pathlib import Path

    from tests.operators.conftest import Execute, Rows

COLUMN = "x\"'--'\""
PARTITION = "a' OR '1'='1"


def test_columns_and_partitions_are_only_names_and_values(
    execute: Execute, rows: Rows, tmp_path: Path
) -> None:
    file = tmp_path / "a'; b.csv"
    file.write_text('"1"\n', encoding="utf-8")

    execute(
        IngestOperator(
            task_id="ingest",
            source=str(file),
            format="csv",
            columns={COLUMN: "VARCHAR"},
            options={"header": False},
            table="s.raw",
            partition=PARTITION,
        )
    )
    quoted = COLUMN.replace('"', '""')
    execute(
        TransformOperator(
            task_id="a",
            sql=f'SELECT 1 AS id, "{quoted}" FROM s.raw',
            table="s.answers",
            partition=PARTITION,
        )
    )
    execute(
        ExtractJSONOperator(
            task_id="b",
            source="s.answers",
            column=COLUMN,
            schema="STRING",
            table="s.typed",
            quarantine="s.bad",
            partition=PARTITION,
        )
    )

    assert rows("SELECT * FROM s.raw") == [("1", PARTITION)]
    assert rows("SELECT id, value, partition_key FROM s.typed") == [(1, "1", PARTITION)]


@pytest.mark.parametrize("table", ['s.t"; DROP TABLE x', "s.t; x", "s.t' OR", "../s.t", "a.b.c"])
def test_a_name_that_is_no_tables_is_refused(execute: Execute, table: str) -> None:
    with pytest.raises((airquery.AirqueryError, AirflowException), match="is no table name"):
        execute(TransformOperator(task_id="a", sql="SELECT 1 AS i", table=table))


def test_an_option_of_a_reader_is_only_the_name_of_an_option(
    execute: Execute, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n", encoding="utf-8")
    hostile = {"header = true) UNION SELECT getenv('HOME'); --": "x"}

    with pytest.raises(AirflowException, match="cannot be the name of a reader's option"):
        execute(IngestOperator(task_id="a", source=str(file), options=hostile, table="s.raw"))


def test_a_value_of_a_parameter_marker_is_only_a_value(execute: Execute, rows: Rows) -> None:
    execute(
        AIQueryOperator(
            task_id="a",
            sql="SELECT :who AS who",
            dialect="databricks",
            variables={"who": "x' || (SELECT 1) || '"},
            table="s.who",
        )
    )

    assert rows("SELECT who FROM s.who") == [("x' || (SELECT 1) || '",)]
