"""The throughput plot shows every request once, whatever moments it is given."""

from __future__ import annotations

from airquery.report.throughput import HEIGHT, MOST_BARS, Rate, throughput_plot, together


def rate(second: float, answered: int = 1, failed: int = 0, seconds: float = 0.5) -> Rate:
    return Rate(second=second, seconds=seconds, answered=answered, failed=failed)


def test_nothing_is_said_in_words() -> None:
    plot = throughput_plot([])

    assert (plot.bars, plot.description) == ((), "No request ended.")


def test_moments_of_one_run_stay_as_they_are_wherever_they_began() -> None:
    began = 1_800_000_000.123
    rates = [rate(began + 0.1 * place, place, seconds=0.1) for place in range(100)]

    assert [one.answered for one in together(rates)] == list(range(100))


def test_moments_of_several_runs_share_one_axis_and_none_is_lost() -> None:
    rates = [rate(0.0, 3, 1), rate(3600.0, 5, 2, seconds=4.0), rate(3604.0, 7, seconds=4.0)]

    shown = together(rates)

    assert len(shown) <= MOST_BARS
    assert sum(one.answered for one in shown) == 15
    assert sum(one.failed for one in shown) == 3
    assert {one.seconds for one in shown} == {3608.0 / MOST_BARS}


def test_the_highest_bar_is_the_fastest_moment_and_failures_stand_at_its_foot() -> None:
    plot = throughput_plot([rate(0.0, 10, 5), rate(0.5, 0), rate(1.0, 5)])

    first, last = plot.bars
    assert first.height == 2 * last.height
    assert (first.failed_height, last.failed_height) == (first.height / 2, 0.0)
    assert first.y + first.height == first.failed_y + first.failed_height == HEIGHT
    assert plot.top == "20/s"
    assert plot.description == (
        "15 requests ended in 1.5 s, 5 of them failed: 10/s on average, 20/s at most."
    )
