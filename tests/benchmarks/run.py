"""Run the benchmarks and print one table each: `make bench`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table


sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks import execution, transport


SCENARIOS = {"execution": execution.measure, "transport": transport.measure}


def main() -> None:
    """Measure the scenarios that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="*", help=f"{', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--rows", type=int, default=5000, help="requests per measurement")
    arguments = parser.parse_args()
    for name in arguments.scenario or SCENARIOS:
        if name not in SCENARIOS:
            parser.error(f"there is no scenario {name!r}; there are: {', '.join(SCENARIOS)}")
        rows = SCENARIOS[name](arguments.rows)
        table = Table(*rows[0], title=name)
        for row in rows:
            table.add_row(*(str(value) for value in row.values()))
        Console().print(table)


if __name__ == "__main__":
    main()
