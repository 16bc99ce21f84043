from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

import airquery
from airquery.errors import StatementError
from airquery_airflow.fitting import Fitting


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

LABELS = "STRUCT<label: STRING, score: DOUBLE>"
OPINIONS = "STRUCT<about: STRING, opinions: ARRAY<STRUCT<label: STRING, score: DOUBLE>>>"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = airquery.connect(registry=airquery.Registry())
    yield connection
    connection.close()


def fit(
    connection: duckdb.DuckDBPyConnection,
    answers: Sequence[tuple[str | None, str | None]],
    schema: str = LABELS,
    **given: Any,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Fit answers, numbered from 1, with their errors; return typed and quarantined rows."""
    connection.execute("CREATE SCHEMA s")
    connection.execute(
        "CREATE TABLE s.answers (id INTEGER, answer VARCHAR, error VARCHAR, partition_key VARCHAR)"
    )
    for number, (answer, error) in enumerate(answers, start=1):
        connection.execute("INSERT INTO s.answers VALUES (?, ?, ?, 'd')", [number, answer, error])
    connection.execute("INSERT INTO s.answers VALUES (99, 'of another day', NULL, 'e')")
    fitting = Fitting(
        **{
            "source": "s.answers",
            "column": "answer",
            "error_column": "error",
            "schema": schema,
            **given,
        }
    )
    fitting.run(connection, partition="d")
    return tuple(
        connection.table(name).to_arrow_table().to_pylist() for name in ("_typed", "_quarantine")
    )


def test_the_fields_of_a_struct_become_typed_columns(connection: duckdb.DuckDBPyConnection) -> None:
    typed, quarantined = fit(connection, [('{"label": "a", "score": "0.5"}', None)])

    assert typed == [{"_row": 1, "id": 1, "label": "a", "score": 0.5}]
    assert quarantined == []


def test_every_row_ends_in_exactly_one_table_with_its_reason(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    typed, quarantined = fit(
        connection,
        [
            ('Sure! ```json\n{"label": "a", "score": 1}\n```', None),
            ("I cannot say.", None),
            ('{"label": "c", "score": "much"}', None),
            (None, "[AI_FUNCTION_HTTP_REQUEST_ERROR] no"),
            (None, None),
            ("null", None),
        ],
    )

    assert [row["id"] for row in typed] == [1]
    assert [(row["id"], row["raw"]) for row in quarantined] == [
        (2, "I cannot say."),
        (3, '{"label": "c", "score": "much"}'),
        (4, None),
        (5, None),
        (6, "null"),
    ]
    assert [row["reason"].partition("]")[0] for row in quarantined] == [
        "[AI_FUNCTION_JSON_PARSE_ERROR",
        "[AI_FUNCTION_HTTP_PARSE_CAST_ERROR",
        "[AI_FUNCTION_HTTP_REQUEST_ERROR",
        "There is no answer.",
        "[AI_FUNCTION_JSON_PARSE_ERROR",
    ]


def test_an_array_gives_a_numbered_row_for_every_element(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    answers = [
        (json.dumps([{"label": "a", "score": 1}, {"label": "b", "score": 2}]), None),
        (json.dumps([{"label": "c", "score": 3}]), None),
        ("[]", None),
    ]
    typed, quarantined = fit(connection, answers, f"ARRAY<{LABELS}>")

    assert typed == [
        {"_row": 1, "id": 1, "ordinal": 1, "label": "a", "score": 1.0},
        {"_row": 1, "id": 1, "ordinal": 2, "label": "b", "score": 2.0},
        {"_row": 2, "id": 2, "ordinal": 1, "label": "c", "score": 3.0},
    ]
    assert quarantined == [{"id": 3, "raw": "[]", "reason": "The array is empty."}]


def test_an_array_of_plain_values_gives_one_column(connection: duckdb.DuckDBPyConnection) -> None:
    typed, _ = fit(connection, [('["a", "b"]', None)], "ARRAY<STRING>")

    assert [(row["ordinal"], row["value"]) for row in typed] == [(1, "a"), (2, "b")]


def test_the_array_field_of_a_struct_makes_rows_beside_its_other_fields(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    answer = {"about": "soup", "opinions": [{"label": "a", "score": 1}, {"label": "b", "score": 2}]}
    typed, quarantined = fit(
        connection,
        [(json.dumps(answer), None), ('{"about": "x", "opinions": []}', None)],
        OPINIONS,
        explode="opinions",
    )

    assert [(row["about"], row["ordinal"], row["label"]) for row in typed] == [
        ("soup", 1, "a"),
        ("soup", 2, "b"),
    ]
    assert [row["reason"] for row in quarantined] == ["The array is empty."]


def test_no_rows_make_two_empty_tables_with_their_columns(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    assert fit(connection, []) == ([], [])
    assert connection.table("_typed").columns == ["_row", "id", "label", "score"]
    assert connection.table("_quarantine").columns == ["id", "raw", "reason"]


def test_many_rows_are_all_accounted_for(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE SCHEMA s")
    connection.execute(
        "CREATE TABLE s.answers AS SELECT i AS id, 'd' AS partition_key, "
        "CASE i % 3 WHEN 0 THEN '[1, 2]' WHEN 1 THEN 'no' END AS answer FROM range(9000) t(i)"
    )

    Fitting(source="s.answers", column="answer", schema="ARRAY<INT>").run(connection, partition="d")

    assert len(connection.table("_typed")) == 6000
    assert len(connection.table("_quarantine")) == 6000


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"column": "reply"}, "has no column 'reply'. It has: id, answer, error, partition_key"),
        ({"error_column": "why"}, "has no column 'why'"),
        ({"schema": "STRUCT<id: INT>"}, "Both the source and the result have a column id"),
        ({"schema": "STRUCT<Reason: INT>"}, "have a column reason"),
        ({"explode": "labels"}, "has no ARRAY field 'labels' to make rows of"),
        ({"explode": "label"}, "has no ARRAY field 'label' to make rows of"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    connection: duckdb.DuckDBPyConnection, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(AirflowFailException, match=said):
        fit(connection, [('{"label": "a", "score": 1}', None)], **given)


def test_a_schema_that_is_no_type_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(StatementError, match="schema"):
        fit(connection, [("{}", None)], schema="STRUCT<label: STRING, STRING>")
