"""What endpoints, rows and DAGs say is text on every page of ours, whatever it looks like."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.endpoints import PAYLOADS
from tests.browser.runs import trigger, until


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.browser.installation import Installation
    from tests.browser.window import Window

DAG = "hostile"
# What an attack leaves behind, and what only markup that was let in can make.
SIGNS = """() => ({
  ran: window.__pwned ?? null,
  made: document.querySelectorAll("img, iframe, object, embed, svg[onload], [onerror], a[href^=javascript]").length,
  scripts: [...document.scripts].filter(one => !one.nonce).length,
})"""
CLEAN = {"ran": None, "made": 0, "scripts": 0}
NAME = '<img src=x onerror="window.__pwned = 1; alert(1)">'


@pytest.fixture(scope="module")
def attacked(airflow: Installation) -> str:
    """Return a run whose texts are all attacks."""
    run_id = trigger(airflow, DAG)
    assert until(airflow, DAG, run_id, "success", "failed") == "success"
    return run_id


@pytest.fixture
def quiet(admin: Window) -> Iterator[Window]:
    """Give the window; nothing may have run in it, and the browser may not have stopped anything."""
    said, dialogs = len(admin.said), len(admin.dialogs)
    yield admin
    assert admin.page.evaluate(SIGNS) == CLEAN
    assert admin.dialogs[dialogs:] == []
    # That there is no such page is said on it.
    assert [one for one in admin.said[said:] if "status of 404" not in one] == []


def visible(window: Window) -> str:
    """Return what a reader sees, with closed parts opened."""
    window.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    return str(window.page.locator("body").inner_text())


@pytest.mark.parametrize("query", ["", "?task_id=infer&map_index={MAP_INDEX}"])
def test_the_report_of_a_run_shows_attacks_as_text(
    quiet: Window, attacked: str, pictures: Path, query: str
) -> None:
    quiet.open(f"/airquery/runs/{DAG}/{quote(attacked, safe='')}{query}")

    text = visible(quiet)
    quiet.page.screenshot(path=pictures / "hostile-report.png", full_page=True)
    # The endpoint's message, as the row's error and in the table of errors.
    for payload in PAYLOADS:
        assert payload in text
    assert NAME in text


def test_the_exported_report_shows_attacks_as_text(
    quiet: Window, attacked: str, tmp_path: Path
) -> None:
    quiet.open(f"/airquery/runs/{DAG}/{quote(attacked, safe='')}")
    with quiet.page.expect_download() as kept:
        quiet.page.locator("a[href*='.html']").click()
    file = tmp_path / "report.html"
    kept.value.save_as(file)
    quiet.page.goto(file.as_uri())

    text = visible(quiet)
    for payload in PAYLOADS:
        assert payload in text


def test_the_playground_shows_an_attack_as_text(quiet: Window, pictures: Path) -> None:
    for prompt, ended in (("Say it.", "stop"), ("refuse this", "HTTP 400")):
        quiet.open("/airquery/playground")
        page = quiet.page
        page.get_by_label("hostile-llm").check()
        page.locator("textarea[name=system]").fill(" ".join(PAYLOADS))
        page.locator("textarea[name=prompt]").fill(f"{prompt} {NAME}")
        page.locator("input[name=max_tokens]").fill("60")
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.get_by_role("heading", name="Answers")).to_be_visible()

        text = visible(quiet)
        answer = page.get_by_role("article").inner_text()
        page.screenshot(path=pictures / "hostile-playground.png")
        assert ended in answer
        for payload in PAYLOADS:
            assert payload in answer
        assert NAME in text
        # The form has it again, as it was written.
        assert page.locator("textarea[name=prompt]").input_value() == f"{prompt} {NAME}"
        assert page.locator("textarea[name=system]").input_value() == " ".join(PAYLOADS)


def test_the_page_of_an_endpoint_shows_an_attack_as_text(quiet: Window, pictures: Path) -> None:
    for content in ("Say it.", f"refuse this {NAME}"):
        quiet.open("/airquery/endpoints/hostile-llm")
        body = {"model": "hostile", "messages": [{"role": "user", "content": content}]}
        quiet.page.get_by_label("Body", exact=False).fill(json.dumps(body))
        quiet.page.get_by_role("button", name="Send", exact=True).click()
        expect(quiet.page.get_by_role("heading", name="Reply")).to_be_visible()

        quiet.page.screenshot(path=pictures / "hostile-endpoint.png", full_page=True)
        text = visible(quiet)
        assert "<script>window.__pwned = 1; alert(1)</script>" in text
        assert "{{7*7}}" in text


@pytest.mark.parametrize("address", ["usage", "endpoints", "endpoints?check=yes"])
def test_other_pages_run_nothing_either(quiet: Window, attacked: str, address: str) -> None:
    assert attacked
    quiet.open(f"/airquery/{address}")

    assert "hostile" in visible(quiet)


@pytest.mark.parametrize(
    "address", [f"runs/{DAG}/%3Cscript%3Ealert(1)%3C%2Fscript%3E", "endpoints/%3Cimg%20src%3Dx%3E"]
)
def test_an_address_that_is_an_attack_is_told_as_text(quiet: Window, address: str) -> None:
    quiet.open(f"/airquery/{address}")

    text = visible(quiet)
    assert "<script>alert(1)</script>" in text or "<img src=x>" in text
