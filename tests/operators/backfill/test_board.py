"""How far it is: a line for each change, or a bar where somebody looks."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from airquery_airflow.backfill.board import BarBoard, LineBoard
from airquery_airflow.backfill.days import Day
from airquery_airflow.backfill.outcome import DayRun, Standing, State


def standing(*states: State) -> Standing:
    days = [Day(partition_key=f"day {number}") for number in range(len(states))]
    return Standing.of(
        (),
        [DayRun(run_id="r", day=day, state=state) for day, state in zip(days, states, strict=True)],
    )


def test_a_line_is_written_only_when_something_has_changed() -> None:
    out = StringIO()
    board = LineBoard(out)
    for state in ("running", "running", "success"):
        board.show(standing("success", state))
    board.say("odd \x1b[31m name")

    assert out.getvalue().splitlines() == [
        "2 days: 1 success, 1 running",
        "2 days: 2 success",
        "odd \\x1b[31m name",
    ]


def test_the_bar_counts_what_has_ended_and_lines_stay_above_it() -> None:
    out = StringIO()
    columns = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False))
    console = Console(file=out, force_terminal=True, width=100)
    with Progress(*columns, console=console, auto_refresh=False) as bars:
        bar = bars.add_task("asking Airflow", total=None)
        board = BarBoard(bars, bar)
        board.show(standing("success", "failed", "running"))
        board.say("[bold]Backfill 7")
        bars.refresh()

        assert (bars.tasks[0].completed, bars.tasks[0].total) == (2, 3)

    assert "[bold]Backfill 7" in out.getvalue()
    assert "3 days: 1 success, 1 failed, 1 running" in out.getvalue()
