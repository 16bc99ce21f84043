"""How far a backfill is, on stderr: a bar where somebody looks, a line for each change elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from airquery.cli.message import harmless


if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, TaskID

    from airquery_airflow.backfill.outcome import Standing
    from airquery_airflow.backfill.sequence import Board


@contextmanager
def shown_board() -> Iterator[Board]:
    """Show it in the way that suits stderr, until the block ends."""
    if not sys.stderr.isatty():
        yield LineBoard(sys.stderr)
        return
    from rich.console import Console  # noqa: PLC0415 - only where somebody looks
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 - as above

    columns = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield BarBoard(bars, bars.add_task("asking Airflow", total=None))


class LineBoard:
    """Writes a line when something has changed."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last = ""

    def say(self, text: str) -> None:
        """Write a line."""
        self._out.write(f"{harmless(text)}\n")
        self._out.flush()

    def show(self, standing: Standing) -> None:
        """Write how the days stand, if they stand otherwise than before."""
        text = str(standing)
        if text != self._last:
            self.say(text)
        self._last = text


class BarBoard:
    """Keeps a bar up to date, with lines above it."""

    def __init__(self, bars: Progress, bar: TaskID) -> None:
        self._bars = bars
        self._bar = bar

    def say(self, text: str) -> None:
        """Leave a line above the bar."""
        self._bars.console.print(harmless(text), markup=False, highlight=False, soft_wrap=True)

    def show(self, standing: Standing) -> None:
        """Move the bar: what has ended of all days."""
        ended = sum(one.run is not None and one.run.over for one in standing.days)
        self._bars.update(
            self._bar, total=len(standing.days) or None, completed=ended, description=str(standing)
        )
