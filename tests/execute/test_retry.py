"""When a failed attempt is made again: numbers in, seconds out."""

from __future__ import annotations

import pytest

from airquery.answer import Failure
from airquery.endpoints.endpoint import Limits
from airquery.execute.retry import LONGEST_WAIT_S, is_free, wait_before_next


def failure(**fields: object) -> Failure:
    values: dict[str, object] = {"retryable": True, "http_status": 503, **fields}
    return Failure(condition="AI_FUNCTION_HTTP_REQUEST_ERROR", message="m", **values)  # type: ignore[arg-type]


LIMITS = Limits(max_attempts=3, deadline_s=60.0)


@pytest.mark.parametrize(
    ("attempt", "dice", "expected"),
    [(1, 0.0, 0.25), (1, 1.0, 0.5), (2, 0.0, 0.5), (3, 0.5, 1.5), (30, 1.0, LONGEST_WAIT_S)],
)
def test_the_wait_doubles_with_half_of_it_random_up_to_a_limit(
    attempt: int, dice: float, expected: float
) -> None:
    wait = wait_before_next(
        failure(), attempt=attempt, faults=1, elapsed_s=0.0, dice=dice, limits=LIMITS
    )

    assert wait == pytest.approx(expected)


def test_the_endpoints_own_wish_is_never_undercut() -> None:
    waits = [
        wait_before_next(
            failure(retry_after_s=7.0), attempt=1, faults=1, elapsed_s=0.0, dice=d, limits=LIMITS
        )
        for d in (0.0, 0.99)
    ]

    assert waits[0] == 7.0
    assert waits[1] is not None
    assert 7.0 < waits[1] < 7.8


def test_what_cannot_be_helped_is_not_tried_again() -> None:
    assert (
        wait_before_next(
            failure(retryable=False), attempt=1, faults=1, elapsed_s=0.0, dice=0.5, limits=LIMITS
        )
        is None
    )


def test_faults_are_counted_and_patience_is_not() -> None:
    after_three_faults = wait_before_next(
        failure(), attempt=3, faults=3, elapsed_s=1.0, dice=0.5, limits=LIMITS
    )
    after_many_429 = wait_before_next(
        failure(http_status=429), attempt=50, faults=0, elapsed_s=1.0, dice=0.5, limits=LIMITS
    )

    assert after_three_faults is None
    assert after_many_429 is not None


def test_nothing_is_begun_that_could_not_end_before_the_deadline() -> None:
    assert (
        wait_before_next(
            failure(retry_after_s=30.0),
            attempt=1,
            faults=1,
            elapsed_s=31.0,
            dice=0.0,
            limits=LIMITS,
        )
        is None
    )


@pytest.mark.parametrize(
    ("changes", "reached", "free"),
    [
        ({"http_status": 429}, False, True),
        ({"http_status": 529}, False, True),
        ({"http_status": 503}, True, False),
        ({"http_status": None, "unreachable": True}, False, False),
        ({"http_status": None, "unreachable": True}, True, True),
        ({"http_status": None, "unreachable": True, "retryable": False}, True, False),
        ({"http_status": None}, True, False),
    ],
)
def test_a_server_that_was_reached_before_is_away_and_costs_no_attempt(
    changes: dict[str, object], *, reached: bool, free: bool
) -> None:
    assert is_free(failure(**changes), reached=reached) is free
