"""The seam between a request and a wire format: one adapter module per format.

An adapter is pure: it never opens a connection and never reads a clock. `encode` writes a request
as HTTP, `decode` reads the body of a successful reply. Nothing outside `airquery.endpoints` knows
a provider's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airquery.endpoints.redaction import address


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery.answer import Answer, Failure, Outcome
    from airquery.endpoints.endpoint import Endpoint
    from airquery.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One POST: where to, with which headers (secrets revealed: never log it), which body."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"HttpRequest(url={address(self.url)!r}, {len(self.body)} bytes)"


class Adapter(Protocol):
    """What every wire format can do."""

    def check(self, endpoint: Endpoint, parameters: Mapping[str, object]) -> None:
        """Refuse what this format can never send. Raises `StatementError`."""

    def encode(self, request: Request) -> HttpRequest:
        """Write the request. Raises `StatementError` if its input has no form on this wire."""

    def decode(self, request: Request, body: bytes) -> Outcome:
        """Read the body of a 2xx reply; never raises.

        A body that is no answer is a `Failure`, retryable unless the model withheld its answer:
        then the same question ends the same.
        """


class ChatAdapter(Adapter, Protocol):
    """What a wire format for chat can do, so that several requests can share one prompt."""

    def reply(self, answer: Answer) -> bytes:
        """Write the body that `decode` reads as this answer, which is text."""


class ManyAdapter(Protocol):
    """What puts several requests into one HTTP request.

    They are for one endpoint, asked alike in all but their input. `Limits.inputs_per_request` says
    how many of them there are for embeddings, `Request.rows_per_prompt` for chat.
    """

    def encode_many(self, requests: Sequence[Request]) -> HttpRequest:
        """Write the requests as one. Raises as `encode` does."""

    def decode_many(
        self, requests: Sequence[Request], body: bytes
    ) -> list[tuple[Outcome, bytes]] | Failure:
        """Read a 2xx reply to them; never raises.

        Each request gets its outcome, and the body that `Adapter.decode` reads as exactly that
        outcome: it can be kept as the reply to that request. A reply for none of them is one
        `Failure`.
        """
