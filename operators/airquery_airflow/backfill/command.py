"""`airquery backfill`: its options, how it is stopped, and what it ends with.

stdout is for the report, stderr for how far it is. The exit code is 0 when every day of the range
has succeeded, 4 when a day has not, 5 when `--timeout-minutes` passed before all were over, 130 when
it was interrupted; 1 and 2 as for every command.
"""

from __future__ import annotations

import json
import math
import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from airquery_airflow.backfill.dag import Order, Reprocess
from airquery_airflow.backfill.days import InvalidDays, Span
from airquery_airflow.backfill.outcome import ExitCode
from airquery_airflow.backfill.place import URL, USERNAME, Place
from airquery_airflow.backfill.report import Output  # noqa: TC001 - typer reads it


if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from airquery_airflow.backfill.dag import BackfilledDag
    from airquery_airflow.backfill.sequence import Begun, Sequence

Report: TypeAlias = str | dict[str, object]

FirstDay = Annotated[
    str | None,
    typer.Option("--from", help="The first day, such as 2026-11-01, of the DAG's timezone."),
]
LastDay = Annotated[str | None, typer.Option("--to", help="The last day; it is in the range.")]


def backfill(
    *,
    dag: Annotated[str, typer.Option(help="The DAG's id.")],
    first: FirstDay = None,
    last: LastDay = None,
    reprocess: Annotated[
        Reprocess, typer.Option(help="Which days that have run already run again.")
    ] = "none",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run and cost, and make nothing.")
    ] = False,
    max_active_runs: Annotated[
        int, typer.Option(min=1, help="How many of its runs there are at a time.")
    ] = 10,
    conf: Annotated[str | None, typer.Option(help="The runs' conf, a JSON object.")] = None,
    max_days: Annotated[
        int, typer.Option(min=1, help="Refuse a plan of more runs than this.")
    ] = 100,
    timeout_minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop looking after so long; the runs go on.")
    ] = None,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel the DAG's running backfill, and nothing else.")
    ] = False,
    url: Annotated[
        str | None, typer.Option(help=f"Airflow's address; by default the variable {URL}.")
    ] = None,
    username: Annotated[
        str | None, typer.Option(help=f"Who logs in; by default the variable {USERNAME}.")
    ] = None,
    poll_s: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 5.0,
    output: Annotated[Output, typer.Option(help="How the report is written.")] = "text",
) -> None:
    """Run the days of a DAG in Airflow, and wait for their end.

    Plans first, makes the backfill or follows the same one that runs already, and ends with 0 when
    every day of the range has succeeded, 4 when one has not, 5 after --timeout-minutes. Ctrl-C
    leaves the backfill running. The password or token is read from AIRQUERY_AIRFLOW_PASSWORD or
    AIRQUERY_AIRFLOW_TOKEN.
    """
    from airquery_airflow.backfill.api import AirflowApi  # noqa: PLC0415 - not needed for the help
    from airquery_airflow.backfill.board import shown_board  # noqa: PLC0415 - as above
    from airquery_airflow.backfill.dag import BackfilledDag  # noqa: PLC0415
    from airquery_airflow.backfill.sequence import Sequence  # noqa: PLC0415

    given, span = _conf(conf), None if cancel else _span(first, last)
    place = Place.read(os.environ, url=url, username=username)
    with _interruptible(), AirflowApi(place) as api:
        found = BackfilledDag(api, dag)
        if span is None:
            _cancel(found)
            return
        state = found.state()
        order = Order(
            dag_id=dag,
            span=Span.read(str(first), str(last), state.zone),
            reprocess=reprocess,
            conf=given,
            max_active_runs=max_active_runs,
        )
        with shown_board() as board:
            sequence = Sequence(
                dag=found,
                state=state,
                order=order,
                board=board,
                poll_s=poll_s,
                max_days=max_days,
            )
            end = _dry_run if dry_run else _run
            report, code = end(sequence, output, timeout_minutes)
    typer.echo(json.dumps(report, indent=2) if output == "json" else report)
    raise typer.Exit(code)


def _dry_run(
    sequence: Sequence, output: Output, _timeout_minutes: float | None
) -> tuple[Report, ExitCode]:
    from airquery_airflow.backfill.findings import forecast  # noqa: PLC0415 - as above
    from airquery_airflow.backfill.report import plan_report  # noqa: PLC0415 - as above

    say = sequence.board.say
    planned = sequence.plan()
    running = sequence.dag.running()
    if running is not None:
        say(f"{running} runs; what it has begun is not planned again")
    if sequence.state.paused:
        say(f"DAG {sequence.order.dag_id!r} is paused: unpause it before the backfill")
    price = forecast(sequence.dag, days=len(planned), say=say) if planned else None
    return plan_report(sequence.order.dag_id, planned, price, output), ExitCode.DONE


def _run(
    sequence: Sequence, output: Output, timeout_minutes: float | None
) -> tuple[Report, ExitCode]:
    from airquery_airflow.backfill.findings import failed_days, spent  # noqa: PLC0415 - as above
    from airquery_airflow.backfill.report import end_report  # noqa: PLC0415 - as above

    until = math.inf if timeout_minutes is None else time.monotonic() + 60 * timeout_minutes
    begun: Begun | None = None
    say = sequence.board.say
    try:
        begun = sequence.begin()
        standing = sequence.follow(begun, until=until)
        failed = failed_days(sequence.dag, standing)
        paid = spent(sequence.dag, standing, begun.backfill, say)
    except KeyboardInterrupt:
        say(f"interrupted: {_left(sequence.order.dag_id, begun)}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if not standing.over:
        say(f"--timeout-minutes have passed: {_left(sequence.order.dag_id, begun)}")
    elif begun.backfill is None:
        say(_nothing(sequence, any_failed=bool(standing.failed)))
    return end_report(sequence.order.dag_id, standing, failed, paid, output), standing.exit_code


def _cancel(dag: BackfilledDag) -> None:
    running = dag.running()
    if running is None:
        typer.echo(f"No backfill of {dag.dag_id} is running.", err=True)
        return
    dag.cancel(running)
    typer.echo(
        f"{running} is cancelled: its queued runs fail, those that run end by themselves.", err=True
    )


def _left(dag_id: str, begun: Begun | None) -> str:
    """Say what goes on in Airflow, and how to follow or end it."""
    if begun is None:
        return "if a backfill was made, it goes on in Airflow, and the same command follows it."
    what = "the runs go on" if begun.backfill is None else f"{begun.backfill} goes on"
    return (
        f"{what} in Airflow. The same command follows it again; "
        f"`airquery backfill --dag {dag_id} --cancel` cancels it."
    )


def _nothing(sequence: Sequence, *, any_failed: bool) -> str:
    if any_failed and sequence.order.reprocess == "none":
        return (
            "nothing to run: every day has a run. Those that failed run again with --reprocess "
            "failed"
        )
    return "nothing to run"


def _span(first: str | None, last: str | None) -> Span:
    """Look at the range before Airflow is asked anything; a day's timezone is known later."""
    if first is None or last is None:
        raise typer.BadParameter("--from and --to are needed.")
    try:
        return Span.read(first, last)
    except InvalidDays as error:
        raise typer.BadParameter(str(error)) from error


def _conf(text: str | None) -> dict[str, Any]:
    try:
        conf = {} if text is None else json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"--conf is not JSON: {error}") from error
    if not isinstance(conf, dict):
        raise typer.BadParameter("--conf must be a JSON object.")
    return conf


@contextmanager
def _interruptible() -> Iterator[None]:
    """End on Ctrl-C, and on the SIGTERM of CI just so, while there is nothing to be left running."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("interrupted: nothing was begun", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, previous)
