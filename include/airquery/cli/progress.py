"""How far a statement is, on stderr: a bar where somebody looks, a line now and then elsewhere.

stdout is for data alone. The words are the same in both, and in the summary at the end.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from airquery.cli.message import harmless
from airquery.errors import BUDGET_EXCEEDED


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airquery import Run, RunStats


LINE_EVERY_S: Final = 10.0


class Progress(Protocol):
    """What is told how far the statement is, about ten times a second."""

    def __call__(self, stats: RunStats) -> None:
        """Take the counters as they are now."""


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Progress]:
    """Show progress in the way that suits stderr, until the block ends."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar() as progress:
            yield progress
    else:
        yield LineProgress()


class LineProgress:
    """Writes one line every ten seconds, by the statement's own clock."""

    def __init__(self, every_s: float = LINE_EVERY_S) -> None:
        self._every_s = every_s
        self._next_s = every_s

    def __call__(self, stats: RunStats) -> None:
        """Write a line if it is time for one."""
        if stats.seconds >= self._next_s:
            self._next_s = stats.seconds + self._every_s
            sys.stderr.write(f"{progress_text(stats)}\n")


def progress_text(stats: RunStats) -> str:
    """Say how far it is. What is left is known once all requests are known."""
    said = [
        f"{stats.answered:,}/{stats.requests:,} answered",
        f"{stats.from_journal:,} from journal",
        f"{stats.failed:,} failed",
        f"{_per_second(stats):.1f}/s",
        _tokens(stats),
    ]
    if stats.batch_jobs:
        said.append(
            f"waiting for {stats.batch_jobs:,} batch jobs "
            f"({stats.batch_done:,}/{stats.batch_requests:,} done)"
        )
    left_s = seconds_left(stats)
    if left_s is not None:
        said.append(f"{left_s // 60:.0f}:{left_s % 60:02.0f} left")
    return ", ".join(said)


def seconds_left(stats: RunStats) -> int | None:
    """Estimate how long the rest takes at the pace so far; None while nobody can know."""
    rate = _per_second(stats)
    if not stats.collected or not rate:
        return None
    return round((stats.requests - stats.answered) / rate)


def summary_lines(run: Run) -> list[str]:
    """Say what the statement asked and what went wrong; nothing for one that asked nothing."""
    stats = run.stats
    lines = [f"note: {note}" for note in run.notes]
    if stats.requests:
        said = (
            f"{stats.requests:,} requests in {stats.seconds:.1f} s: {stats.sent:,} sent, "
            f"{stats.from_journal:,} from the journal, {stats.failed:,} failed; {_tokens(stats)}"
        )
        if stats.retries:
            said += f"; {stats.retries:,} retries"
        if stats.hedged:
            said += f", {stats.hedged:,} of them hedges of stragglers"
        if stats.price:
            said += f"; {stats.price:.6f} {stats.currency}"
        lines.append(said)
    if run.outcome == "budget_stopped":
        lines.append(_stopped(run))
    if run.failures:
        lines.append(f"first failure: {run.failures[0]}")
    return [harmless(" ".join(line.split())) for line in lines]


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console  # noqa: PLC0415 - only where somebody looks
    from rich.progress import BarColumn, Progress as Bars, TextColumn  # noqa: PLC0415

    # On 80 columns there is room for the words and a short bar.
    columns = (BarColumn(bar_width=8), TextColumn("{task.description}"))
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("reading", total=None)

        def progress(stats: RunStats) -> None:
            if stats.requests:
                total = stats.requests if stats.collected else None
                bars.update(
                    bar, total=total, completed=stats.answered, description=progress_text(stats)
                )

        yield progress


def _per_second(stats: RunStats) -> float:
    return stats.sent / stats.seconds if stats.seconds else 0.0


def _stopped(run: Run) -> str:
    unasked = sum(one.condition == BUDGET_EXCEEDED for one in run.failures)
    return (
        f"stopped by its budget: {unasked:,} requests were not sent. The same command with a larger "
        "budget asks only for them"
    )


def _tokens(stats: RunStats) -> str:
    return f"{stats.prompt_tokens:,}+{stats.completion_tokens:,} tokens"
