"""The set of keys that a statement remembers without remembering them."""

from __future__ import annotations

from hashlib import blake2b

from hypothesis import given, strategies as st

from airquery.execute.seen import Seen


def _key(number: int) -> bytes:
    return blake2b(number.to_bytes(8), digest_size=32).digest()


def test_a_key_is_new_once() -> None:
    seen = Seen()

    assert sum(seen.add(_key(number // 2)) for number in range(10_000)) == 5000
    assert not any(seen.add(_key(number)) for number in range(5000))


# What tells keys apart is never all zero: that happens once in 2^64 hashes.
@given(st.lists(st.binary(min_size=32, max_size=32).filter(lambda key: any(key[1:8]))))
def test_it_is_a_set(keys: list[bytes]) -> None:
    seen, plain = Seen(), set[bytes]()

    for key in keys:
        assert seen.add(key) == (key[:9] not in plain)
        plain.add(key[:9])
