"""Sum what was asked and paid by day, by endpoint and by task, for a page and for a file.

Whoever calls has left out what a reader may not see: only what is given is counted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from airquery.report.page import Bar, Bars, Cell, Column, Table


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from airquery.records import DayUsage
    from airquery.report.page import Section

MOST_TASKS: Final = 200
NOBODY: Final = "no DAG"

_FIGURES: Final = (
    "Rows",
    "Requests",
    "Sent",
    "From journal",
    "Failed",
    "Input tokens",
    "Output tokens",
    "Price",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What several rows come to; prices are by currency."""

    runs: int
    rows: int
    requests: int
    sent: int
    from_journal: int
    failed: int
    input_tokens: int
    output_tokens: int
    prices: Mapping[str, float]

    @property
    def price(self) -> str:
        """Return the price in words, each currency of its own."""
        return " + ".join(money(much, name) for name, much in self.prices.items()) or "0"

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Return the figures as the cells of a row."""
        return (
            self.rows,
            self.requests,
            self.sent,
            self.from_journal,
            self.failed,
            self.input_tokens,
            self.output_tokens,
            self.price,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A bound for a day, what was spent of it so far, and in what."""

    name: str
    unit: str
    spent: float
    bound: float


def summed(rows: Iterable[DayUsage]) -> Sum:
    """Add rows up."""
    known = list(rows)
    prices: dict[str, float] = {}
    for row in known:
        if row.price:
            prices[row.currency] = prices.get(row.currency, 0.0) + row.price
    return Sum(
        runs=sum(row.runs for row in known),
        rows=sum(row.rows for row in known),
        requests=sum(row.requests for row in known),
        sent=sum(row.sent for row in known),
        from_journal=sum(row.from_journal for row in known),
        failed=sum(row.failed for row in known),
        input_tokens=sum(row.prompt_tokens for row in known),
        output_tokens=sum(row.completion_tokens for row in known),
        prices=dict(sorted(prices.items())),
    )


def days_until(last: date, count: int) -> list[date]:
    """Return so many days, of which `last` is the last."""
    return [last - timedelta(days=back) for back in reversed(range(count))]


def money(much: float, currency: str) -> str:
    """Write an amount: to the cent where it is one, and to the millionth below."""
    return f"{much:,.2f} {currency}" if much >= 1 else f"{much:,.6f} {currency}"


def tables(rows: Sequence[DayUsage]) -> list[Section]:
    """Return the rows added up by day, by endpoint, and by task."""
    by_task = _grouped(rows, lambda row: (row.dag_id or NOBODY, row.task_id or ""))
    left_out = len(by_task) - MOST_TASKS
    return [
        _table(
            "By endpoint",
            ("Endpoint", "Model"),
            _grouped(rows, lambda row: (row.endpoint, row.model or "")),
        ),
        _table(
            "By DAG and task",
            ("DAG", "Task"),
            by_task[:MOST_TASKS],
            note=f"{left_out:,} more tasks are in the file." if left_out > 0 else "",
        ),
        _table("By day", ("Day (UTC)",), _grouped(rows, lambda row: (row.day,))[::-1]),
    ]


def budget_section(left: Sequence[Left]) -> Bars:
    """Show how much of each bound for today is spent."""
    return Bars(
        caption="Budgets of today",
        bars=[
            Bar(
                label=f"{one.name}, {one.unit}",
                share=one.spent / one.bound if one.bound else 1.0,
                text=f"{_amount(one.spent)} of {_amount(one.bound)}, "
                f"{_amount(max(0.0, one.bound - one.spent))} left",
            )
            for one in left
        ],
        note="Spent by all who ask the endpoint, also by those whose rows you do not see. A day is one of "
        "UTC.",
    )


def lines(rows: Iterable[DayUsage]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return the head of a file and its lines: a day, a task and an endpoint each."""
    known = [asdict(row) for row in rows]
    head = (
        "day",
        "dag_id",
        "task_id",
        "endpoint",
        "model",
        "runs",
        "rows",
        "requests",
        "sent",
        "from_journal",
        "failed",
        "not_asked",
        "prompt_tokens",
        "completion_tokens",
        "price",
        "currency",
    )
    return head, [tuple(row[name] for name in head) for row in known]


def _grouped(
    rows: Sequence[DayUsage], key: Callable[[DayUsage], tuple[str, ...]]
) -> list[tuple[tuple[str, ...], Sum]]:
    groups: dict[tuple[str, ...], list[DayUsage]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return [(name, summed(groups[name])) for name in sorted(groups)]


def _table(
    caption: str,
    names: tuple[str, ...],
    groups: Iterable[tuple[tuple[str, ...], Sum]],
    *,
    note: str = "",
) -> Table:
    return Table(
        caption=caption,
        columns=[
            *(Column(name=name) for name in names),
            *(Column(name=name, numeric=True) for name in _FIGURES),
        ],
        rows=[(*name, *total.cells) for name, total in groups],
        note=note,
    )


def _amount(much: float) -> str:
    return f"{much:,.0f}" if much == round(much) else f"{much:,.4f}"
