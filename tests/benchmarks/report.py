"""What the measurements say: JSON, tables for the terminal, pictures, and a page of documentation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table

from tests.benchmarks.environments import OWN
from tests.benchmarks.measuring import Measurement
from tests.benchmarks.scenarios import SCENARIOS
from tests.benchmarks.svg import bars


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


COLUMNS: Mapping[str, Callable[[Measurement], str]] = {
    "client": lambda m: m.client,
    "ratio": lambda m: _number(m.ratio),
    "ratio (job)": lambda m: _number(m.ratio_job),
    "seconds": lambda m: _number(m.seconds) if m.error is None else "-",
    "rows/s": lambda m: _number(m.rows_per_s, 0),
    "lost": lambda m: str(m.lost),
    "requests": lambda m: str(m.requests),
    "a row": lambda m: _number(m.requests_per_row, 3),
    "429": lambda m: str(m.refused.get("429", 0)),
    "paid twice": lambda m: str(m.paid_twice),
    "CPU ms": lambda m: _number(m.client_cpu_ms_per_request),
    "peak MB": lambda m: _number(m.peak_mb, 0),
    "conns": lambda m: str(m.connections),
    "load": lambda m: _number(m.load, 1),
}


def write_json(
    file: Path,
    machine: Mapping[str, object],
    results: Sequence[Measurement],
    skipped: Mapping[str, str],
) -> None:
    """Write all that was measured."""
    found = {
        "machine": machine,
        "results": [result.to_json() for result in results],
        "skipped": skipped,
    }
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def read_json(file: Path) -> list[Measurement]:
    """Return the measurements of a file, none if there is no file."""
    if not file.exists():
        return []
    found = json.loads(file.read_text(encoding="utf-8"))["results"]
    return [Measurement(**fields) for fields in found]


def tables(results: Sequence[Measurement]) -> Iterator[Table]:
    """Make a table of each scenario."""
    for name, rows in by_scenario(results):
        table = Table(*COLUMNS, title=f"{name}: {SCENARIOS[name].question}")
        for row in rows:
            table.add_row(*(cell(row) for cell in COLUMNS.values()))
        yield table
        for row in rows:
            if row.error:
                table.caption = f"{table.caption or ''}{row.client}: {row.error}\n"


def plain_table(title: str, rows: Sequence[Mapping[str, object]]) -> Table:
    """Make a table of rows that name their own columns."""
    table = Table(*rows[0], title=title)
    for row in rows:
        table.add_row(*map(str, row.values()))
    return table


def draw(folder: Path, results: Sequence[Measurement]) -> None:
    """Draw a chart of each scenario that has a bound."""
    for name, rows in by_scenario(results):
        values = [(row.client, row.ratio) for row in rows if row.ratio is not None]
        if values:
            picture = bars(f"{name}: time over the bound", values, marked=OWN, unit=" x")
            (folder / f"{name}.svg").write_text(picture, encoding="utf-8")


def by_scenario(
    results: Sequence[Measurement],
) -> Iterator[tuple[str, Sequence[Measurement]]]:
    """Group results; what did the whole job first, then by its ratio, or its seconds."""
    for name in SCENARIOS:
        rows = [result for result in results if result.scenario == name]
        if rows:
            yield (
                name,
                sorted(rows, key=lambda m: (m.error is not None, m.lost > 0, m.ratio or m.seconds)),
            )
