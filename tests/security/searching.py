"""Find a secret in whatever was said or written, in any form that a reader could undo."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import psutil

from airquery.journal.sqlite_store import SqliteJournal


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def forms(secret: str) -> dict[str, str]:
    """Return every form of a secret by its name."""
    once = json.dumps(secret)[1:-1]
    found = {
        "raw": secret,
        "url": quote(secret, safe=""),
        "url in lower case": quote(secret, safe="").lower().replace(secret.lower(), secret),
        "form": quote_plus(secret),
        "json": once,
        "json in json": json.dumps(once)[1:-1],
        "json of php": once.replace("/", "\\/"),
        "html": html.escape(secret),
    }
    for before in range(3):
        # What stands beside it never reaches the third character from its edges.
        whole = base64.b64encode(b"x" * before + secret.encode() + b"yyy").decode()
        part = whole[before and before + 1 : (before + len(secret)) * 8 // 6]
        found[f"base64 at {before}"] = part
        found[f"url-safe base64 at {before}"] = part.replace("+", "-").replace("/", "_")
    return found


def found_in(said: Mapping[str, bytes | str], secrets: Iterable[str]) -> list[str]:
    """Say which secret stands where, in which form: an empty list is what a test wants."""
    return [
        f"{secret!r} as {form} in {place}"
        for place, text in said.items()
        for secret in secrets
        for form, written in forms(secret).items()
        if written.encode() in (text if isinstance(text, bytes) else text.encode())
    ]


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file, and the decompressed replies of every journal."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert paths
    found = {str(path): path.read_bytes() for path in paths}
    for path in paths:
        if path.name == "journal.db":
            journal = SqliteJournal(path)
            for record in journal.records():
                found[f"{path}: {record.key.hex()}"] = repr(record).encode() + record.body
            journal.close()
    return found


def command_lines() -> dict[str, str]:
    """Return what every user of this machine can read of its processes."""
    found: dict[str, str] = {}
    for process in psutil.process_iter():
        try:
            found[f"the command line of {process.pid}"] = " ".join(process.cmdline())
        except psutil.Error:
            # It has ended meanwhile.
            continue
    return found
