"""The command in this process, and an API that plays Airflow's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from airquery.cli import main
from tests.operators.backfill.installing import install
from tests.operators.backfill.scripted_api import PASSWORD, ScriptedApi, scripted_api


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
    return install(tmp_path_factory.mktemp("installed"))


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
