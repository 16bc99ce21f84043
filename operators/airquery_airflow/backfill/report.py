"""What `airquery backfill` says in the end, as text, Markdown (a CI job's summary) or JSON."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from airquery.cli.message import harmless


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airquery_airflow.backfill.days import Day
    from airquery_airflow.backfill.outcome import DayStanding, FailedTask, Standing
    from airquery_airflow.backfill.price import Forecast, Spent

Output = Literal["text", "markdown", "json"]

_MARKUP = re.compile(r"([\\`*_{}\[\]<>|~])")
_NO_TASK = "no task failed: the run was stopped, or took too long"
_NO_RUN = "Airflow made no run for it"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedDay:
    """A day that did not succeed, and where to look."""

    standing: DayStanding
    run: str | None
    tasks: tuple[FailedTask, ...]


def plan_report(
    dag_id: str, planned: Sequence[Day], forecast: Forecast | None, output: Output
) -> str | dict[str, object]:
    """Say which days would run, and what they may cost."""
    price = "not known: no earlier run of this DAG paid" if forecast is None else str(forecast)
    if output == "json":
        return {
            "dag_id": dag_id,
            "planned": [str(day) for day in planned],
            "forecast": None if forecast is None else asdict(forecast),
        }
    if not planned:
        return f"Nothing to run: every day of {_name(dag_id, output)} has a run already."
    title = f"{len(planned):,} to run of {_name(dag_id, output)}"
    lines = [str(day) for day in planned]
    if output == "markdown":
        return "\n".join([f"### Backfill: {title}", "", f"Price: {price}", "", *_items(lines)])
    return "\n".join([f"{title}:", *(f"  {harmless(line)}" for line in lines), f"price: {price}"])


def end_report(
    dag_id: str,
    standing: Standing,
    failed: Sequence[FailedDay],
    spent: Spent | None,
    output: Output,
) -> str | dict[str, object]:
    """Say how every day stands, what failed and what was paid."""
    if output == "json":
        return {
            "dag_id": dag_id,
            "exit_code": int(standing.exit_code),
            "days": {str(one.day): one.state for one in standing.days},
            "failed": [
                {
                    "day": str(one.standing.day),
                    "run": one.run,
                    "tasks": [asdict(t) for t in one.tasks],
                }
                for one in failed
            ],
            "spent": None if spent is None else asdict(spent),
        }
    title = f"{_name(dag_id, output)}: {standing}"
    paid = [] if spent is None else [f"paid: {spent}"]
    if output == "markdown":
        table = ["| Day | State |", "|---|---|"]
        table += [f"| {_plain(str(one.day))} | {one.state} |" for one in standing.days]
        lines = [f"### Backfill of {title}", "", *(f"{one}\n" for one in paid), *table]
        for one in failed:
            lines += ["", f"**{_plain(str(one.standing.day))}** failed", "", *_links(one)]
        return "\n".join(lines)
    lines = [f"{harmless(str(one.day))}  {one.state}" for one in standing.days]
    for one in failed:
        lines += [f"failed: {harmless(str(one.standing.day))}", *_text_links(one)]
    return "\n".join([*lines, *paid, harmless(title)])


def _text_links(failed: FailedDay) -> Iterator[str]:
    if failed.run is None:
        yield f"  {_NO_RUN}"
    elif not failed.tasks:
        yield f"  {_NO_TASK}\n    {failed.run}"
    for task in failed.tasks:
        yield f"  {harmless(str(task))}\n    {task.log}"


def _links(failed: FailedDay) -> Iterator[str]:
    if failed.run is None:
        yield f"* {_NO_RUN}"
    elif not failed.tasks:
        yield f"* [{_NO_TASK}]({failed.run})"
    for task in failed.tasks:
        yield f"* [{_plain(str(task))}]({task.log})"


def _items(lines: Sequence[str]) -> list[str]:
    return [f"* {_plain(line)}" for line in lines]


def _name(dag_id: str, output: Output) -> str:
    return f"`{dag_id}`" if output == "markdown" else dag_id


def _plain(text: str) -> str:
    """Return a text as Markdown shows it, whatever it holds."""
    return _MARKUP.sub(r"\\\1", " ".join(harmless(text).split()))
