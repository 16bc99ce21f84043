from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airquery_airflow import ExtractJSONOperator, TransformOperator


if TYPE_CHECKING:
    from tests.operators.conftest import Execute, Rows

ANSWERS = """
    SELECT * FROM (VALUES
        (1, '[{"label": "a"}, {"label": "b"}]', NULL),
        (2, 'no idea', NULL),
        (3, NULL, 'it timed out')
    ) AS answers (id, answer, error)
"""


def extraction(**given: str) -> ExtractJSONOperator:
    return ExtractJSONOperator(
        **{
            "task_id": "extract",
            "source": "s.answers",
            "column": "answer",
            "error_column": "error",
            "schema": "ARRAY<STRUCT<label: STRING>>",
            "table": "s.labels",
            "quarantine": "s.quarantine",
            **given,
        }
    )


def test_typed_rows_and_quarantine_are_two_tables_of_one_partition(
    execute: Execute, rows: Rows
) -> None:
    execute(TransformOperator(task_id="a", sql=ANSWERS, table="s.answers"))

    returned = execute(extraction())

    assert rows("SELECT id, ordinal, label, partition_key FROM s.labels ORDER BY ALL") == [
        (1, 1, "a", "2026-10-03"),
        (1, 2, "b", "2026-10-03"),
    ]
    assert rows("SELECT id, raw, partition_key FROM s.quarantine ORDER BY ALL") == [
        (2, "no idea", "2026-10-03"),
        (3, None, "2026-10-03"),
    ]
    assert (returned["table"], returned["rows"], returned["quarantined"]) == ("s.labels", 2, 2)


def test_a_second_run_empties_a_quarantine_that_is_not_needed_any_more(
    execute: Execute, rows: Rows
) -> None:
    execute(TransformOperator(task_id="a", sql=ANSWERS, table="s.answers"))
    execute(extraction())
    mended = ANSWERS + "WHERE id = 1"
    execute(TransformOperator(task_id="a", sql=mended, table="s.answers"))

    execute(extraction())

    assert rows("SELECT count(*) FROM s.quarantine") == [(0,)]
    assert rows("SELECT count(*) FROM s.labels") == [(2,)]


def test_other_days_are_neither_read_nor_written(execute: Execute, rows: Rows) -> None:
    execute(TransformOperator(task_id="a", sql=ANSWERS, table="s.answers"), ds="2026-10-04")

    returned = execute(extraction(), ds="2026-10-03")

    assert (returned["rows"], returned["quarantined"]) == (0, 0)
    assert rows("SELECT count(*) FROM s.labels") == [(0,)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"column": "reply"}, "no column 'reply'"),
        ({"schema": "STRUKT<a: INT>"}, "AI_FUNCTION_UNSUPPORTED_RETURN_TYPE"),
    ],
)
def test_what_cannot_be_extracted_fails_at_once_and_writes_nothing(
    execute: Execute, rows: Rows, given: dict[str, str], said: str
) -> None:
    execute(TransformOperator(task_id="a", sql=ANSWERS, table="s.answers"))

    with pytest.raises(AirflowFailException, match=said):
        execute(extraction(**given))

    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 's'"
    assert rows(tables) == [("answers",)]
