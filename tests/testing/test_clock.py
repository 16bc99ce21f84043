from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from airquery.testing import FakeClock


if TYPE_CHECKING:
    from airquery.clock import Clock


def test_time_stands_still_until_it_is_advanced() -> None:
    clock = FakeClock(monotonic=5.0, time=1_000.0)

    before = (clock.monotonic(), clock.time(), clock.monotonic())
    clock.advance(2.5)

    assert before == (5.0, 1_000.0, 5.0)
    assert (clock.monotonic(), clock.time()) == (7.5, 1_002.5)


def test_sleeping_advances_at_once_and_is_remembered() -> None:
    clock = FakeClock()
    as_the_engine_sees_it: Clock = clock

    async def sleep() -> None:
        await as_the_engine_sees_it.sleep(3_600)
        await as_the_engine_sees_it.sleep(-1)

    asyncio.run(sleep())

    assert clock.monotonic() == 3_600
    assert clock.sleeps == (3_600, -1)


def test_sleeping_lets_others_run() -> None:
    clock = FakeClock()
    seen: list[str] = []

    async def sleeper() -> None:
        await clock.sleep(1)
        seen.append("sleeper")

    async def other() -> None:
        await asyncio.sleep(0)
        seen.append("other")

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper())
            group.create_task(other())

    asyncio.run(both())

    assert sorted(seen) == ["other", "sleeper"]


def test_a_clock_cannot_be_put_back() -> None:
    with pytest.raises(ValueError, match="cannot be put back"):
        FakeClock().advance(-1)
