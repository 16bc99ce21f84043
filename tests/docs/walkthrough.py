"""Run the commands of a page in one shell, in the order they stand, and compare what they print.

A block of `text` after a block of `bash` holds what must be printed: each line is part of a line,
in that order. `<!-- minutes -->` before a block marks what `make test` leaves out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BLOCK = re.compile(
    r"(?P<minutes><!-- minutes -->\n)?```bash\n(?P<commands>.*?)```(?:\n+```text\n(?P<expected>.*?)```)?",
    re.DOTALL,
)
COMMANDS = Path(__file__).with_name("commands.py")
MARK = "\x1e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Commands, what they print, and whether they take minutes."""

    commands: str
    expected: tuple[str, ...]
    minutes: bool


def blocks(page: Path) -> list[Block]:
    """Return the commands of a page in their order."""
    return [
        Block(
            commands=found["commands"],
            expected=tuple((found["expected"] or "").splitlines()),
            minutes=found["minutes"] is not None,
        )
        for found in BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


def bare() -> dict[str, str]:
    """Return this environment without what is said to Airflow, airquery, make or Python in it."""
    said = ("AIR", "ARGS", "MAKE", "MFLAGS", "PYTHONPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(said)}


@contextmanager
def quick_commands(folder: Path) -> Iterator[dict[str, str]]:
    """Yield an environment whose `airquery` has its imports done: see `commands.py`.

    The folder is new, and its path short: a socket's name has room for about a hundred letters.
    """
    socket, programs = folder / "socket", folder / "bin"
    programs.mkdir()
    asking = f'exec {sys.executable} -SE {COMMANDS} {socket} ask "$@"'
    (programs / "airquery").write_text(f"#!/bin/sh\n{asking}\n", encoding="utf-8")
    (programs / "airquery").chmod(0o755)
    environ = bare()
    serving = subprocess.Popen(
        [sys.executable, COMMANDS, socket], stdout=subprocess.PIPE, env=environ
    )
    with serving:
        try:
            assert serving.stdout is not None
            assert serving.stdout.readline() == b"ready\n"
            yield environ | {"PATH": f"{programs}{os.pathsep}{environ['PATH']}"}
        finally:
            serving.kill()


def run(
    steps: Sequence[Block], folder: Path, environ: Mapping[str, str], within_s: float
) -> list[str]:
    """Run blocks in one shell; return what each printed.

    Raises `AssertionError` with what was printed if one is not as said.
    """
    program = "".join(f"printf '{MARK}'\n{step.commands}" for step in steps)
    # Jobs in groups of their own, as in a terminal: they can be interrupted, and are ended here.
    script = f"set -meuo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n{program}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=within_s,
        check=False,
    )
    printed = done.stdout.split(MARK)[1:]
    for step, said in zip(steps, printed, strict=False):
        lines = iter(said.splitlines())
        missing = [wanted for wanted in step.expected if not any(wanted in line for line in lines)]
        assert not missing, f"{step.commands}\nprinted\n{said}\nand not {missing}"
    assert (done.returncode, len(printed)) == (0, len(steps)), done.stdout
    return printed
