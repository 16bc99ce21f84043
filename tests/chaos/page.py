"""The figures of docs/reliability.md, between two marks, from the file that the last run wrote."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Any, Final


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.chaos.figures import Row

BEGIN: Final = '<!-- Figures: written by `make test-chaos ARGS="--docs docs/reliability.md"`. -->'
END: Final = "<!-- End of the figures. -->"
MOMENTS: Final = {
    "start": "while it starts",
    "reply": "around a commit of the journal",
    "end": "at the end",
}


def fill(file: Path, found: Mapping[str, Any]) -> None:
    """Put the figures between the marks of a page."""
    before, _, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    file.write_text(f"{before}{BEGIN}\n{section(found)}{END}{after}", encoding="utf-8")


def section(found: Mapping[str, Any]) -> str:
    """Write all tables, with what they were measured on."""
    machine, tables = found["machine"], found["tables"]
    what = (
        f"{found['date']}, commit {found['commit']}, seed {found['seed']}; {machine['cores']} cores, "
        f"{machine['memory_gb']} GB, {machine['system']}, Python {machine['python']}; the machine's "
        f"load was {found['load']} when it began."
    )
    parts = [f"\n{what}\n"]
    for name, rows in tables.items():
        parts.append(f"\n### {name.capitalize()}\n\n{_table(SUMMARIES.get(name, list)(rows))}")
    return "".join(parts) + "\n"


def _table(rows: Sequence[Row]) -> str:
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([str(row[name]) for name in names] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("_", " ")


def _kills(rows: Sequence[Row]) -> list[Row]:
    """Sum the kills of each journal and kind of moment."""
    return [
        {
            "journal": journal,
            "killed": MOMENTS[moment],
            "kills": len(some),
            "sent before": _sum(some, "sent"),
            "on the wire at the kill": _sum(some, "on_the_wire"),
            "answered, being written": _sum(some, "being_written"),
            "sent again": _sum(some, "sent_again"),
            "answered in the journal and sent again": _sum(some, "kept_sent_again"),
        }
        for (journal, moment), some in _by(rows, "journal", "moment")
    ]


def _signals(rows: Sequence[Row]) -> list[Row]:
    return [
        {
            "stage": stage,
            "signal": number,
            "times": len(some),
            "seconds to stop, median": round(median(_numbers(some, "seconds")), 2),
            "most": max(_numbers(some, "seconds")),
        }
        for (stage, number), some in _by(rows, "stage", "signal")
    ]


SUMMARIES: Final[Mapping[str, Callable[[Sequence[Row]], Sequence[Row]]]] = {
    "kills": _kills,
    "signals": _signals,
}


def _by(rows: Sequence[Row], *names: str) -> Iterator[tuple[tuple[str, ...], list[Row]]]:
    groups: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(str(row[name]) for name in names)].append(row)
    yield from groups.items()


def _numbers(rows: Sequence[Row], name: str) -> list[float]:
    return [float(row[name]) for row in rows]


def _sum(rows: Sequence[Row], name: str) -> int:
    return sum(int(row[name]) for row in rows)
