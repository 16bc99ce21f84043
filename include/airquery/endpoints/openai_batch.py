"""OpenAI's batch API: a file of requests is uploaded, a batch is made of it, files come back.

A batch carries our name for it in its metadata, so that one whose creation was cut off is found
again. What was answered and what failed stand in two files, in any order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import orjson

from airquery.endpoints import wire
from airquery.endpoints.adapter import HttpRequest
from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.batch import BatchState, Fault, Line, Phase, key_of


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airquery.endpoints.endpoint import Endpoint
    from airquery.request import Request


METADATA: Final = "airquery_job"
_PHASES: Final[Mapping[str, Phase]] = {
    "completed": "completed",
    "failed": "failed",
    "expired": "expired",
    "cancelled": "cancelled",
}
# What the line of a request is sent to, whatever stands before it in the endpoint's URL.
_PATHS: Final = ("/chat/completions", "/responses", "/embeddings")
_PAGE: Final = 100


class OpenAIBatch:
    """POST {base_url}/files, then {base_url}/batches."""

    max_requests: int = 50_000
    max_bytes: int = 200_000_000

    def line(self, request: Request) -> bytes:
        """Write a line of the file."""
        single = adapter_for(request.endpoint).encode(request)
        fields = {
            "custom_id": request.key.hex(),
            "method": "POST",
            "url": _path(single.url),
            "body": orjson.Fragment(single.body),
        }
        return orjson.dumps(fields)

    def upload(self, endpoint: Endpoint, lines: Sequence[bytes], job: str) -> HttpRequest | None:
        """Write the upload as a form, with the file as its last field."""
        boundary = f"airquery-{job}".encode()
        start = (
            b'--%b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
            b'--%b\r\nContent-Disposition: form-data; name="file"; filename="%b.jsonl"\r\n'
            b"Content-Type: application/jsonl\r\n\r\n"
        ) % (boundary, boundary, job.encode())
        end = b"\r\n--%b--\r\n" % boundary
        kind = f"multipart/form-data; boundary={boundary.decode()}"
        return HttpRequest(
            url=wire.url(endpoint, "/files"),
            headers={**self.headers(endpoint), "Content-Type": kind},
            body=b"".join((start, b"\n".join(lines), b"\n", end)),
        )

    def create(
        self, endpoint: Endpoint, lines: Sequence[bytes], *, job: str, uploaded: bytes
    ) -> HttpRequest | None:
        """Write the request that makes a batch of the file, with our name for it."""
        file = (wire.json_object(uploaded) or {}).get("id")
        if not isinstance(file, str) or not file:
            return None
        fields = {
            "input_file_id": file,
            "endpoint": wire.mapping(orjson.loads(lines[0])).get("url"),
            "completion_window": "24h",
            "metadata": {METADATA: job},
        }
        return wire.post(endpoint, wire.url(endpoint, "/batches"), fields)

    def state_url(self, endpoint: Endpoint, batch: str) -> str:
        """Return where a batch is described."""
        return wire.url(endpoint, f"/batches/{quote(batch, safe='')}")

    def state(self, body: bytes) -> BatchState | None:
        """Read the description of a batch."""
        return _state(wire.json_object(body))

    def cancel(self, endpoint: Endpoint, batch: str) -> HttpRequest:
        """Write the request that stops a batch."""
        url = wire.url(endpoint, f"/batches/{quote(batch, safe='')}/cancel")
        return wire.post(endpoint, url, {})

    def list_url(self, endpoint: Endpoint, after: str | None) -> str:
        """Return where batches are listed."""
        url = wire.url(endpoint, "/batches")
        given = f"limit={_PAGE}" + (f"&after={quote(after, safe='')}" if after else "")
        return f"{url}{'&' if '?' in url else '?'}{given}"

    def listed(self, body: bytes) -> tuple[list[BatchState], str | None] | None:
        """Read a page of the list."""
        return page(body, _state)

    def is_ours(self, state: BatchState, *, job: str, requests: int, created_at: float) -> bool:
        """Tell whether a batch bears the name of the job."""
        del requests, created_at
        return state.job == job

    def output_url(self, endpoint: Endpoint, output: str) -> str:
        """Return where a file's content is."""
        return wire.url(endpoint, f"/files/{quote(output, safe='')}/content")

    def output_line(self, line: bytes) -> Line | None:
        """Read how one request ended; an error without a response was never answered."""
        fields = wire.json_object(line)
        key = None if fields is None else key_of(fields.get("custom_id"))
        if fields is None or key is None:
            return None
        response = wire.mapping(fields.get("response"))
        status = wire.count(response.get("status_code"))
        if status:
            return Line(key=key, status=status, body=wire.part(response.get("body")))
        error = wire.mapping(fields.get("error"))
        return Line(key=key, gone=fault(error, otherwise="no_response"))

    def headers(self, endpoint: Endpoint) -> dict[str, str]:
        """Return what every request to the API carries."""
        return wire.headers(endpoint)


def page(
    body: bytes, read: Callable[[wire.Json | None], BatchState | None]
) -> tuple[list[BatchState], str | None] | None:
    """Read a page of a list in the form that both APIs have."""
    fields = wire.json_object(body)
    rows = None if fields is None else fields.get("data")
    if fields is None or not isinstance(rows, list):
        return None
    states = [state for row in rows if (state := read(wire.mapping(row))) is not None]
    last = wire.text_or_none(fields.get("last_id"))
    if last is None and states:
        last = states[-1].batch
    return states, last if fields.get("has_more") is True else None


def fault(error: wire.Json, *, otherwise: str) -> Fault:
    """Read an error's code and message."""
    code = wire.text_or_none(error.get("code")) or wire.text_or_none(error.get("type"))
    line = error.get("line")
    return Fault(
        code=code or otherwise,
        message=wire.text_or_none(error.get("message")) or "",
        line=line - 1 if isinstance(line, int) and line > 0 else None,
    )


def _state(fields: wire.Json | None) -> BatchState | None:
    batch = wire.text_or_none((fields or {}).get("id"))
    status = wire.text_or_none((fields or {}).get("status"))
    if fields is None or not batch or status is None:
        return None
    counts = wire.mapping(fields.get("request_counts"))
    files = (fields.get("output_file_id"), fields.get("error_file_id"))
    errors = wire.mapping(fields.get("errors")).get("data")
    return BatchState(
        batch=batch,
        phase=_PHASES.get(status, "running"),
        job=wire.text_or_none(wire.mapping(fields.get("metadata")).get(METADATA)),
        created_at=float(wire.count(fields.get("created_at"))) or None,
        requests=wire.count(counts.get("total")),
        done=wire.count(counts.get("completed")) + wire.count(counts.get("failed")),
        answered=wire.count(counts.get("completed")),
        outputs=tuple(file for file in files if isinstance(file, str) and file),
        faults=tuple(
            fault(wire.mapping(one), otherwise="failed")
            for one in (errors if isinstance(errors, list) else [])
        ),
    )


def _path(url: str) -> str:
    path = urlsplit(url).path
    return "/v1" + next(known for known in _PATHS if path.endswith(known))
