from __future__ import annotations

import pytest

from airquery.ladder import Rung, next_concurrency, percentile, recommended


def rung(concurrency: int, per_second: float, *, failed: int = 0) -> Rung:
    return Rung(
        concurrency=concurrency,
        requests=100 + failed,
        failed=failed,
        retries=0,
        seconds=100 / per_second,
        p50_s=0.1,
        p95_s=0.2,
        prompt_tokens=0,
        completion_tokens=0,
        price=0.0,
        currency="USD",
    )


def climbed(capacity: float, *, most: int = 1024) -> list[Rung]:
    """Climb an endpoint whose throughput grows by 10 a second up to a capacity."""
    rungs: list[Rung] = []
    while (concurrency := next_concurrency(rungs, most=most)) is not None:
        rungs.append(rung(concurrency, min(10.0 * concurrency, capacity)))
    return rungs


@pytest.mark.parametrize(
    ("capacity", "measured", "best"),
    [
        (10, [1, 2, 4], 1),
        (160, [1, 2, 4, 8, 16, 32, 64], 16),
        # 10 in flight would do; 8 are nearly as good.
        (85, [1, 2, 4, 8, 16, 32], 8),
        (100, [1, 2, 4, 8, 16, 32, 64], 16),
    ],
)
def test_the_climb_ends_where_twice_as_many_in_flight_bring_nothing_two_times(
    capacity: float, measured: list[int], best: int
) -> None:
    rungs = climbed(capacity)

    assert [one.concurrency for one in rungs] == measured
    assert recommended(rungs) == rungs[measured.index(best)]


def test_one_bad_measurement_does_not_end_the_climb() -> None:
    rungs = [rung(1, 10), rung(2, 8), rung(4, 35)]

    assert next_concurrency(rungs, most=64) == 8
    assert next_concurrency([rung(1, 10), rung(2, 8), rung(4, 10.5)], most=64) is None


@pytest.mark.parametrize(("most", "measured"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6])])
def test_no_more_than_the_bound_is_measured(most: int, measured: list[int]) -> None:
    rungs = climbed(1_000_000, most=most)

    assert [one.concurrency for one in rungs] == measured
    assert recommended(rungs) == rungs[-1]


def test_failures_end_the_climb_and_are_not_recommended() -> None:
    rungs = [rung(1, 10), rung(2, 20), rung(4, 40, failed=1)]

    assert next_concurrency(rungs, most=64) is None
    assert recommended(rungs) == rungs[1]
    assert recommended([rung(1, 10, failed=1)]) is None


def test_a_latency_is_that_within_which_a_share_of_the_answers_came() -> None:
    latencies_s = [0.4, 0.1, 0.3, 0.2]

    assert percentile(latencies_s, 0.5) == 0.3
    assert percentile(latencies_s, 0.95) == 0.4
    assert percentile([], 0.5) is None


def test_a_rung_says_what_was_measured() -> None:
    assert str(rung(8, 50, failed=2)) == (
        "8 in flight: 50.00 answers/s, half of them within 0.10 s, 95 % within 0.20 s; "
        "102 requests, 2 failed, 0 retries"
    )
