"""The page about the results, docs/benchmarks.md, with a picture of each scenario beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.benchmarks.report import COLUMNS, by_scenario, draw, read_json
from tests.benchmarks.scenarios import SCENARIOS


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.benchmarks.measuring import Measurement

PICTURES = "benchmarks"
QUIET_LOAD = 1.5
BUSY = """
**Others were at work on this machine** (column `load`). What needs much CPU looks worse here than it is, and seconds
and ratios of rows with different loads cannot be compared. Requests, lost rows and what was paid twice can.
"""
HEAD = """# Benchmarks

<!-- Written by `make bench ARGS="--docs docs/benchmarks.md"`. -->

What a client adds to the endpoint's own time, what it wastes, and what it loses when something goes wrong. Every
client asks the same scripted endpoint, alone, in a process of its own.

"""
HOW = """
## How to read it

| Column | Meaning |
|---|---|
| ratio | first request to last answer, as the endpoint saw it, over the bound: 1.00 is a client that starts the next request whenever one ends. Below 1.00 only by luck, or by knowing the latencies |
| ratio (job) | the caller's whole wait over the same bound, without imports |
| lost | rows that could be answered and were not handed over |
| a row | requests for each different prompt; what is above 1 was wasted, or needed after a fault |
| paid twice | answers beyond one for each prompt |
| CPU ms | CPU of the client's process for each request |
| peak MB | resident memory of the client and all it starts, at most |
| conns | TCP connections |
| load | the machine's load average when it began; alone it is below 1 |

Compare clients within one table only. On another machine the seconds differ; the ratios differ less, and mostly for
clients that need much CPU. `faults` is held against the bound of the same rows without faults: about 1 is possible only
for who sends the row that hangs a second time.

## Again

```bash
make bench                                              # this project and, if installed, the openai package
make bench ARGS="--peers"                               # all peers, each installed into build/bench/peers
make bench ARGS="healthy faults --peers saturate"       # two scenarios, one peer
make bench ARGS="--full --peers --docs docs/benchmarks.md"
```

[tests/benchmarks/README.md](../tests/benchmarks/README.md) has the method, and how to add a peer.
"""


def write(file: Path, results: Path) -> None:
    """Write the page and its pictures from a file of results."""
    found = json.loads(results.read_text(encoding="utf-8"))
    measured = read_json(results)
    folder = file.parent / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    draw(folder, measured)
    parts = (_circumstances(found["machine"], measured), *_sections(measured, folder))
    missing = _missing(found["skipped"])
    file.write_text("".join((HEAD, *parts, missing, HOW)), encoding="utf-8")


def _circumstances(machine: Mapping[str, object], measured: Sequence[Measurement]) -> str:
    dates, commits = ({getattr(m, name) for m in measured} for name in ("date", "commit"))
    versions = sorted({f"{m.client.partition(':')[0]} {m.version}" for m in measured if m.version})
    busiest = max((m.load or 0.0 for m in measured), default=0.0)
    lines = (
        ("Machine", f"{machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}"),
        ("Python", machine["python"]),
        ("Date", ", ".join(sorted(dates))),
        ("Commit", ", ".join(sorted(commits))),
        ("Versions", ", ".join(versions)),
    )
    warning = BUSY if busiest > QUIET_LOAD else ""
    table = "".join(f"| {name} | {text} |\n" for name, text in lines)
    return f"| | |\n|---|---|\n{table}{warning}"


def _sections(measured: Sequence[Measurement], folder: Path) -> Iterator[str]:
    for name, rows in by_scenario(measured):
        scenario = SCENARIOS[name]
        yield f"\n## {name}\n\n{scenario.question}\n\n"
        if (folder / f"{name}.svg").exists():
            yield f"![{name}: time over the bound]({PICTURES}/{name}.svg)\n\n"
        yield f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
        for row in rows:
            yield f"| {' | '.join(cell(row) for cell in COLUMNS.values())} |\n"
        gave_up = [f"* {row.client}: {_one_line(row.error)}\n" for row in rows if row.error]
        if gave_up:
            yield "\nDid not finish:\n\n" + "".join(gave_up)


def _missing(skipped: Mapping[str, str]) -> str:
    if not skipped:
        return ""
    lines = "".join(f"* {client}: {_one_line(reason)}\n" for client, reason in skipped.items())
    return f"\n## Not measured\n\n{lines}"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").replace("|", "/").split())[:160]
