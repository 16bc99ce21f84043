"""Write the page about a run for a terminal: the same sections, with pictures as words and blocks."""

from __future__ import annotations

import shutil
from io import StringIO
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from airquery.cli.message import harmless
from airquery.report.page import Bars, Figures, Latencies, Nothing, Page, Table, Throughput
from airquery.report.throughput import together


if TYPE_CHECKING:
    from airquery.report.page import Section


_WIDE: Final = 120
_BAR: Final = 24
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_TONES: Final = {"": "", "good": "green", "bad": "red"}


def page_text(page: Page, *, terminal: bool) -> str:
    """Return a page as text: coloured and as wide as the terminal, where it goes to one."""
    out = StringIO()
    width = shutil.get_terminal_size().columns if terminal else _WIDE
    console = Console(file=out, width=width, force_terminal=terminal, highlight=False)
    console.print(_text(page.title, style="bold"))
    for paragraph in page.lead:
        console.print(_text(paragraph))
    for section in page.sections:
        console.print()
        console.print(_text(section.caption, style="bold"))
        _print(console, section)
        if section.note:
            console.print(_text(section.note, style="dim"))
    for note in page.notes:
        console.print(_text(f"note: {note}"))
    return out.getvalue()


def _print(console: Console, section: Section) -> None:
    match section:
        case Figures():
            console.print(_figures(section))
        case Table():
            if section.rows:
                console.print(_table(section))
        case Bars():
            console.print(_bars(section))
        case Latencies():
            for sentence in section.plot.rows:
                console.print(_text(f"{sentence.label}: {sentence.text}"))
        case Throughput():
            console.print(_text(_sparkline(section)))
            console.print(_text(section.plot.description))
        case Nothing():
            pass


def _figures(section: Figures) -> Grid:
    grid = Grid.grid(padding=(0, 2))
    for one in section.figures:
        grid.add_row(
            _text(one.label, style="dim"),
            _text(one.value, style=_TONES[one.tone]),
            _text(one.detail, style="dim"),
        )
    return grid


def _table(section: Table) -> Grid:
    grid = Grid()
    for column in section.columns:
        grid.add_column(
            _text(column.name), justify="right" if column.numeric else "left", overflow="fold"
        )
    for row in section.rows:
        grid.add_row(
            *(
                Text("") if cell is None else _text(f"{cell:,}" if isinstance(cell, int) else cell)
                for cell in row
            )
        )
    return grid


def _bars(section: Bars) -> Grid:
    grid = Grid.grid(padding=(0, 2))
    for one in section.bars:
        filled = round(_BAR * min(max(one.share, 0.0), 1.0))
        grid.add_row(_text(one.label), Text("█" * filled + "·" * (_BAR - filled)), _text(one.text))
    return grid


def _sparkline(section: Throughput) -> str:
    """Draw how many requests ended in each moment, the most of them as a whole block."""
    counts = [one.answered for one in together(section.rates)]
    most = max(counts, default=0) or 1
    return "".join(
        _BLOCKS[round(count / most * (len(_BLOCKS) - 1))] if count else " " for count in counts
    )


def _text(text: str, style: str = "") -> Text:
    return Text(harmless(text), style=style)
