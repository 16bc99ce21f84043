"""Batches are looked at from outside, patiently, and stopped where that is wished."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from airquery.answer import Failure
from airquery.connection import close_engines
from airquery.endpoints.endpoint import Secret
from airquery.execute.batch_watch import watch
from airquery.testing import BatchScript, EndpointServer, FakeClock, Reply
from tests.execute.test_batch_jobs import asked, batched
from tests.execute.test_detach import left_by


if TYPE_CHECKING:
    import airquery
    from airquery.endpoints.batch import Phase
    from airquery.endpoints.endpoint import Endpoint


def seen(
    endpoint: Endpoint, batch: str, *, clock: FakeClock | None = None, stop: bool = False
) -> Phase | Failure:
    async def look() -> Phase | Failure:
        async with watch({"llm": endpoint}, clock=clock) as batches:
            act = batches.cancel if stop else batches.until_over
            return (await act([("llm", batch)]))[batch]

    return asyncio.run(look())


@pytest.fixture
def out(server: EndpointServer, settings: airquery.Settings) -> Endpoint:
    """Leave a batch of three requests at the provider; it ends at the fourth look from here."""
    server.script_batches(BatchScript(running=3))
    server.hold_batches()
    left_by(batched(server), settings, asked(3))
    close_engines()
    server.hold_batches(held=False)
    return batched(server, batch={"first_poll_s": 1.0, "longest_poll_s": 5.0})


def test_it_is_looked_at_less_and_less_often_until_it_is_over(out: Endpoint) -> None:
    clock = FakeClock()

    assert seen(out, "batch-0", clock=clock) == "completed"
    assert clock.sleeps == (1.0, 2.0, 4.0, 5.0)


def test_a_provider_that_is_away_is_asked_again_when_it_says(
    server: EndpointServer, out: Endpoint
) -> None:
    clock = FakeClock()
    server.batches[0].trouble.append(Reply(status=503, headers={"Retry-After": "30"}))

    assert seen(out, "batch-0", clock=clock) == "completed"
    assert clock.sleeps == (1.0, 30.0, 2.0, 4.0, 5.0, 5.0)


def test_a_batch_that_nobody_knows_is_not_waited_for(out: Endpoint) -> None:
    found = seen(out, "batch-9", clock=FakeClock())

    assert isinstance(found, Failure)
    assert found.http_status == 404


@pytest.mark.parametrize("more", [{}, {"provider": "anthropic"}], ids=["openai", "anthropic"])
def test_a_batch_can_be_stopped_and_what_it_answered_stays(
    server: EndpointServer, settings: airquery.Settings, more: dict[str, str]
) -> None:
    server.hold_batches()
    left_by(batched(server, **more), settings, asked(3))
    close_engines()
    endpoint = batched(server, **more)

    seen(endpoint, "batch-0", stop=True)

    assert server.batches[0].cancelled
    assert seen(endpoint, "batch-0", clock=FakeClock()) in ("cancelled", "completed")


def test_a_key_that_is_refused_is_told_and_not_shown() -> None:
    key = "sk-0123456789-of-nobody"

    with EndpointServer(api_key="sk-another-0123456789") as guarded:
        found = seen(batched(guarded, api_key=Secret(key)), "batch-0", clock=FakeClock())

    assert isinstance(found, Failure)
    assert (found.http_status, key in str(found)) == (401, False)
