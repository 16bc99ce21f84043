"""Where the dots of the latency plot are."""

from __future__ import annotations

import pytest

from airquery.report.strip import (
    LABEL_WIDTH,
    MARGIN,
    MOST_DOTS,
    ROW_HEIGHT,
    WIDTH,
    duration,
    strip_plot,
)


RIGHT = WIDTH - MARGIN


def test_equal_ratios_are_equally_far_apart() -> None:
    (row,) = strip_plot({"llm": [0.1, 1.0, 10.0]}).rows

    assert [dot.x for dot in row.dots] == [LABEL_WIDTH, (LABEL_WIDTH + RIGHT) / 2, RIGHT]
    assert row.median_x == (LABEL_WIDTH + RIGHT) / 2


def test_the_axis_spans_whole_powers_of_ten_and_names_them() -> None:
    plot = strip_plot({"slow": [2.0, 30.0], "fast": [0.004]})

    assert [tick.label for tick in plot.ticks] == [
        "1 ms",
        "10 ms",
        "100 ms",
        "1 s",
        "10 s",
        "100 s",
    ]
    assert plot.ticks[0].x == LABEL_WIDTH
    assert plot.ticks[-1].x == RIGHT


def test_each_endpoint_has_a_row_of_its_own_and_one_without_answers_none() -> None:
    plot = strip_plot({"one": [1.0], "none": [], "two": [2.0]})

    assert [(row.label, row.y) for row in plot.rows] == [
        ("one", ROW_HEIGHT / 2),
        ("two", ROW_HEIGHT * 1.5),
    ]
    assert plot.baseline == 2 * ROW_HEIGHT
    assert plot.description == (
        "one: 1 answers, median 1 s, slowest 1 s. two: 1 answers, median 2 s, slowest 2 s."
    )


def test_dots_stay_in_their_row_and_equal_ones_are_seen_beside_each_other() -> None:
    (row,) = strip_plot({"llm": [1.0] * 50}).rows

    assert len({dot.y for dot in row.dots}) == 50
    assert all(0 <= dot.y <= ROW_HEIGHT for dot in row.dots)


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1.0, 86_400.0])
def test_any_single_duration_is_inside_the_plot(seconds: float) -> None:
    plot = strip_plot({"llm": [seconds]})

    assert LABEL_WIDTH <= plot.rows[0].dots[0].x <= RIGHT
    assert len(plot.ticks) >= 2


def test_very_many_answers_are_thinned_but_keep_their_ends_and_their_count() -> None:
    values = [1 + place / 1000 for place in range(100_000)]

    (row,) = strip_plot({"llm": values[::-1]}).rows

    assert len(row.dots) == MOST_DOTS
    assert [row.dots[0].x, row.dots[-1].x] == [
        strip_plot({"llm": [values[0], 101.0]}).rows[0].dots[0].x,
        strip_plot({"llm": [values[-1], 1.0]}).rows[0].dots[1].x,
    ]
    assert row.text == "100,000 answers, median 51 s, slowest 101 s"


def test_without_any_answer_it_says_so() -> None:
    plot = strip_plot({})

    assert plot.rows == ()
    assert plot.description == "There is no answer."


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 ms"),
        (0.0014, "1.4 ms"),
        (0.25, "250 ms"),
        (1.0, "1 s"),
        (2.34, "2.3 s"),
        (61.7, "62 s"),
    ],
)
def test_a_duration_is_said_in_the_unit_that_suits_it(seconds: float, said: str) -> None:
    assert duration(seconds) == said
