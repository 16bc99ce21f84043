"""What OpenTelemetry costs a request: nobody set it up, metrics alone, metrics and spans.

What the engine does for a request that ends is done many times over, without an endpoint: its CPU
is counted, and what share of a core it would be at 1,000 requests a second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from airquery.answer import Answer, Usage
from airquery.endpoints.endpoint import Endpoint
from airquery.execute.flight import Ending, Flight
from airquery.execute.statement import Statement
from airquery.request import Request
from airquery.telemetry import Telling


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.execute.observer import Observer

REQUESTS = 20_000
PER_SECOND = 1_000


def measure() -> list[Mapping[str, object]]:
    """Return one row per way to be told of requests."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("bench")
    meter = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False).get_meter("bench")
    ways: Mapping[str, Observer | None] = {
        "nobody set it up": None,
        "metrics": Telling(None, None, meter),
        "metrics and 1,000 spans": Telling(tracer, tracer.start_span("ai_query"), meter),
        "metrics and all spans": Telling(
            tracer, tracer.start_span("ai_query"), meter, most_spans=REQUESTS
        ),
    }
    return [_measured(way, observer) for way, observer in ways.items()]


def _measured(way: str, observer: Observer | None) -> Mapping[str, object]:
    statement = Statement()
    statement.observer = observer
    endpoint = Endpoint(name="llm", task="chat", base_url="http://127.0.0.1:9/v1", model="m")
    usage = Usage(prompt_tokens=100, completion_tokens=10)
    ending = Ending(outcome=Answer(value="Yes", usage=usage, model="m"), attempts=1)
    flights = [
        Flight(Request(endpoint=endpoint, input=str(number)), statement, [statement])
        for number in range(REQUESTS)
    ]
    began = time.process_time()
    for flight in flights:
        if flight.payer.observer is not None:
            flight.payer.observer.sent(flight.request)
        if flight.payer.observer is not None:
            flight.payer.observer.ended(flight.request, ending)
    each = (time.process_time() - began) / REQUESTS
    return {
        "set up": way,
        "requests": REQUESTS,
        "CPU a request": f"{each * 1e6:.2f} us",
        f"of a core at {PER_SECOND:,}/s": f"{each * PER_SECOND:.1%}",
    }
