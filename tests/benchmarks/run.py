"""Run scenarios and clients against each other and say how they did: `make bench`."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from rich.console import Console


ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks import report, transport  # noqa: E402  (the path comes first)
from tests.benchmarks.environments import (  # noqa: E402
    OWN,
    NotInstalled,
    environment,
    keeps_answers,
    peers,
)
from tests.benchmarks.measuring import measure  # noqa: E402
from tests.benchmarks.scenarios import SCENARIOS, Scenario  # noqa: E402


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.measuring import Measurement

OUT = ROOT / "build" / "bench"
TRANSPORT_ROWS = 2000
WIDTH = 150  # of the widest table
console = Console(width=max(WIDTH, Console().width))


def main() -> None:
    """Measure what was named, or what takes about three minutes; write and print the results."""
    arguments = _arguments()
    OUT.mkdir(parents=True, exist_ok=True)
    results: list[Measurement] = []
    skipped: dict[str, str] = {}
    for scenario, client in _pairs(arguments):
        try:
            where = environment(client, OUT / "peers", make=arguments.peers is not None)
        except NotInstalled as problem:
            skipped[client] = str(problem)
            continue
        if where is None:
            skipped[client] = "no environment: name it with --peers"
            continue
        console.print(f"{scenario.name}: {client}", style="dim")
        results.append(measure(scenario, client, where))
        report.write_json(OUT / "results.json", machine(), results, skipped)
    console.print(*report.tables(results), sep="\n")
    for client, reason in skipped.items():
        console.print(f"skipped {client}: {reason}")
    if "transport" in arguments.scenario:
        console.print(report.plain_table("transport", transport.measure(TRANSPORT_ROWS)))
    report.draw(OUT, results)
    if arguments.docs is not None:
        arguments.docs.write_text(report.page(machine(), results, skipped), encoding="utf-8")


def machine() -> dict[str, object]:
    """Return where and when this was measured."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": commit.stdout.strip() or "unknown",
        "python": platform.python_version(),
        "system": platform.system(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    names = ", ".join((*SCENARIOS, "transport"))
    parser.add_argument("scenario", nargs="*", help=f"{names}; default: those that are quick")
    parser.add_argument(
        "--peers",
        nargs="*",
        help="install peers into build/bench/peers and measure them; all, or those named",
    )
    parser.add_argument("--clients", nargs="*", help="measure only these")
    parser.add_argument("--full", action="store_true", help="the long scenarios too")
    parser.add_argument("--docs", type=Path, help="write the page about the results there")
    arguments = parser.parse_args()
    for name in arguments.scenario:
        if name not in (*SCENARIOS, "transport"):
            parser.error(f"there is no scenario {name!r}; there are: {names}")
    for name in arguments.peers or ():
        if name not in peers():
            parser.error(f"there is no peer {name!r}; there are: {', '.join(peers())}")
    return arguments


def _pairs(arguments: argparse.Namespace) -> Iterator[tuple[Scenario, str]]:
    for scenario in SCENARIOS.values():
        if arguments.scenario:
            wanted = scenario.name in arguments.scenario
        else:
            wanted = arguments.full or not scenario.only_full
        if wanted:
            yield from ((scenario, client) for client in _clients(scenario, arguments))


def _clients(scenario: Scenario, arguments: argparse.Namespace) -> Sequence[str]:
    known = peers()
    if arguments.peers is None:
        names = [OWN, "openai"]
    else:
        names = [OWN, *(arguments.peers or (name for name in known if name != OWN))]
    offered = [client for name in names for client in known[name]]
    return [
        client
        for client in offered
        if (scenario.clients is None or client in scenario.clients)
        and (scenario.how == "once" or keeps_answers(client))
        and (not arguments.clients or client in arguments.clients)
    ]


if __name__ == "__main__":
    main()
