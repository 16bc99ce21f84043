"""The page about one run, one task, or one whole DAG run: what it asked, paid, found and missed.

Records in, a page out. What a reader would look for has its section also where there is none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.report.page import Nothing, Page
from airquery.report.run_asked import endings, endpoints, latencies, throughput
from airquery.report.run_figures import figures
from airquery.report.run_tables import errors, runs_table, samples, tasks_table
from airquery.report.words import began_at, bounds, took


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airquery.records import RunRecord, TaskRecord
    from airquery.report.page import Section

# A statement may have a note a call; more than a few are read by nobody.
_MOST_NOTES = 20


def run_report(
    tasks: Sequence[TaskRecord],
    runs: Sequence[RunRecord],
    *,
    title: str,
    lead: Sequence[str] = (),
) -> Page:
    """Make the page of some runs, and of the tasks that made them where those are Airflow's.

    `lead` says what only the caller knows, before what the records say.
    """
    return Page(
        title=title,
        lead=[*lead, _about(tasks, runs)],
        sections=list(_sections(tasks, runs)),
        notes=list(dict.fromkeys(note for one in runs for note in one.notes))[:_MOST_NOTES],
    )


def _sections(tasks: Sequence[TaskRecord], runs: Sequence[RunRecord]) -> Iterator[Section]:
    yield figures(tasks, runs)
    if tasks:
        yield tasks_table(tasks)
    yield endpoints(runs)
    yield endings(runs)
    yield errors(tasks, runs)
    yield latencies(runs)
    yield throughput(runs)
    if tasks:
        for kind, caption, none in _SAMPLES:
            shown = samples(tasks, kind, caption)
            yield from shown or (Nothing(caption=caption, note=none),)
    if len(runs) != 1:
        yield runs_table(runs)


_SAMPLES = (
    ("quarantine", "Quarantine", "none: no task sent rows to quarantine."),
    ("validation", "Validation", "none: no task checked expectations."),
    ("evaluation", "Evaluation", "none: no task compared its rows with the truth."),
)


def _about(tasks: Sequence[TaskRecord], runs: Sequence[RunRecord]) -> str:
    """Say when it was, and by whom."""
    times = bounds(tasks, runs)
    if times is None:
        return "Nothing is recorded of it: it asked nothing, or it was before there were records."
    said = f"It began on {began_at(times[0])} and took {took(times[1] - times[0])}."
    if not tasks and len(runs) == 1:
        [run] = runs
        said += f" Run {run.id}, {_SOURCES.get(run.origin.source, run.origin.source)}."
    return said


_SOURCES = {
    "python": "from Python",
    "cli": "from the command line",
    "airflow": "by a task of Airflow",
    "playground": "from the playground",
    "endpoint_page": "from the page of an endpoint",
}
