"""One remembered reply, as it came over the wire.

The body is kept as the endpoint sent it, not as it was understood: a better parser or another
result type reads it again and pays nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import zstandard


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The reply to one request.

    `key` is the request's 32 bytes, `created_at` seconds since 1970, `body` the reply's raw bytes.
    """

    key: bytes
    endpoint: str
    model: str | None
    created_at: float
    latency_s: float
    body: bytes


def compress(body: bytes) -> bytes:
    """Return the body as one zstd frame."""
    return zstandard.ZstdCompressor(level=3).compress(body)


def decompress(frame: bytes) -> bytes:
    """Return the body of one zstd frame. Raises `zstandard.ZstdError` if it is damaged."""
    return zstandard.ZstdDecompressor().decompress(frame)
