"""Run scenarios and clients against each other and say how they did: `make bench`."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from rich.console import Console


ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks import (  # noqa: E402  (the path comes first)
    estimate,
    page,
    prefix,
    report,
    run_page,
    telemetry,
    transport,
    validation,
)
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
    from collections.abc import Callable, Iterator, Mapping, Sequence


OUT = ROOT / "build" / "bench"
RESULTS = OUT / "results.json"
TRANSPORT_ROWS = 2000
# What is no race of clients: one table each, printed and not kept.
TABLES: Mapping[str, Callable[[], Sequence[Mapping[str, object]]]] = {
    "transport": lambda: transport.measure(TRANSPORT_ROWS),
    "prefix": prefix.measure,
    "estimate": estimate.measure,
    "telemetry": telemetry.measure,
    "validation": validation.measure,
    "run-page": run_page.measure,
}
WIDTH = 150  # of the widest table
console = Console(width=max(WIDTH, Console().width))


def main() -> None:
    """Measure what was named, or what takes about three minutes; write and print the results."""
    arguments = _arguments()
    OUT.mkdir(parents=True, exist_ok=True)
    results = report.read_json(RESULTS) if arguments.keep else []
    skipped: dict[str, str] = {}
    commit = described()
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
        found = measure(scenario, client, where, commit=commit)
        results = [*(known for known in results if known.place != found.place), found]
        report.write_json(RESULTS, machine(), results, skipped)
    console.print(*report.tables(results), sep="\n")
    for client, reason in skipped.items():
        console.print(f"skipped {client}: {reason}")
    for name, rows in TABLES.items():
        if name in arguments.scenario:
            console.print(report.plain_table(name, rows()))
    report.draw(OUT, results)
    if arguments.docs is not None:
        page.write(arguments.docs, RESULTS)


def machine() -> dict[str, object]:
    """Return what this was measured on."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
    }


def described() -> str:
    """Return the commit that is measured."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return commit.stdout.strip() or "unknown"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    names = ", ".join((*SCENARIOS, *TABLES))
    parser.add_argument("scenario", nargs="*", help=f"{names}; default: those that are quick")
    parser.add_argument(
        "--peers",
        nargs="*",
        help="install peers into build/bench/peers and measure them; all, or those named",
    )
    parser.add_argument("--clients", nargs="*", help="measure only these")
    parser.add_argument("--full", action="store_true", help="the long scenarios too")
    parser.add_argument("--keep", action="store_true", help="keep earlier results of other pairs")
    parser.add_argument("--docs", type=Path, help="write the page about the results there")
    arguments = parser.parse_args()
    for name in arguments.scenario:
        if name not in (*SCENARIOS, *TABLES):
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
        if scenario.admits(client)
        and (scenario.how == "once" or keeps_answers(client))
        and (not arguments.clients or client in arguments.clients)
    ]


if __name__ == "__main__":
    main()
