"""Where the dots of a latency plot go: one row an endpoint, one dot an answer, time to the right.

The axis is logarithmic, because endpoints differ by orders of magnitude. It is all arithmetic: the
same seconds give the same picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


WIDTH: Final = 720
ROW_HEIGHT: Final = 56
AXIS_HEIGHT: Final = 28
LABEL_WIDTH: Final = 132
MARGIN: Final = 24
# More dots than this show nothing more; evenly spaced ranks keep the shape.
MOST_DOTS: Final = 600
# Nothing is shown as faster than this: a logarithm has no zero.
SHORTEST_S: Final = 0.001
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One answer."""

    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The answers of one endpoint, and the time that half of them did not take."""

    label: str
    y: float
    dots: tuple[Dot, ...]
    median_x: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One mark of the axis."""

    x: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StripPlot:
    """Everything that is drawn, and the same in words."""

    width: int
    height: int
    baseline: int
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    description: str


def strip_plot(
    seconds: Mapping[str, Sequence[float]], *, counts: Mapping[str, int] | None = None
) -> StripPlot:
    """Lay out the latencies of each endpoint; one without any is left out.

    `counts` say of how many answers they are, where they are only some of them.
    """
    known = {name: sorted(values) for name, values in seconds.items() if values}
    first, last = _decades([value for values in known.values() for value in values])
    rows = tuple(
        _row(
            name,
            values,
            count=(counts or {}).get(name, len(values)),
            y=ROW_HEIGHT * (place + 0.5),
            decades=(first, last),
        )
        for place, (name, values) in enumerate(known.items())
    )
    return StripPlot(
        width=WIDTH,
        height=ROW_HEIGHT * len(rows) + AXIS_HEIGHT,
        baseline=ROW_HEIGHT * len(rows),
        rows=rows,
        ticks=tuple(
            Tick(x=_x(10.0**power, (first, last)), label=duration(10.0**power))
            for power in range(first, last + 1)
        ),
        description=" ".join(f"{row.label}: {row.text}." for row in rows) or "There is no answer.",
    )


def duration(seconds: float) -> str:
    """Say a duration in the unit that suits it, with two digits that matter."""
    if seconds < 1:
        return f"{_two_digits(1000 * seconds)} ms"
    return f"{_two_digits(seconds)} s"


def _two_digits(number: float) -> str:
    return f"{number:.0f}" if number >= 10 or number == round(number) else f"{number:.1f}"  # noqa: PLR2004


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten that the values lie between; they differ."""
    logarithms = [math.log10(max(value, SHORTEST_S)) for value in values] or [0.0]
    first, last = math.floor(min(logarithms)), math.ceil(max(logarithms))
    return (first, last) if last > first else (first, first + 1)


def _x(value: float, decades: tuple[int, int]) -> float:
    first, last = decades
    share = (math.log10(max(value, SHORTEST_S)) - first) / (last - first)
    return round(LABEL_WIDTH + share * (WIDTH - LABEL_WIDTH - MARGIN), 1)


def _row(
    name: str, values: Sequence[float], *, count: int, y: float, decades: tuple[int, int]
) -> Row:
    shown = _thinned(values)
    return Row(
        label=name,
        y=y,
        dots=tuple(
            # Neighbours are put at different heights, so that equal ones are seen beside each other.
            Dot(
                x=_x(value, decades), y=round(y + (place * _GOLDEN % 1 - 0.5) * ROW_HEIGHT * 0.5, 1)
            )
            for place, value in enumerate(shown)
        ),
        median_x=_x(median(values), decades),
        text=f"{count:,} answers, median {duration(median(values))}, "
        f"slowest {duration(values[-1])}",
    )


def _thinned(values: Sequence[float]) -> Sequence[float]:
    if len(values) <= MOST_DOTS:
        return values
    step = (len(values) - 1) / (MOST_DOTS - 1)
    return [values[round(place * step)] for place in range(MOST_DOTS)]
