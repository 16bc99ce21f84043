"""What the scripted endpoint receives and what it is told to reply."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import orjson


if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came in. Names of headers are in lower case; `at` is `time.monotonic()`."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, object]
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to reply to one request instead of what the server would.

    A `body` that is no bytes or text goes out as JSON. Without a body, a status below 400 gives
    the server's ordinary answer, any other an error in the OpenAI shape. `end` says how the
    connection ends: the reply is sent whole, only its first half is, or nothing is; `raw` sends the
    body alone, which then holds what is taken for a head, and hangs up. `drip_s` is the time
    between one byte of the body and the next.
    """

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    drip_s: float = 0.0
    end: Literal["whole", "cut", "drop", "raw"] = "whole"

    @classmethod
    def drop(cls, *, after_s: float = 0.0) -> Reply:
        """Close the connection without a reply."""
        return cls(end="drop", after_s=after_s)

    @classmethod
    def cut(cls) -> Reply:
        """Close the connection in the middle of the ordinary answer."""
        return cls(end="cut")

    @classmethod
    def raw(cls, content: bytes) -> Reply:
        """Send these bytes, whatever they are, and close the connection."""
        return cls(end="raw", body=content)

    @classmethod
    def stall(cls, seconds: float) -> Reply:
        """Say nothing for so long, then answer as usual."""
        return cls(after_s=seconds)

    def content(self) -> bytes | None:
        """Return the body as bytes, or None where the ordinary answer is meant."""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        if self.body is not None:
            return orjson.dumps(self.body)
        if self.status < 400:  # noqa: PLR2004 - the first status of an error
            return None
        return error_body(self.status, f"Scripted failure {self.status}.")


def error_body(status: int, message: str) -> bytes:
    """Return an error in the OpenAI shape."""
    kind = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_exceeded"}
    error = {"message": message, "type": kind.get(status, "server_error"), "code": status}
    return orjson.dumps({"error": error})
