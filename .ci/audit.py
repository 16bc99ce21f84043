"""`make audit`: is a vulnerability known of what requirements.lock names?

pip-audit asks the OSV database, a package at a time, and installs nothing. Where the database cannot be
reached, that is said and the audit passes: it must not stop work without a network. A vulnerability
fails it, unless `.ci/accepted.toml` says why it does no harm, and until when.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


ROOT = Path(__file__).parents[1]
ACCEPTED = ROOT / ".ci" / "accepted.toml"
COMMAND = [
    *(sys.executable, "-m", "pip_audit", "--requirement", str(ROOT / "requirements.lock")),
    *("--disable-pip", "--no-deps", "--vulnerability-service", "osv"),
    *("--timeout", "10", "--progress-spinner", "off", "--format", "json"),
]
# Two hundred packages take half a minute at most; a network that swallows packets must not hold up anybody.
PATIENCE_S = 45.0
# What pip-audit and the client below it say where nobody answers.
_UNREACHED = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "SSLError")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A vulnerability that is known and does no harm here."""

    id: str
    reason: str
    until: dt.date


def accepted(text: str) -> list[Accepted]:
    """Read the list. Raises `ValueError` for an entry without a reason or a day."""
    found = []
    for entry in tomllib.loads(text).get("accepted", []):
        given = {name: entry.get(name) for name in ("id", "reason", "until")}
        if not (
            isinstance(given["id"], str)
            and isinstance(given["reason"], str)
            and given["reason"].strip()
            and type(given["until"]) is dt.date
        ):
            raise ValueError(f"{entry} wants an id, a reason and a day 'until'.")
        found.append(Accepted(**given))
    return found


def problems(report: dict[str, Any], known: list[Accepted], today: dt.date) -> list[str]:
    """Name each vulnerability of a report that is not accepted, or not any more."""
    held = {one.id for one in known if today <= one.until}
    return [
        f"{package['name']} {package['version']}: {found['id']}, mended in "
        f"{', '.join(found['fix_versions']) or 'no version yet'}"
        for package in report["dependencies"]
        for found in package.get("vulns", [])
        if not held & {found["id"], *found.get("aliases", [])}
    ]


def outcome(stdout: str, stderr: str, known: list[Accepted], today: dt.date) -> tuple[int, str]:
    """Return the exit code, and what to say, for what pip-audit said."""
    try:
        report = json.loads(stdout)
    except ValueError:
        last = (stderr.strip().splitlines() or ["it said nothing"])[-1][:200]
        unreached = any(word in stderr for word in _UNREACHED)
        return (0, _not_asked(last)) if unreached else (2, f"audit: pip-audit failed: {last}")
    found = problems(report, known, today)
    count = f"{len(report['dependencies'])} packages, {len(found)} known vulnerabilities"
    return (1 if found else 0), "\n".join(f"audit: {line}" for line in (*found, count))


def main() -> int:
    """Ask, say what was found, and return the exit code."""
    known = accepted(ACCEPTED.read_text(encoding="utf-8"))
    try:
        asked = subprocess.run(  # noqa: S603 - our own arguments, and no shell
            COMMAND, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        code, said = 0, _not_asked(f"no answer within {PATIENCE_S:g} s")
    else:
        today = dt.datetime.now(tz=dt.UTC).date()
        code, said = outcome(asked.stdout, asked.stderr, known, today)
    print(said, file=sys.stderr if code else sys.stdout)
    return code


def _not_asked(why: str) -> str:
    return f"audit: not done, the database of vulnerabilities cannot be reached ({why})"


if __name__ == "__main__":
    sys.exit(main())
