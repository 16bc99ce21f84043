"""One Airflow and one Chromium for all of these tests, with a window for each kind of user."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.installation import installation
from tests.browser.window import Window, chromium


if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.browser.installation import Installation
    from tests.postgres_server import PostgresServer

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "screenshots"
MEASURED = ROOT / "build" / "browser.json"
# The two that the README shows.
KEPT = {
    "run-report-in-airflow.png": "run-report.png",
    "playground-in-airflow.png": "playground.png",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make test-browser ARGS=--keep` says."""
    parser.addoption("--keep", action="store_true", help="write the pictures of docs/images")


@pytest.fixture(scope="session")
def airflow(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("browser")
    with installation(folder, postgres) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def admin(browser: Browser, airflow: Installation) -> Iterator[Window]:
    """Return the window of somebody who may do everything."""
    yield from _window(browser, airflow, "admin")


@pytest.fixture(scope="session")
def viewer(browser: Browser, airflow: Installation) -> Iterator[Window]:
    """Return the window of somebody who may only look."""
    yield from _window(browser, airflow, "viewer")


@pytest.fixture(scope="session")
def stranger(browser: Browser, airflow: Installation) -> Iterator[Window]:
    """Return the window of somebody who is not logged in."""
    yield from _window(browser, airflow, None)


def _window(browser: Browser, airflow: Installation, username: str | None) -> Iterator[Window]:
    window = Window(browser, airflow.airflow.url)
    if username is not None:
        window.log_in(username)
    yield window
    window.close()


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Return the folder of the pictures; those of the README are kept if that was asked for."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    yield PICTURES
    if request.config.getoption("--keep"):
        (ROOT / "docs" / "images").mkdir(exist_ok=True)
        for taken, kept in KEPT.items():
            shutil.copy(PICTURES / taken, ROOT / "docs" / "images" / kept)


@pytest.fixture(scope="session")
def measured(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Collect what pages took, by their names; it is written and printed at the end."""
    found: dict[str, Any] = {}
    yield found
    MEASURED.parent.mkdir(exist_ok=True)
    MEASURED.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    reporter.write_line("")
    for name, one in found.items():
        size = f"{one['bytes'] / 1000:.0f} kB in {one['requests']} requests"
        reporter.write_line(f"{name}: {one['load_ms']} ms, {size}")
