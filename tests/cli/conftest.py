"""The command in this process, with a home, a folder and a file of endpoints of its own."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from airquery.cli import main
from airquery.connection import close_engines


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airquery.testing import EndpointServer

ROOT = Path(__file__).parents[2]
SHELL_COMMAND = [sys.executable, "-m", "airquery.cli"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Command(Protocol):
    """How a test runs `airquery ...`."""

    def __call__(self, *arguments: str | Path) -> Ended:
        """Run it to its end."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder, with a journal in it."""
    for name in [name for name in os.environ if name.startswith("AIRQUERY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AIRQUERY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    close_engines()


@pytest.fixture
def endpoints(folder: Path, server: EndpointServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Declare the endpoints `llm` and that of the opinions, both at the server."""
    file = folder / "endpoints.yaml"
    declare(file, server, "llm", "databricks-meta-llama-3-3-70b-instruct")
    monkeypatch.setenv("AIRQUERY_ENDPOINTS", str(file))
    return file


@pytest.fixture
def command(folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:  # noqa: ARG001
    """Return what runs the command in this process."""

    def run(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        code = ended.value.code
        out, err = capsys.readouterr()
        return Ended(code=code if isinstance(code, int) else 0, out=out, err=err)

    return run


def declare(file: Path, server: EndpointServer, *names: str, more: str = "") -> None:
    """Write a file of chat endpoints that all ask the server."""
    lines = [
        f"  {name}: {{task: chat, base_url: '{server.url}/v1', model: test-model{more}}}"
        for name in names
    ]
    file.write_text("\n".join(["endpoints:", *lines]) + "\n", encoding="utf-8")


def shell_environment(**more: str) -> dict[str, str]:
    """Return the environment of a command in a process of its own."""
    paths = [str(ROOT / layer) for layer in ("include", "operators", "sql")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*more.pop("path", "").split(), *paths]),
        **more,
    }
