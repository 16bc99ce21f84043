"""What OpenTelemetry is told of a statement and of its requests, where somebody has set it up.

One span a statement, a client span below it for each request with all its attempts, and two
histograms, by the names of the GenAI conventions. Nothing that was asked or answered is in them.
Nothing is configured here, and without a provider nothing is done: not even the API is imported.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from airquery.answer import Answer, Failure
from airquery.clock import Clock, SystemClock
from airquery.endpoints.cost import used_cost


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Span, Tracer

    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.flight import Ending
    from airquery.execute.statement import Statement
    from airquery.execute.stats import RunStats
    from airquery.request import Request

# A million rows are no million spans; failures have theirs always, the histograms count all.
MOST_SPANS: Final = 1_000
_NAME: Final = "airquery"
_SECONDS: Final = tuple(0.01 * 2**n for n in range(14))
_TOKENS: Final = tuple(4**n for n in range(14))
_OPERATIONS: Final = {
    "chat": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "custom": "custom",
}
_PARAMETERS: Final = {
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "seed": "gen_ai.request.seed",
}


@contextmanager
def observed(statement: Statement, stats: Callable[[], RunStats]) -> Iterator[None]:
    """Tell of a statement while the work inside lasts; `stats` are its counters."""
    tracer, meter = _tracer(), _meter()
    if tracer is None and meter is None:
        yield
        return
    span = None if tracer is None else tracer.start_span("ai_query")
    telling = Telling(tracer, span, meter)
    statement.observer = telling
    problem: BaseException | None = None
    try:
        yield
    except BaseException as error:
        problem = error
        raise
    finally:
        if span is not None:
            rows = sum(one.rows for one in statement.usage())
            telling.close(span, stats(), rows=rows, problem=problem)


class Telling:
    """Makes spans and measurements of the requests of one statement."""

    def __init__(
        self,
        tracer: Tracer | None,
        span: Span | None,
        meter: Meter | None,
        *,
        clock: Clock | None = None,
        most_spans: int = MOST_SPANS,
    ) -> None:
        self._most_spans = most_spans
        self._tracer = tracer
        self._span = span
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._began: dict[bytes, float] = {}
        self._spans = 0
        self._left_out = 0
        self._throttles = 0
        self._duration = self._tokens = None
        if meter is not None:
            self._duration = meter.create_histogram(
                "gen_ai.client.operation.duration",
                unit="s",
                description="How long a request took, with all its attempts.",
                explicit_bucket_boundaries_advisory=_SECONDS,
            )
            self._tokens = meter.create_histogram(
                "gen_ai.client.token.usage",
                unit="{token}",
                description="The tokens that were billed, where the endpoint told them.",
                explicit_bucket_boundaries_advisory=_TOKENS,
            )

    def sent(self, request: Request) -> None:
        """Note when a request was first let out."""
        with self._lock:
            self._began.setdefault(request.key, self._clock.time())

    def throttled(self) -> None:
        """Count a refusal that asks for patience."""
        with self._lock:
            self._throttles += 1

    def ended(self, request: Request, ending: Ending) -> None:
        """Tell of a request that has ended."""
        now = self._clock.time()
        with self._lock:
            began = self._began.pop(request.key, now - ending.latency_s)
        about = _identity(request.endpoint)
        if isinstance(ending.outcome, Failure):
            about["error.type"] = _error_type(ending.outcome)
        if self._duration is not None:
            self._duration.record(now - began, about)
        used = used_cost(ending.outcome)
        if self._tokens is not None and used is not None:
            sides = {"input": used.input_tokens, "output": used.output_tokens}
            for side, count in sides.items():
                self._tokens.record(count, {**about, "gen_ai.token.type": side})
        if self._is_wanted(ending):
            self._tell(request, ending, about, began=began, now=now)

    def close(
        self, span: Span, stats: RunStats, *, rows: int, problem: BaseException | None
    ) -> None:
        """End the span of the statement with its counters."""
        span.set_attributes(
            {
                "ai_query.rows": rows,
                "ai_query.requests": stats.requests,
                "ai_query.sent": stats.sent,
                "ai_query.journal_hits": stats.from_journal,
                "ai_query.failed": stats.failed,
                "ai_query.retries": stats.retries,
                "ai_query.hedged": stats.hedged,
                "ai_query.throttles": self._throttles,
                "ai_query.price": stats.price,
                "ai_query.currency": stats.currency,
                "ai_query.spans_left_out": self._left_out,
            }
        )
        if problem is not None:
            _fail(span, type(problem).__name__)
        span.end()

    def _is_wanted(self, ending: Ending) -> bool:
        """Say whether a request has a span: one that failed, or one of the first."""
        if self._span is None or not self._span.is_recording():
            return False
        with self._lock:
            wanted = self._spans < self._most_spans or isinstance(ending.outcome, Failure)
            self._spans += wanted
            self._left_out += not wanted
        return wanted

    def _tell(
        self, request: Request, ending: Ending, about: dict[str, Any], *, began: float, now: float
    ) -> None:
        from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415

        if self._tracer is None or self._span is None:
            return
        span = self._tracer.start_span(
            f"{about['gen_ai.operation.name']} {about['gen_ai.request.model']}",
            context=set_span_in_context(self._span),
            kind=SpanKind.CLIENT,
            attributes={**about, **_asked(request), **_answered(ending)},
            start_time=_nanoseconds(began),
        )
        if isinstance(ending.outcome, Failure):
            _fail(span, about["error.type"])
        span.end(end_time=_nanoseconds(now))


def _identity(endpoint: Endpoint) -> dict[str, Any]:
    """Say who was asked, as far as measurements are told apart by it."""
    url = urlsplit(endpoint.base_url)
    told: dict[str, Any] = {
        "gen_ai.operation.name": _OPERATIONS[endpoint.task],
        "gen_ai.provider.name": endpoint.provider,
        "gen_ai.request.model": endpoint.model or endpoint.name,
    }
    if url.hostname:
        told["server.address"] = url.hostname
        told["server.port"] = url.port or {"https": 443}.get(url.scheme, 80)
    return told


def _asked(request: Request) -> dict[str, Any]:
    """Say how it was asked: parameters that are numbers, never texts."""
    told: dict[str, Any] = {
        known: value
        for name, known in _PARAMETERS.items()
        if isinstance(value := request.parameters.get(name), int | float)
    }
    told["ai_query.endpoint"] = request.endpoint.name
    if request.response_format is not None:
        told["gen_ai.output.type"] = "json"
    return told


def _answered(ending: Ending) -> dict[str, Any]:
    """Say how it ended; tokens that nobody told are left out."""
    told: dict[str, Any] = {"ai_query.attempts": ending.attempts, "ai_query.hedged": ending.hedged}
    answer = ending.outcome
    if not isinstance(answer, Answer):
        return told
    if answer.request_id is not None:
        told["gen_ai.response.id"] = answer.request_id
    if answer.model is not None:
        told["gen_ai.response.model"] = answer.model
    if answer.finish_reason is not None:
        told["gen_ai.response.finish_reasons"] = (answer.finish_reason,)
    if used_cost(answer) is not None:
        usage = answer.usage
        told["gen_ai.usage.input_tokens"] = usage.prompt_tokens
        told["gen_ai.usage.output_tokens"] = usage.completion_tokens
        if usage.cached_tokens:
            told["gen_ai.usage.cache_read.input_tokens"] = usage.cached_tokens
        if usage.reasoning_tokens:
            told["gen_ai.usage.reasoning.output_tokens"] = usage.reasoning_tokens
    return told


def _error_type(failure: Failure) -> str:
    """Name a failure in a few words; its message may quote what was answered."""
    if failure.http_status is not None:
        return str(failure.http_status)
    return "unreachable" if failure.unreachable else failure.condition


def _fail(span: Span, what: str) -> None:
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

    span.set_attribute("error.type", what)
    span.set_status(Status(StatusCode.ERROR))


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)


def _tracer() -> Tracer | None:
    """Return a tracer, or None if no provider is set up."""
    if "opentelemetry.trace" not in sys.modules and "OTEL_PYTHON_TRACER_PROVIDER" not in os.environ:
        return None
    from opentelemetry import trace  # noqa: PLC0415

    provider = trace.get_tracer_provider()
    return provider.get_tracer(_NAME) if _is_set_up(provider) else None


def _meter() -> Meter | None:
    """Return a meter, or None if no provider is set up."""
    if (
        "opentelemetry.metrics" not in sys.modules
        and "OTEL_PYTHON_METER_PROVIDER" not in os.environ
    ):
        return None
    from opentelemetry import metrics  # noqa: PLC0415

    provider = metrics.get_meter_provider()
    return provider.get_meter(_NAME) if _is_set_up(provider) else None


def _is_set_up(provider: object) -> bool:
    """Tell a provider that somebody set from those of the API, which do nothing."""
    return not type(provider).__module__.startswith(
        ("opentelemetry.trace", "opentelemetry.metrics")
    )
