"""Run all moments of the chaos suite, and write what was measured: `make test-chaos`."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path


ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.run import described, machine  # noqa: E402  (the path comes first)
from tests.chaos import page  # noqa: E402


OUT = ROOT / "build" / "chaos"
FIGURES = OUT / "figures.json"
PARTS = OUT / "parts"
WORKERS = ("-n", "2", "--dist=loadscope")
SUITE = ROOT / "tests" / "chaos"


def main() -> None:
    """Run the long form; write figures, and the section of a page if one is named."""
    arguments = _arguments()
    if not arguments.only_docs:
        _run(arguments.seed, arguments.pytest, keep=arguments.keep)
    found = json.loads(FIGURES.read_text(encoding="utf-8"))
    (OUT / "figures.md").write_text(page.section(found), encoding="utf-8")
    if arguments.docs is not None:
        page.fill(arguments.docs, found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="what chance follows from; else drawn and shown")
    parser.add_argument("--docs", type=Path, help="fill the figures of this page")
    parser.add_argument(
        "--only-docs", action="store_true", help="run nothing, use the last figures"
    )
    parser.add_argument("--keep", action="store_true", help="keep the last figures of other tests")
    parser.add_argument("pytest", nargs="*", help="arguments of pytest, after --")
    return parser.parse_args()


def _run(seed: int | None, more: list[str], *, keep: bool) -> None:
    seed = random.SystemRandom().randrange(10**8) if seed is None else seed
    print(f"AIRQUERY_CHAOS_SEED={seed}", flush=True)
    circumstances = {
        "machine": machine(),
        "commit": described(),
        "date": datetime.now(tz=UTC).date().isoformat(),
        "load": round(os.getloadavg()[0], 1),
        "seed": seed,
    }
    shutil.rmtree(PARTS, ignore_errors=True)
    environment = {
        **os.environ,
        "AIRQUERY_CHAOS": "long",
        "AIRQUERY_CHAOS_SEED": str(seed),
        "AIRQUERY_CHAOS_FIGURES": str(PARTS),
    }
    # Two at a time: most of what they do is wait.
    ended = subprocess.run(
        [*(sys.executable, "-m", "pytest", "-q", "--durations=10", str(SUITE)), *WORKERS, *more],
        cwd=ROOT,
        env=environment,
        check=False,
    )
    parts = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(PARTS.glob("*.json"))]
    tables = json.loads(FIGURES.read_text(encoding="utf-8"))["tables"] if keep else {}
    # A table may have been measured by both.
    measured: defaultdict[str, list[object]] = defaultdict(list)
    for part in parts:
        for name, rows in part["tables"].items():
            measured[name] += rows
    tables |= measured
    found = {**circumstances, "tables": dict(sorted(tables.items()))}
    FIGURES.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if ended.returncode:
        sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
