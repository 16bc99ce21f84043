"""One remembered reply, as it came over the wire.

The body is kept as the endpoint sent it, not as it was understood: a better parser or another
result type reads it again and pays nothing.
"""

from __future__ import annotations

import threading
from typing import NamedTuple, TypeAlias

import zstandard


class Record(NamedTuple):
    """The reply to one request: a tuple, because a statement may read a million of them.

    `key` is the request's 32 bytes, `created_at` seconds since 1970, `body` the reply's raw bytes.
    """

    key: bytes
    endpoint: str
    model: str | None
    created_at: float
    latency_s: float
    body: bytes


# A record as a database keeps it: its fields, with a compressed body.
Row: TypeAlias = tuple[bytes, str, str | None, float, float, bytes]


# No reply is as long, in bytes.
_NO_BODY = 2**34


class _Zstd(threading.local):
    """What a thread uses again and again: making it costs as much as using it."""

    def __init__(self) -> None:
        # A body that the disk has changed is noticed, and not taken for an answer.
        self.compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
        self.decompressor = zstandard.ZstdDecompressor()


_zstd = _Zstd()


def compress(body: bytes) -> bytes:
    """Return the body as one zstd frame."""
    return _zstd.compressor.compress(body)


def decompress(frame: bytes) -> bytes:
    """Return the body of one zstd frame. Raises `zstandard.ZstdError` if it is damaged."""
    try:
        return _zstd.decompressor.decompress(frame)
    except (MemoryError, OverflowError):
        # A frame begins with its body's length, which the disk may have changed, too.
        length = zstandard.get_frame_parameters(frame).content_size
        if length < _NO_BODY:
            raise
        raise zstandard.ZstdError(f"a body would be {length} bytes long") from None


def stored(record: Record) -> Row:
    """Return a record as a database keeps it."""
    return (*record[:-1], compress(record.body))


def restored(row: Row) -> Record:
    """Return the record of a row. Raises `zstandard.ZstdError` if it is damaged."""
    if not isinstance(row[-1], bytes):
        # SQLite keeps a value's type beside it, and that may be what has changed.
        raise zstandard.ZstdError(f"a body is {type(row[-1]).__name__}")
    return Record(*row[:-1], decompress(row[-1]))
