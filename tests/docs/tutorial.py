"""`make test-tutorial`: clone the repository, type the whole tutorial, and say how long it took.

Minutes, because it installs everything and starts an Airflow. `--write` puts the time into the page.
What `airquery init` makes is also checked by ruff and mypy --strict.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.docs import walkthrough


ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
WITHIN_S = 3_600
MEASURED = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->)", re.DOTALL)


def main() -> None:
    """Run it, then check what was made."""
    with tempfile.TemporaryDirectory(prefix="airquery-tutorial-") as folder:
        clone = Path(folder) / "airquery"
        subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
        environ = walkthrough.bare() | {"HOME": folder}
        began = time.monotonic()
        walkthrough.run(walkthrough.blocks(clone / "docs/tutorial.md"), clone, environ, WITHIN_S)
        minutes = (time.monotonic() - began) / 60
        _check(clone, Path(folder) / "support")
    said = (
        f"All of it took {minutes:.0f} minutes, the installation included, on {os.cpu_count()} cores "
        f"({platform.machine()}, {datetime.now(UTC):%d %B %Y}; `make test-tutorial`)."
    )
    print(said)  # noqa: T201 - it is what the command is for
    if "--write" in sys.argv:
        text = TUTORIAL.read_text(encoding="utf-8")
        TUTORIAL.write_text(MEASURED.sub(rf"\g<1>{said}\n\g<2>", text), encoding="utf-8")


def _check(clone: Path, project: Path) -> None:
    """Hold what was made to the rules of this repository."""
    config = clone / "pyproject.toml"
    layers = os.pathsep.join(str(clone / layer) for layer in ("include", "operators", "sql"))
    files = ["dags/support_tickets.py", "tests/test_support_tickets.py"]
    for command in (
        ["ruff", "check", "--config", config, *files],
        ["ruff", "format", "--check", "--config", config, *files],
        ["mypy", "--strict", "--explicit-package-bases", *files],
    ):
        program = Path(sys.executable).with_name(str(command[0]))
        environ = {**os.environ, "MYPYPATH": layers}
        subprocess.run([program, *command[1:]], cwd=project, env=environ, check=True)


if __name__ == "__main__":
    main()
