"""What was asked and paid, added up and laid out."""

from __future__ import annotations

from datetime import date
from typing import Any

from airquery.records import DayUsage
from airquery.report.page import Bar, Table
from airquery.report.trend import Column, trend
from airquery.report.usage_report import (
    MOST_TASKS,
    Left,
    budget_section,
    days_until,
    lines,
    money,
    summed,
    tables,
)


def used(**figures: Any) -> DayUsage:
    known: dict[str, Any] = {
        "day": "2026-10-03",
        "dag_id": "reviews",
        "task_id": "ask",
        "endpoint": "llm",
        "model": None,
        "currency": "EUR",
        "runs": 1,
        "rows": 12,
        "requests": 10,
        "sent": 7,
        "from_journal": 3,
        "failed": 1,
        "not_asked": 0,
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "price": 0.25,
    }
    return DayUsage(**{**known, **figures})


def test_prices_are_added_up_by_currency_and_nothing_is_free_of_one() -> None:
    assert summed([used(), used(price=2, currency="USD"), used(price=1.5)]).price == (
        "1.75 EUR + 2.00 USD"
    )
    assert summed([used(price=0.0, currency="USD")]).price == "0"
    assert (money(1234.5, "EUR"), money(0.0000125, "EUR")) == ("1,234.50 EUR", "0.000013 EUR")


def test_rows_are_added_up_by_endpoint_by_task_and_by_day_the_last_one_first() -> None:
    rows = [
        used(),
        used(day="2026-10-02", endpoint="other", model="m"),
        used(dag_id=None, task_id=None),
    ]

    found = {
        one.caption: [row[:-8] for row in one.rows]
        for one in tables(rows)
        if isinstance(one, Table)
    }

    assert found == {
        "By endpoint": [("llm", ""), ("other", "m")],
        "By DAG and task": [("no DAG", ""), ("reviews", "ask")],
        "By day": [("2026-10-03",), ("2026-10-02",)],
    }
    by_day = tables(rows)[-1]
    assert isinstance(by_day, Table)
    assert by_day.rows[0][1:] == (24, 20, 14, 6, 2, 200, 40, "0.500000 EUR")


def test_what_a_table_leaves_out_is_in_the_file() -> None:
    rows = [used(task_id=f"ask_{number}") for number in range(MOST_TASKS + 2)]

    [by_task] = [one for one in tables(rows) if one.caption == "By DAG and task"]
    head, file = lines(rows)

    assert isinstance(by_task, Table)
    assert (len(by_task.rows), by_task.note) == (MOST_TASKS, "2 more tasks are in the file.")
    assert (len(head), len(file)) == (16, MOST_TASKS + 2)
    assert file[0][:5] == ("2026-10-03", "reviews", "ask_0", "llm", None)


def test_a_bound_says_what_is_left_of_it_and_one_of_nothing_is_used_up() -> None:
    section = budget_section(
        [
            Left(name="llm", unit="EUR", spent=1.25, bound=5.0),
            Left(name="llm", unit="requests", spent=7, bound=0),
        ]
    )

    assert section.bars == [
        Bar(label="llm, EUR", share=0.25, text="1.2500 of 5, 3.7500 left"),
        Bar(label="llm, requests", share=1.0, text="7 of 0, 0 left"),
    ]


def test_a_trend_has_a_column_for_each_day_and_the_same_in_words() -> None:
    days = [day.isoformat() for day in days_until(date(2026, 10, 4), 4)]

    found = trend("Price", "EUR", days, {"2026-10-01": 0.5, "2026-10-03": 1.5, "2026-10-04": 2e-9})

    assert found.description == (
        "2.00 EUR in 4 days, most on 2026-10-03 with 1.50. "
        "The later half of the days had 200 % more than the earlier."
    )
    assert found.columns == [
        Column(x=22.5, y=90.7, width=135.0, height=35.3, words="2026-10-01: 0.500000 EUR"),
        Column(x=382.5, y=20.0, width=135.0, height=106.0, words="2026-10-03: 1.50 EUR"),
        Column(x=562.5, y=124.5, width=135.0, height=1.5, words="2026-10-04: 0.000000 EUR"),
    ]
    assert (found.first, found.last, found.most) == ("2026-10-01", "2026-10-04", "1.50 EUR")


def test_a_trend_without_a_beginning_or_without_anything_says_so() -> None:
    days = ["2026-10-03", "2026-10-04"]

    assert trend("Sent", "requests", days, {"2026-10-04": 3}).description == (
        "3 requests in 2 days, most on 2026-10-04 with 3."
    )
    assert trend("Sent", "requests", days, {}).description == "Nothing in these 2 days."
    assert trend("Sent", "requests", [], {}).columns == []
    less = trend("Sent", "requests", days, {"2026-10-03": 4, "2026-10-04": 3})
    assert less.description.endswith("had 25 % less than the earlier.")
