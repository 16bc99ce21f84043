from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airquery.errors import StatementError
from airquery.planning.row_by_row import check_row_by_row


if TYPE_CHECKING:
    import duckdb

SOURCES = {"source", "s.docs"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, ai_query('llm', text) AS said FROM source",
        "SELECT *, ai_query('llm', text) FROM s.docs WHERE partition_key = '2026-10-03'",
        "WITH a AS (SELECT *, ai_query('llm', text) AS b FROM S.Docs) SELECT b.result FROM a",
        "SELECT ai_query('llm', text || name) FROM source JOIN s.names USING (id)",
        "SELECT list_sum([1, 2]), ai_query('llm', text) FROM source",
    ],
)
def test_a_statement_that_makes_its_rows_one_by_one_is_let_through(
    connection: duckdb.DuckDBPyConnection, sql: str
) -> None:
    assert check_row_by_row(connection, sql, sources=SOURCES) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT id FROM s.docs LIMIT 3", "LIMIT would see one part only"),
        ("SELECT DISTINCT id FROM source", "DISTINCT"),
        ("SELECT row_number() OVER (ORDER BY id) FROM source", "a window"),
        ("SELECT max(id) FROM source GROUP BY text", "GROUP BY"),
        ("SELECT ai_query('llm', string_agg(text, ' ')) FROM source", "an aggregate"),
        ("SELECT favg(id) FROM source", "the aggregate favg"),
        ("SELECT ai_agg('llm', text) FROM source", "the aggregate ai_agg"),
        ("SELECT id FROM source UNION ALL SELECT id FROM s.docs", "2 times, not once"),
        ("SELECT id FROM source UNION ALL SELECT 1", "UNION"),
        ("SELECT 1 FROM range(3)", "reads s.docs or source 0 times, not once"),
        ("SELECT id FROM source USING SAMPLE 3", "a sample"),
        ("SELECT id FROM source !!", "its syntax cannot be looked into"),
    ],
)
def test_a_statement_that_would_see_one_part_only_is_refused(
    connection: duckdb.DuckDBPyConnection, sql: str, said: str
) -> None:
    with pytest.raises(StatementError, match="cannot be run on parts of its source") as caught:
        check_row_by_row(connection, sql, sources=SOURCES)

    assert said in str(caught.value)
