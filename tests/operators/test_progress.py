from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from airquery import RunStats
from airquery.testing import FakeClock
from airquery_airflow.progress import Progress


if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


class Store:
    """A task's state, and how often it was written."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.written: list[dict[str, Any]] = []
        self._problem = problem

    def set(self, key: str, value: dict[str, Any]) -> None:
        assert key == "progress"
        if self._problem is not None:
            raise self._problem
        self.written.append(value)


def calls(values: list[float], until: threading.Event) -> Callable[[], float]:
    """Give one value a call, and set `until` with the last."""
    left = iter(values)

    def call() -> float:
        value = next(left, values[-1])
        if value == values[-1]:
            until.set()
        return value

    return call


def test_a_step_tells_while_it_lasts_how_far_it_is(caplog: pytest.LogCaptureFixture) -> None:
    store, seen = Store(), threading.Event()
    progress = Progress(store=store, every_s=0, clock=FakeClock())

    with (
        caplog.at_level(logging.INFO),
        progress.step("Sorting", percent=calls([-1.0, 41.6], seen)),
    ):
        assert seen.wait(timeout=30)
    told = list(dict.fromkeys(caplog.messages))
    progress.finish("done", {"rows": 3})

    assert told[:2] == ["Sorting", "Sorting: 0 s so far; how far it is cannot be told"]
    assert told[-1] == "Sorting: done after 0.0 s"
    assert set(told[2:-1]) <= {"Sorting: 42 % after 0 s"}
    assert store.written == [{"step": "Sorting"}, {"step": "done", "rows": 3}]


def test_the_state_is_written_every_few_seconds_at_most_and_at_the_end() -> None:
    store, clock = Store(), FakeClock()
    progress = Progress(store=store, clock=clock)

    progress.count(files=1)
    progress.count(files=2)
    clock.advance(2)
    progress.count(files=3)
    progress.count(files=4)
    progress.finish("done", {})

    assert store.written == [{"files": 1}, {"files": 3}, {"files": 4, "step": "done"}]


def test_the_counts_of_a_statement_are_told_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, clock = Store(), FakeClock()
    progress = Progress(store=store, clock=clock, every_s=10)
    stats = RunStats(requests=5, answered=4, sent=3, from_journal=1, failed=2, price=0.5, seconds=9)

    with caplog.at_level(logging.INFO):
        progress.asked(stats)
        clock.advance(10)
        progress.asked(stats)

    assert caplog.messages == [
        "4 of 5 requests answered: 3 sent, 1 from the journal, 2 failed, 0.500000 USD, 9 s"
    ]
    assert store.written[-1] == {
        "requests": 5,
        "answered": 4,
        "sent": 3,
        "from_journal": 1,
        "failed": 2,
        "retries": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "price": 0.5,
        "currency": "USD",
    }


def test_a_state_that_cannot_be_written_is_said_once_and_fails_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    progress = Progress(store=Store(RuntimeError("no server")), clock=FakeClock())

    progress.finish("done", {})
    progress.finish("done", {})

    assert caplog.messages == ["How far the task is cannot be kept in its state: no server"]
