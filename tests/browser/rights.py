"""Who may do what: a viewer looks but spends nothing, a stranger sees nothing, and a person approves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.runs import trigger, until


if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.installation import Installation
    from tests.browser.window import Window

DAG = "approved"
DAY = "2026-10-03"
REFUSED = "It is for those who may make connections"


@pytest.fixture(scope="module")
def waiting(airflow: Installation) -> str:
    """Return a run whose task asks whether it may spend so much."""
    run_id = trigger(airflow, DAG, logical_date=f"{DAY}T00:00:00Z")
    until(airflow, DAG, run_id, "awaiting_input", "deferred")
    return run_id


def test_what_is_too_dear_waits_until_a_person_approves_it(
    admin: Window, airflow: Installation, waiting: str, pictures: Path
) -> None:
    before = airflow.server.count
    admin.open("/required_actions")
    # Airflow's own list leads to the question.
    admin.page.get_by_role("link", name="May infer spend up to").first.click()
    approve = admin.page.get_by_role("button", name="Approve")
    expect(approve).to_be_visible()

    admin.page.screenshot(path=pictures / "approval.png")
    asked = admin.page.locator("body").inner_text()
    assert f"on test.approved [{DAY}]?" in asked
    assert "large-llm: 3 rows, 3 requests, 0 in the journal, 3 to send for " in asked
    assert "Rejected, nothing is sent." in asked
    assert airflow.server.count == before

    approve.click()
    ended = until(airflow, DAG, waiting, "success", "failed")
    assert ended == "success", airflow.airflow.log[-6000:]
    expect(admin.page.get_by_text("Response received at").first).to_be_visible()
    assert airflow.server.count == before + 3
    assert airflow.manifest(DAG, waiting, "infer")["requests_sent"] == 3


def test_a_viewer_reads_the_report_of_a_run(viewer: Window, waiting: str, pictures: Path) -> None:
    viewer.open(f"/dags/{DAG}/runs/{quote(waiting, safe='')}/plugin/airquery-run")
    frame = viewer.frame()
    expect(frame.get_by_role("heading", name="Run report", exact=True)).to_be_visible()

    viewer.page.screenshot(path=pictures / "viewer-run-report.png")
    assert "3 sent" in frame.locator(".figures").first.inner_text()


def test_a_viewer_is_told_why_there_is_no_playground(viewer: Window, pictures: Path) -> None:
    viewer.open("/plugin/airquery-playground")
    frame = viewer.frame()
    expect(frame.get_by_text(REFUSED)).to_be_visible()

    viewer.page.screenshot(path=pictures / "viewer-playground.png")
    assert frame.locator("form, input, button").count() == 0


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("playground", {"action": "ask", "endpoint": "large-llm", "prompt": "hello"}),
        ("endpoints/large-llm", {"action": "send", "body": json.dumps({"model": "large-2"})}),
        ("endpoints/large-llm", {"action": "test"}),
    ],
)
def test_what_a_viewer_sends_all_the_same_is_refused(
    viewer: Window, airflow: Installation, address: str, fields: dict[str, Any]
) -> None:
    before = airflow.server.count

    # With the cookie of the window; our pages themselves may not fetch anything.
    answer = viewer.page.request.post(
        f"{airflow.airflow.url}/airquery/{address}",
        form=fields,
        headers={"Origin": airflow.airflow.url},
    )

    assert (answer.status, REFUSED in answer.text()) == (403, True)
    assert airflow.server.count == before


@pytest.mark.parametrize(
    "address",
    [
        "runs/approved/{run}",
        "runs/approved/{run}.html",
        "runs/approved/{run}.csv",
        "usage",
        "usage.csv",
        "playground",
        "endpoints",
        "endpoints/large-llm",
    ],
)
def test_a_stranger_sees_nothing(
    stranger: Window, airflow: Installation, waiting: str, address: str
) -> None:
    answer = stranger.page.request.get(
        f"{airflow.airflow.url}/airquery/{address.format(run=quote(waiting, safe=''))}"
    )
    stranger.page.set_content(answer.text())

    assert answer.status == 401
    text = stranger.page.locator("body").inner_text()
    assert text.startswith("You are not logged in, or your session is over.")
    assert "large-llm" not in text
    assert "test.approved" not in text
