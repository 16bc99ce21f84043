"""The command in this process, and an API that plays Airflow's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from airquery.cli import main
from tests.operators.backfill.scripted_api import PASSWORD, ScriptedApi, scripted_api


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENTRY = "[airquery.commands]\nbackfill = airquery_airflow.backfill.command:backfill\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Backfill(Protocol):
    """How a test runs `airquery backfill ...`."""

    def __call__(self, *arguments: str) -> Ended:
        """Run it to its end."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the command for an environment that was made before there was one."""
    folder = tmp_path_factory.mktemp("installed")
    information = folder / "airquery_backfill-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: airquery-backfill\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRY)
    return folder


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedApi]:
    """Serve a scripted API, which the environment names."""
    for name in [name for name in os.environ if name.startswith("AIRQUERY_AIRFLOW_")]:
        monkeypatch.delenv(name)
    with scripted_api() as api:
        monkeypatch.setenv("AIRQUERY_AIRFLOW_URL", api.url)
        yield api


@pytest.fixture
def backfill(
    installed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Backfill:
    """Return what runs the command for the first three days of November."""
    monkeypatch.syspath_prepend(installed)

    def run(*arguments: str) -> Ended:
        days = () if "--cancel" in arguments else ("--from", "2026-11-01", "--to", "2026-11-03")
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["backfill", "--dag", "daily", "--poll-s", "0.1", *days, *arguments])
        code = ended.value.code
        out, err = capsys.readouterr()
        assert PASSWORD not in out + err
        return Ended(code=code if isinstance(code, int) else 0, out=out, err=err)

    return run
