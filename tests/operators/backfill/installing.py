"""The command, for an environment that was made before there was one."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from pathlib import Path

ENTRY = "[airquery.commands]\nbackfill = airquery_airflow.backfill.command:backfill\n"


def install(folder: Path) -> Path:
    """Make a package in a folder that names the command; return the folder."""
    information = folder / "airquery_backfill-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: airquery-backfill\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRY)
    return folder
