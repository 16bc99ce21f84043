"""Where the bars of a throughput plot go: one bar a moment, time to the right, failures at the foot.

A failed share has a pattern of its own, so that it is seen without colour. It is all arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airquery.report.strip import AXIS_HEIGHT, MARGIN, WIDTH, Tick, duration


if TYPE_CHECKING:
    from collections.abc import Sequence


HEIGHT: Final = 132
LABEL_WIDTH: Final = 72
MOST_BARS: Final = 120
_TICKS: Final = 5
_GAP: Final = 0.15
# Seconds since 1970 are exact to a part of a millionth.
_ROUNDED: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What ended from a second on, for so many seconds: `failed` of them as a failure."""

    second: float
    seconds: float
    answered: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotBar:
    """What ended in one moment, and the part of it that failed."""

    x: float
    width: float
    y: float
    height: float
    failed_y: float
    failed_height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputPlot:
    """Everything that is drawn, and the same in words."""

    width: int
    height: int
    baseline: int
    bars: tuple[PlotBar, ...]
    ticks: tuple[Tick, ...]
    top: str
    description: str


def throughput_plot(rates: Sequence[Rate]) -> ThroughputPlot:
    """Lay out how many requests ended a second."""
    shown = together(rates)
    last = max((one.second + one.seconds for one in shown), default=1.0)
    most = max((one.answered / one.seconds for one in shown), default=0.0)
    return ThroughputPlot(
        width=WIDTH,
        height=HEIGHT + AXIS_HEIGHT,
        baseline=HEIGHT,
        bars=tuple(_bar(one, last=last, most=most or 1.0) for one in shown if one.answered),
        ticks=tuple(
            Tick(x=_x(last * part / _TICKS, last), label=duration(last * part / _TICKS))
            for part in range(_TICKS + 1)
        ),
        top=_a_second(most),
        description=_words(shown, last=last, most=most),
    )


def together(rates: Sequence[Rate]) -> list[Rate]:
    """Put the rates of several runs on one axis, in moments of one length."""
    if not rates:
        return []
    first = min(one.second for one in rates)
    span = max(one.second + one.seconds for one in rates) - first
    width = max(*(one.seconds for one in rates), span / MOST_BARS)
    count = max(math.ceil(span / width - _ROUNDED), 1)
    answered, failed = [0] * count, [0] * count
    for one in rates:
        place = min(int((one.second - first) / width + _ROUNDED), count - 1)
        answered[place] += one.answered
        failed[place] += one.failed
    return [
        Rate(second=place * width, seconds=width, answered=answered[place], failed=failed[place])
        for place in range(count)
    ]


def _bar(one: Rate, *, last: float, most: float) -> PlotBar:
    left, right = _x(one.second, last), _x(one.second + one.seconds, last)
    height = one.answered / one.seconds / most * (HEIGHT - 8)
    failed = height * min(one.failed / one.answered, 1.0)
    return PlotBar(
        x=left,
        width=round(max((right - left) * (1 - _GAP), 0.5), 1),
        y=round(HEIGHT - height, 1),
        height=round(height, 1),
        failed_y=round(HEIGHT - failed, 1),
        failed_height=round(failed, 1),
    )


def _x(second: float, last: float) -> float:
    return round(LABEL_WIDTH + second / last * (WIDTH - LABEL_WIDTH - MARGIN), 1)


def _words(shown: Sequence[Rate], *, last: float, most: float) -> str:
    answered, failed = (sum(getattr(one, name) for one in shown) for name in ("answered", "failed"))
    if not answered:
        return "No request ended."
    return (
        f"{answered:,} requests ended in {duration(last)}, {failed:,} of them failed: "
        f"{_a_second(answered / last)} on average, {_a_second(most)} at most."
    )


def _a_second(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 10 or rate == round(rate) else f"{rate:.1f}/s"  # noqa: PLR2004
