"""When a request may be sent so that no rate is exceeded: numbers in, seconds out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings, strategies as st

from airquery.endpoints.cost import Cost
from airquery.endpoints.endpoint import Limits
from airquery.endpoints.told_limits import Quota, Told
from airquery.execute.rate import HOUR_S, MINUTE_S, RateLimits


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.execute.rate import Reserved


def cost(input_tokens: int = 0, output_tokens: int = 0) -> Cost:
    return Cost(input_tokens=input_tokens, output_tokens=output_tokens)


def take_all(rate: RateLimits, costs: Sequence[Cost], now: float = 0.0) -> list[float]:
    """Send requests as soon as each may go, and return when that was."""
    sent = []
    for one in costs:
        now += rate.wait_s(one, now)
        assert rate.wait_s(one, now) == 0.0
        rate.take(one, now)
        sent.append(now)
    return sent


def heard(told: Told, *, limits: Limits | None = None, now: float = 0.0) -> RateLimits:
    """Return the limits of an endpoint that told this to its first request."""
    rate = RateLimits(limits or Limits())
    rate.learn([told], rate.take(cost(), now), now)
    return rate


def test_without_limits_nothing_waits() -> None:
    rate = RateLimits(Limits())

    assert take_all(rate, [cost(10**9, 10**9)] * 1000) == [0.0] * 1000
    assert not rate.counts_tokens


def test_a_full_minute_waits_until_its_first_request_is_a_minute_old() -> None:
    rate = RateLimits(Limits(requests_per_minute=2))
    rate.take(cost(), 0.0)
    rate.take(cost(), 10.0)

    assert rate.wait_s(cost(), 20.0) == MINUTE_S - 20.0
    assert rate.wait_s(cost(), MINUTE_S) == 0.0
    rate.take(cost(), MINUTE_S)
    assert rate.wait_s(cost(), MINUTE_S) == 10.0


def test_a_burst_is_followed_by_a_whole_minute_without_one() -> None:
    sent = take_all(RateLimits(Limits(requests_per_minute=3)), [cost()] * 8)

    assert sent == [0.0] * 3 + [MINUTE_S] * 3 + [2 * MINUTE_S] * 2


def test_hours_are_counted_beside_minutes() -> None:
    rate = RateLimits(Limits(requests_per_minute=2, requests_per_hour=5))

    sent = take_all(rate, [cost()] * 6)

    assert sent == [0.0, 0.0, MINUTE_S, MINUTE_S, 2 * MINUTE_S, HOUR_S]


@pytest.mark.parametrize(
    ("limits", "wait_s"),
    [
        (Limits(input_tokens_per_minute=100), MINUTE_S),
        (Limits(input_tokens_per_minute=120), 0.0),
        (Limits(output_tokens_per_minute=70), MINUTE_S),
        (Limits(output_tokens_per_minute=80), 0.0),
        (Limits(tokens_per_minute=199), MINUTE_S),
        (Limits(tokens_per_minute=200), 0.0),
        (Limits(tokens_per_minute=200, input_tokens_per_minute=100), MINUTE_S),
    ],
)
def test_tokens_are_counted_by_side_and_together(limits: Limits, wait_s: float) -> None:
    rate = RateLimits(limits)
    rate.take(cost(60, 40), 0.0)

    assert rate.counts_tokens
    assert rate.wait_s(cost(60, 40), 0.0) == wait_s


def test_what_is_more_than_a_whole_limit_goes_alone() -> None:
    rate = RateLimits(Limits(tokens_per_minute=100))

    sent = take_all(rate, [cost(10), cost(500), cost(10)])

    assert sent == [0.0, MINUTE_S, 2 * MINUTE_S]


def test_what_was_not_used_is_given_back() -> None:
    rate = RateLimits(Limits(output_tokens_per_minute=100))
    reserved = rate.take(cost(0, 100), 0.0)

    rate.settle(reserved, cost(0, 30), 5.0)

    assert rate.wait_s(cost(0, 70), 5.0) == 0.0
    assert rate.wait_s(cost(0, 71), 5.0) == MINUTE_S - 5.0


def test_what_was_used_beyond_is_charged_from_now_on() -> None:
    rate = RateLimits(Limits(output_tokens_per_minute=100))
    reserved = rate.take(cost(0, 10), 0.0)

    rate.settle(reserved, cost(0, 90), 50.0)

    assert rate.wait_s(cost(0, 10), 50.0) == 0.0
    assert rate.wait_s(cost(0, 20), 50.0) == MINUTE_S - 50.0
    assert rate.wait_s(cost(0, 21), 50.0) == MINUTE_S


def test_what_is_given_back_after_its_minute_changes_nothing() -> None:
    rate = RateLimits(Limits(output_tokens_per_minute=100))
    reserved = rate.take(cost(0, 100), 0.0)
    assert rate.wait_s(cost(0, 100), 70.0) == 0.0
    rate.take(cost(0, 100), 70.0)

    rate.settle(reserved, cost(0, 0), 71.0)

    assert rate.wait_s(cost(0, 1), 71.0) == MINUTE_S - 1.0


def test_an_hour_of_many_requests_is_kept_in_parts() -> None:
    rate = RateLimits(Limits(requests_per_hour=10_000))
    for second in range(100):
        for _ in range(100):
            rate.take(cost(), second / 10)

    assert rate.wait_s(cost(), 10.0) == pytest.approx(HOUR_S - 10.0 + 3.0, abs=0.1)


STEPS = st.lists(
    st.tuples(
        st.floats(0.0, 30.0),
        st.integers(0, 120),
        st.integers(0, 120),
        st.floats(0.0, 1.0),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(steps=STEPS, requests=st.integers(1, 12), tokens=st.integers(1, 200))
def test_no_minute_exceeds_its_limit_wherever_it_begins(
    steps: list[tuple[float, int, int, float]], requests: int, tokens: int
) -> None:
    rate = RateLimits(Limits(requests_per_minute=requests, tokens_per_minute=tokens))
    now = 0.0
    sent: list[tuple[float, int]] = []
    out: list[tuple[Reserved, Cost]] = []
    for pause_s, given_tokens, answered, share in steps:
        now += pause_s
        if out and share < 0.5:
            reserved, used = out.pop(0)
            rate.settle(reserved, used, now)
        wanted = cost(given_tokens, answered)
        now += rate.wait_s(wanted, now)
        assert rate.wait_s(wanted, now) == 0.0
        # Servers count what was used, which is no more than what was reserved.
        used = cost(given_tokens, round(answered * share))
        out.append((rate.take(wanted, now), used))
        sent.append((now, used.of("tokens")))

    for first, (start, _) in enumerate(sent):
        minute = [amount for at, amount in sent[first:] if at < start + 60.0]
        assert len(minute) <= requests
        # What is more than the limit is sent too, beside nothing that costs anything.
        assert sum(minute) <= max(tokens, *minute)


@settings(deadline=None)
@given(
    told=st.lists(
        st.builds(
            Told,
            quota=st.sampled_from(["requests", "tokens", "input_tokens", "output_tokens"]),
            remaining=st.integers(0, 10**15),
            reset_s=st.floats(0.0, 1e12),
            limit=st.none() | st.integers(1, 10**15),
            fills=st.booleans(),
        )
    ),
    amount=st.integers(0, 10**9),
)
def test_no_told_limit_makes_a_request_wait_longer_than_an_hour(
    told: list[Told], amount: int
) -> None:
    rate = RateLimits(Limits())
    rate.learn(told, rate.take(cost(), 0.0), 0.0)

    wait_s = rate.wait_s(cost(amount, amount), 0.0)

    assert 0.0 <= wait_s <= 3600.0
    assert rate.wait_s(cost(amount, amount), wait_s) == 0.0


def test_nothing_left_pauses_until_the_endpoint_said() -> None:
    rate = heard(Told(quota="requests", remaining=0, reset_s=12.0, limit=60), now=100.0)

    assert rate.wait_s(cost(), 100.0) == 12.0
    assert rate.wait_s(cost(), 107.0) == 5.0
    assert rate.wait_s(cost(), 112.0) == 0.0


def test_what_fills_evenly_is_waited_for_only_until_there_is_enough() -> None:
    told = Told(quota="tokens", remaining=1000, reset_s=30.0, limit=4000, fills=True)
    rate = heard(told)

    # A hundred a second come back.
    assert rate.wait_s(cost(1000), 0.0) == 0.0
    assert rate.wait_s(cost(1500), 0.0) == 5.0
    rate.take(cost(1000), 0.0)
    assert rate.wait_s(cost(1000), 0.0) == 10.0
    assert rate.wait_s(cost(1000), 10.0) == 0.0
    # More than there ever is goes when it is full.
    assert rate.wait_s(cost(9000), 0.0) == 30.0


def test_what_is_left_shrinks_with_what_is_sent() -> None:
    rate = heard(Told(quota="requests", remaining=2, reset_s=20.0, limit=10))

    assert take_all(rate, [cost()] * 3) == [0.0, 0.0, 20.0]


@pytest.mark.parametrize(("replied", "left"), [(0, 0), (1, 1), (2, 2)])
def test_what_was_sent_after_a_request_is_not_in_its_reply(replied: int, left: int) -> None:
    rate = RateLimits(Limits())
    reserved = [rate.take(cost(), float(at)) for at in range(3)]

    rate.learn([Told(quota="requests", remaining=2, reset_s=20.0)], reserved[replied], 3.0)

    assert rate.wait_s(Cost(requests=left), 3.0) == 0.0
    assert rate.wait_s(Cost(requests=left + 1), 3.0) == 20.0


@pytest.mark.parametrize(
    ("told", "wait_s"),
    [
        (Told(quota="requests", remaining=1000, reset_s=60.0, limit=1000), MINUTE_S),
        (Told(quota="requests", remaining=0, reset_s=5.0, limit=1000), MINUTE_S),
        (Told(quota="requests", remaining=0, reset_s=90.0, limit=1000), 90.0),
    ],
)
def test_a_told_limit_never_raises_a_configured_one(told: Told, wait_s: float) -> None:
    rate = heard(told, limits=Limits(requests_per_minute=1))

    assert rate.wait_s(cost(), 0.0) == wait_s


@pytest.mark.parametrize("quota", ["tokens", "input_tokens", "output_tokens"])
def test_tokens_are_counted_as_soon_as_the_endpoint_tells_of_them(quota: Quota) -> None:
    rate = heard(Told(quota=quota, remaining=5, reset_s=20.0))

    assert rate.counts_tokens
    assert rate.wait_s(cost(5, 0), 0.0) == 0.0
    assert rate.wait_s(cost(6, 6), 0.0) == 20.0


def test_what_is_told_of_another_day_is_not_believed() -> None:
    rate = heard(Told(quota="requests", remaining=0, reset_s=86_400.0))

    assert rate.wait_s(cost(), 0.0) == 0.0


def test_the_last_word_counts() -> None:
    rate = heard(Told(quota="requests", remaining=0, reset_s=50.0))
    rate.learn([Told(quota="requests", remaining=7, reset_s=1.0)], rate.take(cost(), 1.0), 1.0)

    assert rate.wait_s(cost(), 1.0) == 0.0
