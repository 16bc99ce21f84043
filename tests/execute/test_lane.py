"""What waits for an endpoint over real HTTP: its rate, its order, its stragglers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airquery.answer import Answer, Failure
from airquery.endpoints.endpoint import Limits
from airquery.execute.run import Engine
from airquery.execute.statement import Statement
from airquery.journal.sqlite_store import SqliteJournal
from airquery.request import Request
from airquery.testing import EndpointServer, Reply
from tests.execute.conftest import ask


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from airquery.testing import FakeClock


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Engine]:
    """Return an engine by the machine's own clock."""
    engine = Engine(SqliteJournal(tmp_path / "own.db"))
    yield engine
    engine.close()


def prompts(server: EndpointServer) -> list[str]:
    return [str(request.body["messages"][-1]["content"]) for request in server.requests]  # type: ignore[index]


def test_no_more_is_sent_in_a_minute_than_a_rate_allows(
    engine: Engine, server: EndpointServer, clock: FakeClock
) -> None:
    endpoint = server.endpoint(limits=Limits(requests_per_minute=5, hedge=False))
    began = clock.monotonic()

    results = ask(engine, *(Request(endpoint=endpoint, input=f"row {i}") for i in range(12)))

    assert all(isinstance(result.outcome, Answer) for result in results)
    assert server.count == 12
    # Five at once, five after a minute, two after the next; each wait is computed, not tried out.
    assert 120.0 <= clock.monotonic() - began < 122.0
    assert len(clock.sleeps) <= 4


def test_tokens_that_were_reserved_and_not_used_are_given_back(
    engine: Engine, server: EndpointServer, clock: FakeClock
) -> None:
    # Each reserves 100 tokens of answer and uses a few.
    endpoint = server.endpoint(
        limits=Limits(output_tokens_per_minute=150, concurrency=1, hedge=False)
    )
    requests = [
        Request(endpoint=endpoint, input=f"row {i}", parameters={"max_tokens": 100})
        for i in range(5)
    ]

    ask(engine, *requests)

    assert (server.count, clock.sleeps) == (5, ())


def test_what_an_endpoint_tells_of_its_limit_is_kept(
    engine: Engine, server: EndpointServer, clock: FakeClock
) -> None:
    told = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-limit-requests": "1"}
    server.script(Reply(headers={**told, "x-ratelimit-reset-requests": "30s"}))
    endpoint = server.endpoint(limits=Limits(concurrency=1))

    ask(engine, *(Request(endpoint=endpoint, input=f"row {i}") for i in range(2)))

    assert sum(server.statuses.values()) == 2
    assert sum(clock.sleeps) == pytest.approx(30.0, abs=1.0)


def test_prompts_that_begin_alike_go_one_after_another(
    running: Engine, server: EndpointServer
) -> None:
    endpoint = server.endpoint(limits=Limits(concurrency=1))
    documents = [f"{name}: {'a long document ' * 20}" for name in ("A", "B", "C")]

    ask(
        running,
        *(
            Request(endpoint=endpoint, input=f"{d} question {i}")
            for i in range(6)
            for d in documents
        ),
    )

    beginnings = [prompt[0] for prompt in prompts(server)]
    assert beginnings == sorted(beginnings)


def test_the_last_of_a_run_go_longest_first(running: Engine, server: EndpointServer) -> None:
    endpoint = server.endpoint(limits=Limits(concurrency=1))
    lengths = [300, 20, 1000, 100]

    ask(
        running,
        *(Request(endpoint=endpoint, input="x" * length) for length in lengths),
        statement=Statement(collected=True),
    )

    assert [len(prompt) for prompt in prompts(server)] == [1000, 300, 100, 20]


@pytest.mark.parametrize("hedge", [True, False])
def test_a_straggler_is_asked_once_more_and_the_first_answer_counts(
    running: Engine, hedge: bool
) -> None:
    hung: list[bool] = []
    # A machine that pauses makes every answer late, and what is late by their measure later still.
    hangs_s = 30.0 if hedge else 3.0

    def latency_s(body: Mapping[str, object]) -> float:
        if "straggler" not in str(body["messages"]) or hung:
            return 0.02
        hung.append(True)
        return hangs_s

    with EndpointServer(latency_s=latency_s) as server:
        endpoint = server.endpoint(limits=Limits(hedge=hedge))
        # More than one: what is no straggler by the answers so far is not asked again.
        names = [f"row {i}" for i in range(10, 110)] + ["straggler"]
        results = ask(running, *(Request(endpoint=endpoint, input=name) for name in names))

        hedged = sum(result.hedged for result in results)
        assert server.count == 101 + hedged
    slow = results[-1]
    assert isinstance(slow.outcome, Answer)
    assert (slow.attempts, slow.hedged) == (1 + hedge, int(hedge))
    assert (slow.latency_s < hangs_s) is hedge
    # One of a hundred answers at most, and one more.
    assert hedged <= 2 * hedge


def test_what_waits_for_an_endpoint_that_takes_nothing_ends_after_one_deadline(
    engine: Engine, server: EndpointServer, clock: FakeClock
) -> None:
    server.fail_when(lambda _: True, Reply(status=429, headers={"Retry-After": "1"}))
    endpoint = server.endpoint(limits=Limits(deadline_s=20.0))
    began = clock.monotonic()

    results = ask(engine, *(Request(endpoint=endpoint, input=f"row {i}") for i in range(60)))

    outcomes = [result.outcome for result in results]
    assert [one.http_status for one in outcomes if isinstance(one, Failure)] == [429] * 60
    # Each in its turn would have taken a deadline of its own.
    assert clock.monotonic() - began < 60.0
    assert server.count < 60


@pytest.mark.parametrize(("reached", "attempts"), [(False, 2), (True, 3)])
def test_an_endpoint_that_was_reached_before_is_waited_for_until_the_deadline(
    engine: Engine, server: EndpointServer, *, reached: bool, attempts: int
) -> None:
    endpoint = server.endpoint(limits=Limits(max_attempts=2, deadline_s=60.0))
    if reached:
        ask(engine, Request(endpoint=endpoint, input="while it is there"))
    server.stop()
    [result] = ask(engine, Request(endpoint=endpoint, input="while it is away"))
    server.start()

    assert isinstance(result.outcome, Failure)
    assert "could not be reached (Connection refused)" in result.outcome.message
    assert min(result.attempts, 3) == attempts
