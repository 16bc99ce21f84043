"""How days stand, what the shell is told, and what they cost: decided without asking anybody."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from airquery_airflow.backfill.days import Day
from airquery_airflow.backfill.outcome import DayRun, ExitCode, Standing, State
from airquery_airflow.backfill.price import Forecast, Spent


def day(number: int) -> Day:
    return Day(logical_date=datetime(2026, 11, number, 3, tzinfo=UTC))


def run(number: int, state: State, *, partition: str | None = None) -> DayRun:
    return DayRun(
        run_id=f"{number}",
        day=Day(partition_key=partition) if partition else day(number),
        state=state,
        started=datetime(2026, 12, number, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([], ExitCode.DONE),
        (["success", "success"], ExitCode.DONE),
        (["success", "failed"], ExitCode.DAYS_FAILED),
        (["failed", "running"], ExitCode.STILL_RUNNING),
        (["success", "queued"], ExitCode.STILL_RUNNING),
    ],
)
def test_the_exit_code_is_zero_only_if_every_day_succeeded(
    states: list[State], code: ExitCode
) -> None:
    runs = [run(number, state) for number, state in enumerate(states, start=1)]

    assert Standing.of([], runs).exit_code == code


def test_a_planned_day_without_a_run_has_failed() -> None:
    standing = Standing.of([day(1), day(2)], [run(2, "success")])

    assert (standing.exit_code, standing.missing) == (ExitCode.DAYS_FAILED, True)
    assert str(standing) == "2 days: 1 success, 1 missing"


def test_the_run_of_a_partition_that_started_last_counts() -> None:
    again = [run(2, "success", partition="a"), run(1, "failed", partition="a")]

    assert Standing.of([], again).exit_code == ExitCode.DONE
    assert Standing.of([], again[::-1]).exit_code == ExitCode.DONE


def test_days_stand_in_their_order() -> None:
    standing = Standing.of([day(3)], [run(2, "failed"), run(1, "success")])

    assert [(str(one.day), one.state) for one in standing.days] == [
        ("2026-11-01 03:00", "success"),
        ("2026-11-02 03:00", "failed"),
        ("2026-11-03 03:00", "missing"),
    ]


def manifest(sent: int, known: int, price: float, currency: str = "USD") -> dict[str, Any]:
    return {"requests_sent": sent, "from_journal": known, "price": price, "currency": currency}


def test_what_was_paid_is_the_sum_of_all_manifests_in_each_currency() -> None:
    spent = Spent.of(
        [
            manifest(10, 5, 1.5),
            json.dumps(manifest(1, 0, 0.5)),
            manifest(2, 0, 2.0, "EUR"),
            None,
            "no manifest",
            {"rows": 3},
        ]
    )

    assert str(spent) == "13 requests sent, 5 from the journal, 2.0000 EUR + 2.0000 USD"


def test_a_forecast_is_the_dearest_earlier_run_without_the_journals_help() -> None:
    earlier = {
        "cheap": [manifest(10, 0, 1.0)],
        "helped": [manifest(5, 15, 1.0)],
        "free": [manifest(0, 20, 0.0)],
    }

    assert Forecast.of(earlier, days=3) == Forecast(
        days=3, runs=2, requests=60, prices={"USD": 12.0}
    )


def test_there_is_no_forecast_where_no_earlier_run_asked_anything() -> None:
    assert Forecast.of({"free": [manifest(0, 20, 0.0)]}, days=3) is None
