"""One Airflow and one Chromium for all files here, and a window for each user."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.installation import installation
from tests.browser.window import SCREENSHOTS, Window, chromium


if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.browser.installation import Installation
    from tests.postgres_server import PostgresServer

BUILD = Path(__file__).parents[2] / "build"


@pytest.fixture(scope="session")
def site(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("site"), postgres) as site:
        yield site


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def admin(browser: Browser, site: Installation) -> Iterator[Window]:
    """Log in as who may do everything. What this window saw is looked at when all is done."""
    window = Window(browser, site.airflow.url)
    window.log_in("admin")
    yield window
    window.close()


@pytest.fixture(scope="session")
def viewer(browser: Browser, site: Installation) -> Iterator[Window]:
    """Log in as who may look."""
    window = Window(browser, site.airflow.url)
    window.log_in("viewer")
    yield window
    window.close()


@pytest.fixture(scope="session")
def figures() -> Iterator[dict[str, Any]]:
    """Collect what is measured; at the end it is written and printed."""
    found: dict[str, Any] = {}
    yield found
    BUILD.mkdir(exist_ok=True)
    (BUILD / "browser.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
