"""`airquery demo`: the example DAG on real reviews, with embedded models, twice.

It needs no key, no account and no network. The first pass asks, the second must not: it fails if a
single request is sent again. It works in the clone alone: Airflow's home is `.airflow`, everything
else is made anew in `build/demo`.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from airquery.errors import AirqueryError
from airquery_airflow.demo_place import Place, output_to


if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from airflow.sdk import DAG

    from airquery_airflow.demo_board import Board
    from airquery_airflow.demo_figures import Evaluation, Pass
    from airquery_airflow.testing import DayRun


DAYS = (date(2026, 10, 1), date(2026, 10, 2))
PASSES = ("first pass", "second pass")
STOPPED = 130


def demo(
    *,
    dags_folder: Annotated[
        Path | None,
        typer.Option(help="The repository's dags/ folder; by default that of this clone."),
    ] = None,
) -> None:
    """Run the example pipeline twice, without key or network.

    It works on two days of real product reviews, with a small language model and a lexicon.
    Writes build/demo/summary.json and build/demo/report.html. Fails if a task failed, or if the
    second pass sent a request.
    """
    place = Place.find(dags_folder)
    try:
        with place.locked(), _stopped_by_sigterm():
            _run(place)
    except KeyboardInterrupt:
        typer.echo("cancelled: Airflow and the model server are stopped", err=True)
        raise typer.Exit(STOPPED) from None


def _run(place: Place) -> None:
    from airquery.serve.options import ServeOptions  # noqa: PLC0415 - not needed to show the help
    from airquery.serve.process import ServerProcess  # noqa: PLC0415
    from airquery_airflow.demo_board import Board  # noqa: PLC0415

    place.prepare()
    with output_to(place.log) as terminal, Board(terminal, place.journal) as board:
        board.say("starting the model server")
        with ServerProcess(ServeOptions(models=("smollm2", "vader"))) as server:
            os.environ["AIRQUERY_SERVE_URL"] = server.url
            try:
                passes, evaluation = _passes(place, board)
            except KeyboardInterrupt:
                board.say("stopping")
                raise
    _tell(place, passes, evaluation)


def _passes(place: Place, board: Board) -> tuple[list[Pass], Evaluation]:
    """Run both passes and return what they came to."""
    board.say("starting Airflow")
    # Imported here, because it reads its settings from the environment once.
    from airquery_airflow.demo_figures import Pass, evaluation_of  # noqa: PLC0415
    from airquery_airflow.testing import create_database, load_dag  # noqa: PLC0415

    create_database()
    dag = load_dag(place.dags, "product_reviews")
    board.watch(dag)
    passes = []
    for name in PASSES:
        began = time.monotonic()
        runs = [_run_day(dag, name, day, place, board) for day in DAYS]
        seconds = time.monotonic() - began
        evaluation = evaluation_of(place.warehouse, DAYS)
        passes.append(Pass.of(name, runs, seconds=seconds, accuracy=evaluation.model))
    return passes, evaluation


def _run_day(dag: DAG, name: str, day: date, place: Place, board: Board) -> DayRun:
    from airquery_airflow.testing import run_day  # noqa: PLC0415 - after Airflow's settings are made

    board.begin(f"{name}, {day}")
    run = run_day(dag, day, {"partition": day.isoformat()})
    if run.state != "success":
        failed = [task for task, state in run.tasks.items() if state == "failed"]
        raise AirqueryError(
            f"Task {', '.join(failed)} of product_reviews failed on {day}: "
            f"{str(board.problem).rstrip('.')}. Airflow's log is in {place.log}."
        )
    board.end(run.returned["infer"])
    return run


def _tell(place: Place, passes: list[Pass], evaluation: Evaluation) -> None:
    """Show and write the figures, then fail if an answer was paid for twice."""
    from airquery_airflow.demo_figures import (  # noqa: PLC0415 - they load DuckDB
        paid_again,
        print_figures,
        write_summary,
    )
    from airquery_airflow.demo_page import write_report  # noqa: PLC0415

    write_summary(passes, place.summary)
    write_report(
        passes, evaluation, journal=place.journal, warehouse=place.warehouse, file=place.report
    )
    print_figures(passes, evaluation)
    typer.echo(f"\nReport:  {place.report}\nFigures: {place.summary}")
    problem = paid_again(passes)
    if problem is not None:
        raise AirqueryError(f"{problem} Airflow's log is in {place.log}.")


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let `kill` end the demo as Ctrl-C does, so that no model server is left."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
