"""Which process holds a claim, and whether it lives, as far as this machine can know.

Several machines may have one name, and a container counts processes for itself: a process is
looked for only where its number means the same.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from uuid import uuid4


_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NUMBERS = Path("/proc/self/ns/pid")


def new_owner() -> str:
    """Name this process, for one journal that it opened."""
    return f"{_here()} {os.getpid()} {uuid4().hex}"


def is_alive(owner: str) -> bool:
    """Tell whether an owner's process lives; that of another machine is taken to."""
    where, pid, _ = owner.split(" ")
    if where != _here():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def place_of(owner: str) -> tuple[str, int]:
    """Return the host's name and the number of an owner's process."""
    where, pid, _ = owner.split(" ")
    return where.partition("/")[0], int(pid)


def _here() -> str:
    """Name the machine's run, and the room in it where processes have their numbers."""
    parts = [socket.gethostname()]
    # Only Linux says these, and only there do containers share a machine.
    with suppress(OSError):
        parts += [_BOOT.read_text(encoding="ascii").strip(), str(_NUMBERS.readlink())]
    return "/".join(parts)
