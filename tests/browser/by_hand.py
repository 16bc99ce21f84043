"""What a person asks by hand: in the playground, on the page of an endpoint, in a connection's form."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import duckdb
import pytest
from playwright.sync_api import expect

import airquery
from airquery.testing.answers import MODEL
from tests.browser.endpoints import ANSWERS, KEY, WRONG_KEY


if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator, Locator

    from tests.browser.installation import Installation
    from tests.browser.window import Window

PROMPT = "What did the customer think?"
TABLE = "test.reviews"
REVIEWS = ("Easy to use.", "It broke at once.", "It looks nice.")


def playground(window: Window) -> FrameLocator:
    """Open the playground where Airflow shows it."""
    window.open("/plugin/airquery-playground")
    frame = window.frame()
    expect(frame.get_by_role("heading", name="AI playground")).to_be_visible()
    return frame


def connection_form(window: Window, button: str) -> Locator:
    """Open the form of a connection."""
    window.open("/connections")
    window.page.get_by_role("button", name=button).first.click()
    return window.page.locator("[role=dialog][data-state=open]")


def press_test(window: Window) -> str:
    """Press the button that tests the only connection; return what it said."""
    window.page.get_by_role("button", name="Test Connection").first.click()
    said = window.page.get_by_text("reachable in").or_(window.page.get_by_text("answered with"))
    expect(said.first).to_be_visible()
    return str(said.first.inner_text())


@pytest.fixture(scope="module")
def table(airflow: Installation) -> str:
    """Put three reviews into the warehouse."""
    warehouse = airquery.Warehouse(Path(airflow.settings["AIRQUERY_WAREHOUSE"]))
    with duckdb.connect() as con:
        con.execute("CREATE TABLE reviews AS SELECT unnest(?) AS review", [REVIEWS])
        rows = con.sql("SELECT row_number() OVER () AS n, review FROM reviews")
        warehouse.publish(TABLE, rows, partition="2026-10-01", run_number=1)
    return TABLE


def test_two_endpoints_answer_side_by_side_and_the_copied_sql_asks_nothing_again(
    admin: Window, airflow: Installation, pictures: Path
) -> None:
    frame = playground(admin)
    frame.get_by_label("reviews-llm").check()
    frame.get_by_label("large-llm").check()
    frame.get_by_label("Prompt", exact=False).last.fill(PROMPT)
    frame.get_by_label("max_tokens").fill("60")
    frame.get_by_role("button", name="Ask", exact=True).click()
    expect(frame.get_by_role("heading", name="Answers")).to_be_visible()

    admin.page.screenshot(path=pictures / "playground-answers.png")
    cards = {card.locator("h3").inner_text(): card for card in frame.get_by_role("article").all()}
    shown = {name.partition(" ")[2]: card.inner_text() for name, card in cards.items()}
    assert shown.keys() == ANSWERS.keys()
    for model, text in shown.items():
        assert ANSWERS[model] in text
        assert f"tokens · stop · {model}" in text
        assert "1 sent, 0 from the journal; paid: 5 + " in text
        assert text.count(" EUR.") == 1
    tops = {card.evaluate("one => one.getBoundingClientRect().top") for card in cards.values()}
    assert len(tops) == 1

    large = cards["large-llm large-2"]
    large.locator("summary").click()
    large.get_by_role("button", name="Copy").first.click()
    expect(large.get_by_role("button", name="Copied")).to_be_visible()
    sql = str(admin.page.evaluate("navigator.clipboard.readText()"))
    before = airflow.server.count
    done = subprocess.run(
        [sys.executable, "-m", "airquery.cli", "sql", sql, "--output", "json"],
        env={**os.environ, **airflow.settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ANSWERS["large-2"] in done.stdout
    assert airflow.server.count == before


def test_rows_of_a_table_are_planned_before_they_are_asked(
    admin: Window, airflow: Installation, table: str
) -> None:
    frame = playground(admin)
    frame.get_by_label("reviews-llm").check()
    frame.get_by_label("Prompt", exact=False).last.fill("Sum up: {review}")
    frame.get_by_label("max_tokens").fill("60")
    frame.get_by_label("Table", exact=True).fill(table)
    before = airflow.server.count
    frame.get_by_role("button", name="Plan only").click()
    expect(frame.get_by_role("heading", name="What would be asked")).to_be_visible()
    planned = frame.get_by_role("article").inner_text()
    assert airflow.server.count == before
    assert "To send\n3" in planned
    assert "EUR" in planned

    frame.get_by_role("button", name="Send these requests").click()
    expect(frame.get_by_role("heading", name="Answers")).to_be_visible()

    rows = frame.get_by_role("article").locator("tbody tr").all_inner_texts()
    assert airflow.server.count == before + 3
    assert sorted(row.split("\t")[0] for row in rows) == sorted(REVIEWS)
    assert all(ANSWERS["small-1"] in row for row in rows)


def test_one_body_is_sent_to_an_endpoint_and_its_reply_shown(
    admin: Window, airflow: Installation, pictures: Path
) -> None:
    admin.open("/plugin/airquery-endpoints")
    frame = admin.frame()
    frame.get_by_role("link", name="large-llm").click()
    body = {
        "model": "large-2",
        "messages": [{"role": "user", "content": "By hand."}],
        "max_tokens": 40,
    }
    frame.get_by_label("Body", exact=False).fill(json.dumps(body))
    before = airflow.server.count
    frame.get_by_role("button", name="Send", exact=True).click()
    expect(frame.get_by_role("heading", name="Reply")).to_be_visible()

    admin.page.screenshot(path=pictures / "endpoint-in-airflow.png")
    text = frame.locator("body").inner_text()
    assert airflow.server.count == before + 1
    assert "HTTP 200 in " in text
    assert ANSWERS["large-2"] in text
    assert KEY not in admin.page.content() + str(frame.locator("html").inner_html())


def test_a_connection_is_made_in_the_form_and_its_test_says_what_is_there(
    admin: Window, airflow: Installation, pictures: Path
) -> None:
    form = connection_form(admin, "Add Connection")
    form.locator("input[name=connection_id]").fill("shop-llm")
    form.get_by_role("combobox").first.click()
    admin.page.keyboard.type("airquery")
    admin.page.keyboard.press("Enter")
    form.locator("input[name=host]").fill(f"{airflow.server.url}/v1")
    form.locator("input[name=password]").fill(KEY)
    # Without a port Airflow's own check refuses to test.
    form.locator("input[name=port]").fill(str(urlsplit(airflow.server.url).port))
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    form.locator("input[name=element_model]").fill(MODEL)
    admin.page.screenshot(path=pictures / "connection-form.png")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)

    said = press_test(admin)

    admin.page.screenshot(path=pictures / "connection-tested.png")
    assert f"model {MODEL!r} is there, one of 1." in said


def test_the_test_of_a_connection_with_a_wrong_key_fails_without_showing_it(
    admin: Window, pictures: Path
) -> None:
    form = connection_form(admin, "Edit Connection")
    form.locator("input[name=password]").fill(WRONG_KEY)
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)

    said = press_test(admin)

    admin.page.screenshot(path=pictures / "connection-refused.png")
    assert "answered with HTTP 401 and said: authentication_error: The key is not known." in said
    assert "Check the endpoint's api_key" in said
    assert WRONG_KEY not in admin.page.content()
    assert KEY not in admin.page.content()
