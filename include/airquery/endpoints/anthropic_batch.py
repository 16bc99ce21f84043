"""Anthropic's message batches: one request makes a batch, one stream of lines comes back.

A batch cannot be given a name of ours. One whose creation was cut off is looked for by when it was
made and how many requests it has; whether it was ours is known when its results are read.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import orjson

from airquery.endpoints import wire
from airquery.endpoints.adapter import HttpRequest
from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.anthropic_messages import messages_path, with_version
from airquery.endpoints.batch import BatchState, Fault, Line, key_of
from airquery.endpoints.openai_batch import fault, page


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery.endpoints.endpoint import Endpoint
    from airquery.request import Request


_ENDED: Final = ("succeeded", "errored", "canceled", "expired")
_PAGE: Final = 100
# Clocks of two machines differ by less, and creating a batch takes less.
_NEAR_S: Final = 900.0
# What a single message would have been refused with.
_STATUSES: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class AnthropicBatch:
    """POST {base_url}/v1/messages/batches, whether the base URL ends in /v1 or not."""

    max_requests: int = 100_000
    max_bytes: int = 256_000_000

    def line(self, request: Request) -> bytes:
        """Write one of the list of requests."""
        params = orjson.Fragment(adapter_for(request.endpoint).encode(request).body)
        return orjson.dumps({"custom_id": request.key.hex(), "params": params})

    def upload(self, endpoint: Endpoint, lines: Sequence[bytes], job: str) -> HttpRequest | None:
        """Nothing is sent before."""
        del endpoint, lines, job
        return None

    def create(
        self, endpoint: Endpoint, lines: Sequence[bytes], *, job: str, uploaded: bytes
    ) -> HttpRequest | None:
        """Write all requests in one list."""
        del job, uploaded
        return HttpRequest(
            url=_url(endpoint),
            headers={"Content-Type": "application/json", **self.headers(endpoint)},
            body=b'{"requests":[' + b",".join(lines) + b"]}",
        )

    def state_url(self, endpoint: Endpoint, batch: str) -> str:
        """Return where a batch is described."""
        return _url(endpoint, f"/{quote(batch, safe='')}")

    def state(self, body: bytes) -> BatchState | None:
        """Read the description of a batch."""
        return _state(wire.json_object(body))

    def cancel(self, endpoint: Endpoint, batch: str) -> HttpRequest:
        """Write the request that stops a batch."""
        url = _url(endpoint, f"/{quote(batch, safe='')}/cancel")
        return wire.post(with_version(endpoint), url, {})

    def list_url(self, endpoint: Endpoint, after: str | None) -> str:
        """Return where batches are listed."""
        url = _url(endpoint)
        given = f"limit={_PAGE}" + (f"&after_id={quote(after, safe='')}" if after else "")
        return f"{url}{'&' if '?' in url else '?'}{given}"

    def listed(self, body: bytes) -> tuple[list[BatchState], str | None] | None:
        """Read a page of the list."""
        return page(body, _state)

    def is_ours(self, state: BatchState, *, job: str, requests: int, created_at: float) -> bool:
        """Tell whether a batch may be that of the job."""
        del job
        near = state.created_at is not None and abs(state.created_at - created_at) < _NEAR_S
        return near and state.requests == requests

    def output_url(self, endpoint: Endpoint, output: str) -> str:
        """Return where the results of a batch are: never where a reply says, for the key's sake."""
        return _url(endpoint, f"/{quote(output, safe='')}/results")

    def output_line(self, line: bytes) -> Line | None:
        """Read how one request ended."""
        fields = wire.json_object(line)
        key = None if fields is None else key_of(fields.get("custom_id"))
        if fields is None or key is None:
            return None
        result = wire.mapping(fields.get("result"))
        kind = wire.text_or_none(result.get("type")) or "no_result"
        if kind == "succeeded":
            return Line(key=key, status=200, body=wire.part(result.get("message")))
        if kind != "errored":
            return Line(key=key, gone=Fault(code=f"batch_{kind}", message=""))
        error = result.get("error")
        named = wire.mapping(wire.mapping(error).get("error")) or wire.mapping(error)
        told = fault(named, otherwise="api_error")
        return Line(key=key, status=_STATUSES.get(told.code, 400), body=wire.part(error))

    def headers(self, endpoint: Endpoint) -> dict[str, str]:
        """Return what every request to the API carries."""
        return wire.headers(with_version(endpoint))


def _url(endpoint: Endpoint, more: str = "") -> str:
    return wire.url(endpoint, f"{messages_path(endpoint)}/batches{more}")


def _state(fields: wire.Json | None) -> BatchState | None:
    batch = wire.text_or_none((fields or {}).get("id"))
    status = wire.text_or_none((fields or {}).get("processing_status"))
    if fields is None or not batch or status is None:
        return None
    counts = wire.mapping(fields.get("request_counts"))
    done = sum(wire.count(counts.get(name)) for name in _ENDED)
    ended = status == "ended"
    return BatchState(
        batch=batch,
        # What was stopped or ran out of time says so in its lines.
        phase="completed" if ended else "running",
        created_at=_seconds(fields.get("created_at")),
        requests=done + wire.count(counts.get("processing")),
        done=done,
        answered=wire.count(counts.get("succeeded")),
        outputs=(batch,) if ended else (),
    )


def _seconds(moment: object) -> float | None:
    try:
        read = datetime.fromisoformat(moment) if isinstance(moment, str) else None
    except ValueError:
        return None
    if read is None:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
