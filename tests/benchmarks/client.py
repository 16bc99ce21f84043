"""One client at work: `python -P client.py <peer> --base-url ... --rows ...` prints one JSON line.

It runs in the peer's own environment, where nothing of this project is installed; so this file and
the peers import nothing of it while they run. What a peer imports at the top of its file is not
timed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import re
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Iterable

PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a peer has to do: answer every row, `in_flight` at a time if it is told so.

    Row i asks "row i", or with `distinct` the row of that many that comes round. With `keep_every`
    only each so-manieth row is asked for: a filter in SQL, a shorter list elsewhere. In `folder` a
    peer may keep what it needs to go on after it was killed.
    """

    base_url: str
    rows: int
    distinct: int | None
    keep_every: int
    in_flight: int | None
    folder: Path
    variant: str

    def prompts(self) -> list[str]:
        """Return the prompt of each row that is asked for, in order."""
        distinct = self.distinct or self.rows
        return [f"row {i % distinct}" for i in range(0, self.rows, self.keep_every)]


def main() -> None:
    """Do the job that the command line names, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", help="its file's name in peers/, perhaps with a :variant")
    parser.add_argument("--base-url", required=True, help="ends in /v1")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--distinct", type=int)
    parser.add_argument("--keep-every", type=int, default=1)
    parser.add_argument("--in-flight", type=int, help="what to tell the peer; else nothing")
    parser.add_argument("--folder", type=Path, required=True)
    fields = vars(parser.parse_args())
    name, _, variant = fields.pop("peer").partition(":")
    # Some write into the working directory without being asked.
    os.chdir(fields["folder"])
    print(json.dumps(measured(name, Job(variant=variant, **fields))), flush=True)


def measured(name: str, job: Job) -> dict[str, object]:
    """Return what a peer answered and what it took; `error` if it gave up."""
    peer = _loaded(name)
    answers: Iterable[str | None] = ()
    error = None
    began, cpu = time.perf_counter(), _cpu_s()
    try:
        answers = peer.answer(job)
    except Exception as problem:  # noqa: BLE001  (a client that gives up is a result)
        error = f"{type(problem).__name__}: {' '.join(str(problem).split())}"[:300]
    seconds, cpu_s = time.perf_counter() - began, _cpu_s() - cpu
    right = 0
    for answer, prompt in zip(answers, job.prompts(), strict=False):
        right += answer is not None and re.search(rf"{prompt}\b", str(answer)) is not None
    return {
        "answered": right,
        "seconds": seconds,
        "cpu_s": cpu_s,
        "version": _version(peer.REQUIRES[0]),
        "error": error,
    }


def _loaded(name: str) -> Any:
    # Under a name of its own: peers/openai.py must not stand before the package it imports.
    spec = importlib.util.spec_from_file_location(f"peer_{name}", PEERS / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} is no file in {PEERS}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _version(requirement: str) -> str:
    return importlib.metadata.version(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main()
