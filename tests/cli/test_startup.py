"""What a command does not need is not loaded: each of these costs a tenth of a second or more."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from pathlib import Path


ASKS = ("aiohttp", "asyncio", "certifi", "json_repair", "jsonschema_rs")
PARSES = ("yaml", "pydantic_settings", "httpx")
# Not pandas: DuckDB 1.5 loads it by itself where it is installed.
HEAVY = ("airflow", "deltalake", "great_expectations", "jinja2")
SHOWS = ("rich",)
SQL = ("duckdb", "numpy", "pyarrow", "sqlglot")
LOADED = """
import json, sys
from airquery.cli import main
asked = json.loads(sys.argv.pop(1))
try:
    main()
except SystemExit as ended:
    print(json.dumps({"code": ended.code, "loaded": [one for one in asked if one in sys.modules]}))
"""


def loaded_by(home: Path, modules: tuple[str, ...], *line: str) -> list[str]:
    """Run a command line in a process of its own, and name those of `modules` that it loads."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps(modules), *line],
        env={"PYTHONPATH": ":".join(sys.path), "HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    ended = json.loads(done.stdout.splitlines()[-1])
    assert ended["code"] in {0, None}
    loaded: list[str] = ended["loaded"]
    return loaded


def test_a_statement_that_asks_nobody_loads_nothing_that_asks(tmp_path: Path) -> None:
    looked_for = ASKS + PARSES + HEAVY + SHOWS + ("sqlglot",)

    assert loaded_by(tmp_path, looked_for, "sql", "-q", "--output", "csv", "SELECT 1") == []


def test_a_table_is_drawn_with_rich_alone(tmp_path: Path) -> None:
    looked_for = ASKS + PARSES + HEAVY + SHOWS + ("sqlglot",)

    assert loaded_by(tmp_path, looked_for, "sql", "-q", "SELECT 1") == ["rich"]


@pytest.mark.parametrize("line", [["--help"], ["sql", "--help"], ["--version"]])
def test_help_loads_no_engine(tmp_path: Path, line: list[str]) -> None:
    assert loaded_by(tmp_path, ASKS + PARSES + HEAVY + SHOWS + SQL, *line) == []
