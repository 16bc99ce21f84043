"""The figures at the head of a run's report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airquery.report.page import Figure, Figures
from airquery.report.planned import planned_prices
from airquery.report.words import bounds, money, span, took


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airquery.records import RunRecord, TaskRecord


# The gravest last.
_STATES: Final = ("done", "skipped", "deferred", "failed")
_OUTCOMES: Final = ("complete", "jobs_out", "partial", "budget_stopped", "aborted")
_WORDS: Final[Mapping[str, str]] = {
    "jobs_out": "waits for batch jobs",
    "budget_stopped": "stopped by its budget",
}
_GOOD: Final = {"done", "complete"}
_BAD: Final = {"failed", "aborted", "budget_stopped", "partial"}


def figures(tasks: Sequence[TaskRecord], runs: Sequence[RunRecord]) -> Figures:
    """Say how it ended, how much was asked, and what it cost."""
    return Figures(caption="In short", figures=list(_figures(tasks, runs)))


def last_stretches(tasks: Sequence[TaskRecord]) -> list[TaskRecord]:
    """Return of each task what it did last."""
    last = {
        (one.origin.task_id, one.origin.map_index): one
        for one in sorted(tasks, key=lambda one: one.began_at)
    }
    return list(last.values())


def _figures(tasks: Sequence[TaskRecord], runs: Sequence[RunRecord]) -> Iterator[Figure]:
    usage = [one for run in runs for one in run.usage]
    requests, failed = sum(u.requests for u in usage), sum(u.failed for u in usage)
    yield _ending(tasks, runs)
    yield _rows(tasks, runs)
    yield Figure(
        label="Requests",
        value=f"{requests:,}",
        detail=f"{sum(u.sent for u in usage):,} sent",
    )
    from_journal = sum(u.from_journal for u in usage)
    yield Figure(
        label="From the journal", value=f"{from_journal:,}", detail=_of(from_journal, requests)
    )
    not_asked = sum(u.not_asked for u in usage)
    yield Figure(
        label="Failed",
        value=f"{failed:,}",
        detail=f"{not_asked:,} of them not asked" if not_asked else _of(failed, requests),
        tone="bad" if failed else "good",
    )
    yield Figure(
        label="Tokens",
        value=f"{sum(u.prompt_tokens + u.completion_tokens for u in usage):,}",
        detail=f"{sum(u.prompt_tokens for u in usage):,} in, "
        f"{sum(u.completion_tokens for u in usage):,} out",
    )
    planned = planned_prices(runs).values()
    said = "; ".join(f"planned {span(price, currency)}" for price, currency in planned)
    yield Figure(
        label="Price",
        value=money((u.price, u.currency) for u in usage),
        detail=said or "no price was planned",
    )
    if (times := bounds(tasks, runs)) is not None:
        yield Figure(label="Took", value=took(times[1] - times[0]))


def _of(part: int, requests: int) -> str:
    return f"{100 * part / requests:.1f} % of the requests" if requests else ""


def _ending(tasks: Sequence[TaskRecord], runs: Sequence[RunRecord]) -> Figure:
    if tasks:
        states = [one.state for one in last_stretches(tasks)]
        return _gravest(states, _STATES, "Tasks")
    return _gravest([one.outcome for one in runs], _OUTCOMES, "Runs")


def _gravest(found: Sequence[str], order: Sequence[str], label: str) -> Figure:
    """Say the gravest of some endings; of several, how many there are of each."""
    if not found:
        return Figure(label=label, value="none")
    known = [*order, *sorted(set(found).difference(order))]
    worst = max(found, key=known.index)
    counts = {one: found.count(one) for one in known if one in found}
    return Figure(
        label=label,
        value=_WORDS.get(worst, worst),
        detail=", ".join(f"{count:,} {_WORDS.get(one, one)}" for one, count in counts.items())
        if len(found) > 1
        else "",
        tone="good" if worst in _GOOD else "bad" if worst in _BAD else "",
    )


def _rows(tasks: Sequence[TaskRecord], runs: Sequence[RunRecord]) -> Figure:
    """Say how many rows asked, and how many the tasks that asked have written."""
    asking = [one for one in last_stretches(tasks) if one.runs]
    written = [one.manifest["rows"] for one in asking if "rows" in one.manifest]
    numbers = [one for one in written if isinstance(one, int)]
    return Figure(
        label="Rows that asked",
        value=f"{sum(u.rows for run in runs for u in run.usage):,}",
        detail=f"{sum(numbers):,} written" if numbers else "",
    )
