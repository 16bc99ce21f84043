from __future__ import annotations

import pytest
import zstandard

from airquery.journal.record import compress, decompress


def frame(body: bytes, *, length: int) -> bytes:
    """Write a frame with its body as it is, that says the body has this length (RFC 8878, 3.1.1)."""
    magic, descriptor = b"\x28\xb5\x2f\xfd", b"\xe0"
    block = (1 | len(body) << 3).to_bytes(3, "little")
    return magic + descriptor + length.to_bytes(8, "little") + block + body


def test_a_body_is_given_back_as_it_was() -> None:
    assert decompress(compress(b"{}")) == b"{}"
    assert decompress(frame(b"{}", length=2)) == b"{}"


@pytest.mark.parametrize("length", [2**44, 2**62, 2**63 - 1, 2**64 - 1])
def test_a_length_that_the_disk_has_changed_is_a_damaged_body(length: int) -> None:
    with pytest.raises(zstandard.ZstdError):
        decompress(frame(b"{}", length=length))


def test_a_body_that_the_disk_has_changed_is_damaged() -> None:
    kept = bytearray(compress(b"an answer that was paid for"))
    kept[-6] ^= 1

    with pytest.raises(zstandard.ZstdError):
        decompress(bytes(kept))
