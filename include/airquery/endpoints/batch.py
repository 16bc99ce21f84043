"""The seam between a job and a provider's batch API: one module per API.

A wire is pure, as an adapter is. What it reads is not trusted: what is no state or no line is None.
What a line of the output holds as its body is what the endpoint would have replied to that request
alone, so that it is decoded and remembered as any other reply.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.endpoints.adapter import HttpRequest
    from airquery.endpoints.endpoint import Endpoint
    from airquery.request import Request


# `completed` says that the provider went through all requests, one way or the other.
Phase: TypeAlias = Literal["running", "completed", "failed", "expired", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a provider refused a batch; `line` is the request at fault, from 0, if it is one."""

    code: str
    message: str
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """A batch as its provider describes it.

    `job` is what we called it, where the API keeps that; `created_at` is in seconds since 1970.
    `done` of its `requests` have ended, `answered` of these with an answer. `outputs` name what is to
    be read once it has ended.
    """

    batch: str
    phase: Phase
    job: str | None = None
    created_at: float | None = None
    requests: int = 0
    done: int = 0
    answered: int = 0
    outputs: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How one request of a batch ended.

    With a `status` the endpoint replied `body`; without one `gone` says why it did not.
    """

    key: bytes
    status: int | None = None
    body: bytes = b""
    gone: Fault | None = None


class BatchWire(Protocol):
    """What every batch API can do."""

    max_requests: int
    max_bytes: int

    def line(self, request: Request) -> bytes:
        """Write a request as its part of a batch. Raises as `Adapter.encode` does."""

    def upload(self, endpoint: Endpoint, lines: Sequence[bytes], job: str) -> HttpRequest | None:
        """Write what is sent before a batch is made; None where nothing is."""

    def create(
        self, endpoint: Endpoint, lines: Sequence[bytes], *, job: str, uploaded: bytes
    ) -> HttpRequest | None:
        """Write the request that makes a batch of what was uploaded.

        None if the reply to the upload, `uploaded`, does not say what that is called.
        """

    def state_url(self, endpoint: Endpoint, batch: str) -> str:
        """Return where a batch is described."""

    def state(self, body: bytes) -> BatchState | None:
        """Read the description of a batch."""

    def cancel(self, endpoint: Endpoint, batch: str) -> HttpRequest:
        """Write the request that stops a batch; its reply describes the batch."""

    def list_url(self, endpoint: Endpoint, after: str | None) -> str:
        """Return where batches are listed, the newest first, from the one after `after`."""

    def listed(self, body: bytes) -> tuple[list[BatchState], str | None] | None:
        """Read a page of the list, and after which one the next page begins; None if it is last."""

    def is_ours(self, state: BatchState, *, job: str, requests: int, created_at: float) -> bool:
        """Tell whether a listed batch is that of a job, as far as the list can say."""

    def output_url(self, endpoint: Endpoint, output: str) -> str:
        """Return where one of a batch's outputs is."""

    def output_line(self, line: bytes) -> Line | None:
        """Read one line of an output."""

    def headers(self, endpoint: Endpoint) -> dict[str, str]:
        """Return what every request to the API carries."""


def key_of(custom_id: object) -> bytes | None:
    """Return the key of the request that a line is about; None for what we never wrote."""
    try:
        key = bytes.fromhex(custom_id) if isinstance(custom_id, str) else b""
    except ValueError:
        return None
    return key or None
