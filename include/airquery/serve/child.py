"""A model's process: started by its path, without our secrets, and ended without asking.

The program ends when its stdin does, so it never outlives the server, however that ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from contextlib import suppress
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path


# A line from a child may hold the answers to a whole batch.
_LONGEST_LINE = 256 * 1024 * 1024


async def start(program: Path) -> Process:
    """Start a program of this package with pipes to its stdin and from its stdout."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        str(program),
        stdin=PIPE,
        stdout=PIPE,
        limit=_LONGEST_LINE,
        env=_environment(),
        # Ctrl-C in a terminal is for the parent, which then ends the child.
        process_group=0,
    )


async def end(process: Process) -> None:
    """End a child; what it works on is lost."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def converse(process: Process, line: bytes) -> bytes:
    """Write one line and return the one that answers it; without a line end, the child has died."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("A child process was started without its pipes.")
    process.stdin.write(line)
    with suppress(ConnectionError):
        await process.stdin.drain()
    return await process.stdout.readline()


def _environment() -> dict[str, str]:
    """Return what a model's process finds in its environment: nothing of ours, such as the token."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRQUERY_")}
    return {"OMP_WAIT_POLICY": "passive", **kept}
