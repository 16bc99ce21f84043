"""Every wire format answers `ai_query()`, and its remembered replies are read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.errors import StatementError


if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from airquery.testing import EndpointServer


@pytest.fixture
def formats(
    server: EndpointServer, settings: airquery.Settings
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Name an endpoint of each format."""
    registry = airquery.Registry().with_endpoints(
        server.endpoint("responses", api="responses"),
        server.endpoint("claude", provider="anthropic"),
        server.endpoint("served-llm", provider="databricks"),
        server.endpoint("served-words", "completions", provider="databricks"),
        server.endpoint("served-vectors", "embeddings", provider="databricks"),
        server.endpoint("served-model", "custom", provider="databricks"),
        server.endpoint("records", "custom", format="dataframe_records"),
        server.endpoint("instances", "custom", format="instances"),
        server.endpoint("inputs", "custom", format="inputs"),
    )
    connection = airquery.connect(registry=registry, settings=settings)
    yield connection
    connection.close()


ROW = "returnType => 'STRUCT<a: INT, b: STRING>'"
SHAPE = "responseFormat => 'STRUCT<label: STRING, n: INT>'"
EMPTY = {"label": "", "n": 0}


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("ai_query('responses', 'Hello')", "Hello"),
        ("ai_query('claude', 'Hello')", "Hello"),
        ("ai_query('served-llm', 'Hello')", "Hello"),
        ("ai_query('served-words', 'Hello')", "Hello"),
        (f"ai_query('responses', 'Hello', {SHAPE})", EMPTY),
        (f"ai_query('claude', 'Hello', {SHAPE})", EMPTY),
        (f"ai_query('served-llm', 'Hello', {SHAPE})", EMPTY),
        ("len(ai_query('served-vectors', 'Hello'))", 8),
        (f"ai_query('served-model', {{'a': 1, 'b': 'x'}}, {ROW})", {"a": 1, "b": "x"}),
        (f"ai_query('records', {{'a': 1, 'b': 'x'}}, {ROW})", {"a": 1, "b": "x"}),
        (f"ai_query('instances', {{'a': 1, 'b': 'x'}}, {ROW})", {"a": 1, "b": "x"}),
        (f"ai_query('inputs', {{'a': 1, 'b': 'x'}}, {ROW})", {"a": 1, "b": "x"}),
    ],
)
def test_a_format_answers_and_is_remembered(
    formats: duckdb.DuckDBPyConnection, server: EndpointServer, call: str, answer: object
) -> None:
    first = airquery.run(formats, f"SELECT {call} AS r")
    second = airquery.run(formats, f"SELECT {call} AS r")

    assert first.table is not None
    assert first.table.to_pylist() == [{"r": answer}]
    assert second.table == first.table
    assert (second.stats.sent, second.stats.from_journal, server.count) == (0, 1, 1)


@pytest.mark.parametrize(
    ("endpoint", "field"),
    [
        ("responses", "max_output_tokens"),
        ("claude", "max_tokens"),
        ("served-llm", "max_tokens"),
        ("served-words", "max_tokens"),
    ],
)
def test_a_decimal_number_of_tokens_is_sent_as_a_whole_one(
    formats: duckdb.DuckDBPyConnection, server: EndpointServer, endpoint: str, field: str
) -> None:
    airquery.run(
        formats,
        f"SELECT ai_query('{endpoint}', 'Hello', modelParameters => "
        "named_struct('max_tokens', 100.0, 'temperature', 1))",
    )

    sent = server.requests[0].body
    assert (repr(sent[field]), repr(sent["temperature"])) == ("100", "1.0")


def test_a_parameter_that_a_format_never_takes_is_refused_before_the_first_request(
    formats: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    with pytest.raises(StatementError, match=r"UNSUPPORTED_MODEL_PARAMETER.*'claude'"):
        airquery.run(
            formats,
            "SELECT ai_query('claude', 'Hello', modelParameters => named_struct('logprobs', true))",
        )

    assert server.count == 0
