"""How a report says times, money and ranges."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from airquery.report.strip import duration


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airquery.planning.estimate import Span
    from airquery.records import Origin, RunRecord, TaskRecord

_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600


def bounds(tasks: Sequence[TaskRecord], runs: Sequence[RunRecord]) -> tuple[float, float] | None:
    """Return when the first of them began and the last one ended; None if there are none."""
    times = [(one.began_at, one.ended_at) for one in tasks]
    times += [(one.began_at, one.ended_at) for one in runs]
    if not times:
        return None
    return min(began for began, _ in times), max(ended for _, ended in times)


def began_at(seconds: float) -> str:
    """Say a moment, in UTC."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def took(seconds: float) -> str:
    """Say how long something took."""
    if seconds < 2 * _MINUTE_S:
        return duration(max(seconds, 0.0))
    if seconds < 2 * _HOUR_S:
        return f"{seconds // _MINUTE_S:.0f} min {seconds % _MINUTE_S:.0f} s"
    return f"{seconds // _HOUR_S:,.0f} h {seconds % _HOUR_S // _MINUTE_S:.0f} min"


def money(prices: Iterable[tuple[float, str]]) -> str:
    """Say a sum, of each currency for itself; nothing of one is not said beside something of another."""
    sums: defaultdict[str, float] = defaultdict(float)
    for price, currency in prices:
        sums[currency] += price
    paid = {currency: total for currency, total in sums.items() if total} or sums
    return ", ".join(f"{_sum(total)} {currency}" for currency, total in sorted(paid.items())) or "0"


def span(value: Span, currency: str) -> str:
    """Say between what a price is."""
    if value.high is None:
        return f"at least {_sum(value.low)} {currency}"
    return f"{_sum(value.low)} to {_sum(value.high)} {currency}"


def share(part: float, whole: float) -> str:
    """Say a part of a whole."""
    return f"{part:,.0f} ({100 * part / whole:.1f} %)" if whole else f"{part:,.0f}"


def task_of(origin: Origin) -> str:
    """Name the task that asked, with its number where it is mapped."""
    if origin.task_id is None:
        return origin.user or origin.source
    return origin.task_id if origin.map_index is None else f"{origin.task_id} [{origin.map_index}]"


def _sum(amount: float) -> str:
    """Say an amount of money with the digits that matter."""
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:,.6f}"
