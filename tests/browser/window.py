"""One user's window in a real Chromium, which remembers what its pages asked for and said."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, FrameLocator, Page, expect, sync_playwright

from tests.operators.backfill.airflow_server import PASSWORD


if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import ConsoleMessage, Dialog

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "These tests need Chromium, and none of {names} is on the PATH. Install it: apt-get install "
    "chromium (Debian, Ubuntu)."
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A page of Airflow is a megabyte of scripts, on a machine that also runs Airflow.
WITHIN_MS = 60_000
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


class Window:
    """A window; `asked` are the addresses its pages asked for, `said` what its console said."""

    def __init__(self, chromium: Browser, url: str) -> None:
        self._url = url
        self._context = chromium.new_context(viewport=DESK, reduced_motion="reduce")
        self._context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
        self._context.set_default_timeout(WITHIN_MS)
        expect.set_options(timeout=WITHIN_MS)
        self.page: Page = self._context.new_page()
        self.asked: list[str] = []
        self.said: list[str] = []
        self.dialogs: list[str] = []
        self._context.on("request", lambda request: self.asked.append(request.url))
        self._context.on("console", self._hear)
        self._context.on("weberror", lambda error: self.said.append(str(error.error)))
        self._context.on("dialog", self._close)

    def log_in(self, username: str) -> None:
        """Log in as this user."""
        self.open("/")
        self.page.locator("input[name=username]").fill(username)
        self.page.locator("input[name=password]").fill(PASSWORD)
        self.page.locator("button[type=submit]").click()
        expect(self.page.get_by_text("Dags", exact=True).first).to_be_visible(timeout=WITHIN_MS)

    def open(self, path: str) -> None:
        """Go to a page of this Airflow."""
        self.page.goto(self._url + path)

    def frame(self) -> FrameLocator:
        """Return our page where Airflow shows it."""
        return self.page.frame_locator("iframe")

    def hosts(self) -> set[str]:
        """Return whom its pages talked to; what a page makes itself, or a file, is nobody."""
        parts = [urlsplit(address) for address in self.asked]
        return {part.netloc for part in parts if part.scheme not in {"data", "blob", "file"}}

    def complaints(self) -> list[str]:
        """Return what the browser said of pages of ours, but of the frame that Airflow puts them in."""
        ours = [one for one in self.said if "/airquery/" in one]
        return [one for one in ours if not one.startswith("An iframe which has both")]

    def close(self) -> None:
        """Close it."""
        self._context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.said.append(f"{message.text} ({message.location.get('url', '')})")

    def _close(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the machine's Chromium."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise FileNotFoundError(MISSING.format(names=", ".join(NAMES)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


def figures(page: Page | FrameLocator) -> dict[str, str]:
    """Return the figures at the head of a page of ours, by their labels."""
    shown = page.locator(".figures").first.locator("div").all()
    return {one.locator("dt").inner_text(): one.locator("dd").inner_text() for one in shown}


def measures(page: Page) -> dict[str, Any]:
    """Return how long a page took to load, and how many bytes came for it."""
    found: dict[str, Any] = page.evaluate(
        """() => {
          const [navigation] = performance.getEntriesByType("navigation");
          const parts = performance.getEntriesByType("resource");
          return {
            load_ms: Math.round(navigation.loadEventEnd),
            response_ms: Math.round(navigation.responseEnd),
            bytes: [navigation, ...parts].reduce((sum, one) => sum + one.transferSize, 0),
            requests: 1 + parts.length,
          };
        }"""
    )
    return found
