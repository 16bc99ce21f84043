"""Lay out how a figure went from day to day: a column for each, and the same in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH: Final = 720
HEIGHT: Final = 150
TOP: Final = 20
BASELINE: Final = 126
_GAP: Final = 0.25
# So that a day on which little was asked is not one on which nothing was.
_LEAST: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The column of a day, in pixels, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The columns of all days, the labels below, and the whole in words."""

    caption: str
    description: str
    columns: Sequence[Column]
    first: str
    last: str
    most: str
    width: int = WIDTH
    height: int = HEIGHT
    baseline: int = BASELINE


def trend(caption: str, unit: str, days: Sequence[str], values: Mapping[str, float]) -> Trend:
    """Lay out the values of days; one without a value has had nothing."""
    most = max((values.get(day, 0.0) for day in days), default=0.0)
    step = WIDTH / max(len(days), 1)
    columns = []
    for place, day in enumerate(days):
        value = values.get(day, 0.0)
        if value <= 0:
            continue
        height = max(_LEAST, (BASELINE - TOP) * value / most)
        columns.append(
            Column(
                x=round(place * step + step * _GAP / 2, 1),
                y=round(BASELINE - height, 1),
                width=round(step * (1 - _GAP), 1),
                height=round(height, 1),
                words=f"{day}: {_said(value)} {unit}",
            )
        )
    return Trend(
        caption=caption,
        description=_words(unit, days, values),
        columns=columns,
        first=days[0] if days else "",
        last=days[-1] if days else "",
        most=f"{_said(most)} {unit}",
    )


def _words(unit: str, days: Sequence[str], values: Mapping[str, float]) -> str:
    busy = [day for day in days if values.get(day, 0.0) > 0]
    if not busy:
        return f"Nothing in these {len(days)} days."
    top = max(busy, key=lambda day: values[day])
    total = sum(values[day] for day in busy)
    said = f"{_said(total)} {unit} in {len(days)} days, most on {top} with {_said(values[top])}."
    half = len(days) // 2
    before = sum(values.get(day, 0.0) for day in days[:half])
    after = sum(values.get(day, 0.0) for day in days[len(days) - half :])
    if before > 0:
        change = 100 * (after - before) / before
        way = "more" if change >= 0 else "less"
        said += f" The later half of the days had {abs(change):,.0f} % {way} than the earlier."
    return said


def _said(value: float) -> str:
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if value >= 1 else f"{value:,.6f}"
