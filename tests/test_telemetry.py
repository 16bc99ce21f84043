"""What OpenTelemetry's SDK gets of real statements over HTTP."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import airquery
from airquery import Answer, Failure, RunStats
from airquery.execute.flight import Ending
from airquery.request import Request
from airquery.telemetry import Telling
from airquery.testing import FakeClock, Reply


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

    from airquery.testing import EndpointServer

ANSWERED = Ending(outcome=Answer(value="Yes"), attempts=1)
PROMPT = "a prompt that nobody else should read"
SQL = (
    f"SELECT ai_query('llm', '{PROMPT} ' || n, modelParameters => named_struct('max_tokens', 9, "
    "'temperature', 0.5), failOnError => false) AS said FROM (SELECT unnest(range({rows})) AS n)"
)


@pytest.fixture(scope="module")
def providers() -> Iterator[tuple[InMemorySpanExporter, InMemoryMetricReader]]:
    """Set up the SDK, once: the API lets nobody set a second provider."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    traced = TracerProvider(shutdown_on_exit=False)
    traced.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(traced)
    metered = MeterProvider([reader], shutdown_on_exit=False)
    metrics.set_meter_provider(metered)
    yield exporter, reader
    traced.shutdown()
    metered.shutdown()


@pytest.fixture
def spans(
    providers: tuple[InMemorySpanExporter, InMemoryMetricReader],
) -> InMemorySpanExporter:
    providers[0].clear()
    return providers[0]


def measured(reader: InMemoryMetricReader) -> dict[str, list[dict[str, Any]]]:
    """Return the attributes, the count and the sum of every series."""
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name: [
            {**(point.attributes or {}), "count": point.count, "sum": point.sum}  # type: ignore[union-attr]
            for point in metric.data.data_points
        ]
        for scope in data.resource_metrics[0].scope_metrics
        for metric in scope.metrics
    }


def asked_of(server: EndpointServer) -> dict[str, object]:
    """Return what every span and series tells of the endpoint."""
    url = urlsplit(server.url)
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "test-model",
        "server.address": url.hostname,
        "server.port": url.port,
    }


def test_a_statement_is_a_span_with_its_counters_and_each_request_one_below_it(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, spans: InMemorySpanExporter
) -> None:
    airquery.run(connection, SQL.format(rows=1))
    spans.clear()
    server.script(Reply(status=429, headers={"Retry-After": "0"}))

    airquery.run(connection, SQL.format(rows=2))

    request, statement = spans.get_finished_spans()
    assert (request.name, request.kind) == ("chat test-model", trace.SpanKind.CLIENT)
    assert request.parent == statement.context
    told = dict(request.attributes or {})
    assert str(told.pop("gen_ai.response.id"))
    assert told == {
        **asked_of(server),
        "ai_query.endpoint": "llm",
        "ai_query.attempts": 2,
        "ai_query.hedged": 0,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.model": "test-model",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 8,
        "gen_ai.usage.output_tokens": 8,
    }
    assert (statement.name, statement.kind) == ("ai_query", trace.SpanKind.INTERNAL)
    assert dict(statement.attributes or {}) == {
        "ai_query.rows": 2,
        "ai_query.requests": 2,
        "ai_query.sent": 1,
        "ai_query.journal_hits": 1,
        "ai_query.failed": 0,
        "ai_query.retries": 1,
        "ai_query.hedged": 0,
        "ai_query.throttles": 1,
        "ai_query.price": 0.0,
        "ai_query.currency": "USD",
        "ai_query.spans_left_out": 0,
    }
    assert PROMPT not in request.to_json() + statement.to_json()


def test_a_failure_is_an_error_without_what_the_endpoint_said(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, spans: InMemorySpanExporter
) -> None:
    server.script(Reply(status=400, body={"error": {"message": f"bad: {PROMPT}"}}))

    with pytest.raises(airquery.AirqueryError):
        airquery.run(connection, SQL.format(rows=1).replace("false", "true"))

    request, statement = spans.get_finished_spans()
    assert dict(request.attributes or {}) == {
        **asked_of(server),
        "ai_query.endpoint": "llm",
        "ai_query.attempts": 1,
        "ai_query.hedged": 0,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.5,
        "error.type": "400",
    }
    assert (statement.attributes or {})["error.type"] == "RowFailed"
    assert {request.status.status_code, statement.status.status_code} == {trace.StatusCode.ERROR}
    assert PROMPT not in request.to_json() + statement.to_json()


def test_histograms_count_every_request_and_only_tokens_that_were_told(
    connection: duckdb.DuckDBPyConnection,
    server: EndpointServer,
    providers: tuple[InMemorySpanExporter, InMemoryMetricReader],
) -> None:
    untold = {"choices": [{"message": {"content": "Yes"}, "finish_reason": "stop"}]}
    server.script(Reply(body=untold), Reply(status=400))

    airquery.run(connection, SQL.format(rows=4))

    port = urlsplit(server.url).port
    found = {
        name: sorted(
            (one for one in series if one["server.port"] == port), key=lambda one: -one["count"]
        )
        for name, series in measured(providers[1]).items()
    }
    for one in found["gen_ai.client.operation.duration"]:
        assert one.pop("sum") > 0
    assert found == {
        "gen_ai.client.operation.duration": [
            {**asked_of(server), "count": 3},
            {**asked_of(server), "error.type": "400", "count": 1},
        ],
        "gen_ai.client.token.usage": [
            {**asked_of(server), "gen_ai.token.type": side, "count": 2, "sum": 16}
            for side in ("input", "output")
        ],
    }


def test_a_million_rows_are_no_million_spans(
    server: EndpointServer, spans: InMemorySpanExporter
) -> None:
    tracer = trace.get_tracer("test")
    statement = tracer.start_span("ai_query")
    telling = Telling(tracer, statement, None, clock=FakeClock(), most_spans=2)
    failed = Ending(
        outcome=Failure(condition="AI_FUNCTION_HTTP_REQUEST_ERROR", message="", unreachable=True),
        attempts=1,
    )

    for number, ending in enumerate([ANSWERED, ANSWERED, ANSWERED, failed]):
        telling.ended(Request(endpoint=server.endpoint(), input=str(number)), ending)
    telling.close(statement, RunStats(requests=4), rows=4, problem=None)

    *requests, statement_span = spans.get_finished_spans()
    types = [(one.attributes or {}).get("error.type") for one in requests]
    assert types == [None, None, "unreachable"]
    assert (statement_span.attributes or {})["ai_query.spans_left_out"] == 1


def test_the_api_is_not_even_imported_where_nobody_set_anything_up(
    server: EndpointServer, tmp_path: Path
) -> None:
    program = (
        "import sys, airquery; from airquery.endpoints.endpoint import Endpoint;"
        f"endpoint = Endpoint(name='llm', task='chat', base_url={server.url + '/v1'!r}, model='m');"
        "registry = airquery.Registry.from_mapping({'llm': endpoint});"
        f"settings = airquery.Settings.read(home={str(tmp_path)!r});"
        "connection = airquery.connect(registry=registry, settings=settings);"
        "print(airquery.run(connection, \"SELECT ai_query('llm', 'x')\").stats.sent);"
        "print([m for m in sys.modules if m.startswith('opentelemetry')])"
    )

    output = subprocess.check_output([sys.executable, "-c", program], text=True)

    assert output.split(maxsplit=1) == ["1", "[]\n"]
