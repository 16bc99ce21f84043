"""What an endpoint says of its rate limits, as it says it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings, strategies as st

from airquery.endpoints.told_limits import Told, told_in_text, told_limits, wait_in_text


NOW = 1_795_262_400.0  # Saturday, 21 November 2026 12:00:00 GMT


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (
            {
                "x-ratelimit-limit-requests": "10000",
                "x-ratelimit-remaining-requests": "9999",
                "x-ratelimit-reset-requests": "6ms",
                "x-ratelimit-limit-tokens": "200000",
                "x-ratelimit-remaining-tokens": "150000",
                "x-ratelimit-reset-tokens": "15s",
            },
            (
                Told(quota="requests", remaining=9999, reset_s=0.006, limit=10_000, fills=True),
                Told(quota="tokens", remaining=150_000, reset_s=15.0, limit=200_000, fills=True),
            ),
        ),
        (
            {
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "6m0s",
                "x-ratelimit-remaining-requests": "7",
                "x-ratelimit-reset-requests": "12",
            },
            (
                Told(quota="requests", remaining=7, reset_s=12.0, fills=True),
                Told(quota="tokens", remaining=0, reset_s=360.0, fills=True),
            ),
        ),
        (
            {
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "49",
                "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:01Z",
                "anthropic-ratelimit-input-tokens-limit": "40000",
                "anthropic-ratelimit-input-tokens-remaining": "10000",
                "anthropic-ratelimit-input-tokens-reset": "2026-11-21T12:00:45+00:00",
                "anthropic-ratelimit-output-tokens-limit": "8000",
                "anthropic-ratelimit-output-tokens-remaining": "0",
                "anthropic-ratelimit-output-tokens-reset": "2026-11-21T11:00:00Z",
            },
            (
                Told(quota="requests", remaining=49, reset_s=1.0, limit=50, fills=True),
                Told(
                    quota="input_tokens", remaining=10_000, reset_s=45.0, limit=40_000, fills=True
                ),
                Told(quota="output_tokens", remaining=0, reset_s=0.0, limit=8000, fills=True),
            ),
        ),
        (
            {
                "ratelimit-limit": "100",
                "ratelimit-remaining": "0",
                "ratelimit-reset": "12",
            },
            (Told(quota="requests", remaining=0, reset_s=12.0, limit=100),),
        ),
        (
            {"ratelimit": "limit=100, remaining=50, reset=5"},
            (Told(quota="requests", remaining=50, reset_s=5.0, limit=100),),
        ),
        (
            {
                "ratelimit": '"burst";r=2;t=1, "daily";r=900;t=40000, "bytes";r=0;t=9',
                "ratelimit-policy": (
                    '"burst";q=10;w=1, "daily";q=1000;w=86400, "bytes";q=5;qu="content-bytes"'
                ),
            },
            (Told(quota="requests", remaining=2, reset_s=1.0, limit=10),),
        ),
        ({"ratelimit": '"d";r=3;t=7'}, (Told(quota="requests", remaining=3, reset_s=7.0),)),
        (
            {
                "x-ratelimit-limit": "60",
                "x-ratelimit-remaining": "5",
                "x-ratelimit-reset": f"{NOW + 30:.0f}",
            },
            (Told(quota="requests", remaining=5, reset_s=30.0, limit=60),),
        ),
        (
            {"x-ratelimit-remaining": "5", "x-ratelimit-reset": f"{(NOW + 30) * 1000:.0f}"},
            (Told(quota="requests", remaining=5, reset_s=30.0),),
        ),
    ],
)
def test_the_headers_of_every_kind_are_read(
    headers: dict[str, str], told: tuple[Told, ...]
) -> None:
    assert told_limits(headers, now=NOW) == told


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ratelimit-limit-requests": "10"},
        {"x-ratelimit-remaining-requests": "10"},
        {"x-ratelimit-remaining-requests": "-1", "x-ratelimit-reset-requests": "1s"},
        {"x-ratelimit-remaining-requests": "1e9", "x-ratelimit-reset-requests": "1s"},
        {"x-ratelimit-remaining-requests": "٣", "x-ratelimit-reset-requests": "1s"},
        {"x-ratelimit-remaining-requests": "9" * 5000, "x-ratelimit-reset-requests": "1s"},
        {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "soon"},
        {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "inf"},
        {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "nan"},
        {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "-5"},
        {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "9" * 5000},
        {
            "x-ratelimit-limit-requests": "0",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "60s",
        },
        {
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:01",
        },
        {"ratelimit": "a;b=c,,;;r=1"},
        {"ratelimit": '"default";r=5'},
    ],
)
def test_what_makes_no_sense_is_left_out(headers: dict[str, str]) -> None:
    assert told_limits(headers, now=NOW) == ()


def test_a_limit_that_makes_no_sense_takes_nothing_else_with_it() -> None:
    headers = {
        "ratelimit-limit": "100, 100;w=60",
        "ratelimit-remaining": "4",
        "ratelimit-reset": "9",
    }

    assert told_limits(headers, now=NOW) == (Told(quota="requests", remaining=4, reset_s=9.0),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            (
                "Rate limit reached for m in organization org-1 on tokens per min (TPM): "
                "Limit 10000, Used 9000, Requested 2000. Please try again in 6.5s. Visit https://h."
            ),
            (Told(quota="tokens", remaining=1000, reset_s=6.5),),
        ),
        (
            (
                "Rate limit reached for m on requests per min (RPM): Limit 3, Used 3, Requested 1. "
                "Please try again in 20s."
            ),
            (Told(quota="requests", remaining=0, reset_s=20.0),),
        ),
        (
            (
                "Rate limit reached for `m` in organization `o` service tier `on_demand` on tokens "
                "per day (TPD): Limit 500000, Used 499950, Requested 100. Please try again in 7m12s."
            ),
            (Told(quota="tokens", remaining=50, reset_s=432.0),),
        ),
        (
            (
                "Rate limit reached for m on input tokens per minute: Limit 10, Used 20. "
                "Please try again in 644ms."
            ),
            (Told(quota="input_tokens", remaining=0, reset_s=0.644),),
        ),
        (
            "Rate limit reached on requests per min. Limit: 3 / min. Please try again in 20s.",
            (Told(quota="requests", remaining=0, reset_s=20.0),),
        ),
        (
            (
                "Request too large for m on tokens per min (TPM): Limit 30000, Requested 50000. The "
                "input or output tokens must be reduced."
            ),
            (),
        ),
        ("REQUEST_LIMIT_EXCEEDED: Exceeded workspace rate limit for m.", ()),
        ("on tokens per min: Limit 0, Used 0. Please try again in 1s.", ()),
        ("on tokens per min: Limit many. Please try again in 1s.", ()),
        ("", ()),
    ],
)
def test_the_text_of_a_429_is_read(text: str, told: tuple[Told, ...]) -> None:
    assert told_in_text(text) == told


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("Please try again in 6.5s.", 6.5),
        ("Please try again in 20ms.", 0.02),
        ("Please try again in 1m12.5s. Visit", 72.5),
        ("try again in 1h2m3s", 3723.0),
        ("Please retry after 26 seconds.", 26.0),
        ("Please retry after 1 second", 1.0),
        ("Retry in 2 minutes and pay", 120.0),
        ("Please retry in 44.07s.", 44.07),
        ("try again in 300 milliseconds", 0.3),
        ("Please try again in 2 days", 172_800.0),
        ("Please try again later.", None),
        ("Please try again in 5 meals.", None),
        ("Please try again in 5", None),
        ("", None),
    ],
)
def test_the_wait_a_text_asks_for_is_read(text: str, wait_s: float | None) -> None:
    assert wait_in_text(text) == wait_s


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *"0123456789.,;=:/\"'-+ TZsmhdé語٣\x00\ud800",
            *("ms", "nan", "inf", "1e9", '"a";r=', ";t=", "limit=", "q=", "Limit ", "Used "),
            *("on tokens per min", "try again in ", "2026-11-21T12:00:00Z"),
            *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
        ]
    ),
    max_size=30,
).map("".join)
NAMES = st.sampled_from(
    [
        f"{family}{part}{kind}"
        for family in ("x-ratelimit-", "ratelimit-", "")
        for part in ("remaining", "limit", "reset", "policy")
        for kind in ("", "-requests", "-tokens")
    ]
    + [
        f"anthropic-ratelimit-{kind}-{part}"
        for kind in ("requests", "tokens", "input-tokens", "output-tokens")
        for part in ("remaining", "limit", "reset")
    ]
    + ["ratelimit"]
)


@settings(deadline=None)
@given(headers=st.dictionaries(NAMES, FRAGMENTS, max_size=12))
def test_no_headers_make_reading_fail(headers: dict[str, str]) -> None:
    for told in told_limits(headers, now=NOW):
        assert told.remaining >= 0
        assert math.isfinite(told.reset_s)
        assert told.reset_s >= 0.0
        assert told.limit is None or told.limit > 0


@settings(deadline=None)
@given(text=FRAGMENTS)
def test_no_text_makes_reading_fail(text: str) -> None:
    wait_s = wait_in_text(text)

    assert wait_s is None or 0.0 <= wait_s < math.inf
    assert all(told.remaining >= 0 for told in told_in_text(text))


def test_a_long_body_is_read_quickly() -> None:
    assert told_in_text("on tokens per min " * 1_000_000 + "try again in 1s") == ()
