"""What a person does first: log in, read the form, work on a day of reviews, and read the report of it.

In this order: each test goes on where the one before it ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.window import figures, measures


if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator

    from tests.browser.installation import Installation
    from tests.browser.window import Window

DAG = "product_reviews"
DAY = "2026-10-03"
TASKS = ("ingest", "prepare", "infer", "extract", "validate", "evaluate")
RUN_WITHIN_MS = 300_000


def form(admin: Window) -> Locator:
    """Open the form that triggers the DAG."""
    admin.open(f"/dags/{DAG}")
    admin.page.get_by_label("Trigger").first.click()
    dialog = admin.page.locator("[role=dialog][data-state=open]")
    expect(dialog).to_contain_text("Baseline endpoint")
    return dialog


def the_run(airflow: Installation) -> str:
    """Return the id of the run of the day; unpausing makes one of yesterday too."""
    runs = airflow.get(f"/dags/{DAG}/dagRuns")["dag_runs"]
    (found,) = [one["dag_run_id"] for one in runs if one["conf"].get("partition") == DAY]
    return str(found)


def path_of(airflow: Installation) -> str:
    """Return where Airflow shows the run."""
    return f"/dags/{DAG}/runs/{quote(the_run(airflow), safe='')}"


def number(text: str) -> float:
    """Read a figure."""
    return float(text.split(maxsplit=1)[0].replace(",", ""))


@pytest.fixture(scope="module")
def said(airflow: Installation) -> dict[str, dict[str, Any]]:
    """Return what each task said it did."""
    return {task: airflow.manifest(DAG, the_run(airflow), task) for task in TASKS}


def test_the_form_says_what_each_parameter_is(admin: Window, pictures: Path) -> None:
    dialog = form(admin)

    admin.page.screenshot(path=pictures / "trigger-form.png")
    text = dialog.inner_text()
    for title, description in (
        ("Day", "The day whose reviews are worked on; without it, the day of the run."),
        ("Chat endpoint", "An endpoint of the endpoint file, or an Airflow connection."),
        ("Baseline endpoint", "A custom endpoint that returns compound and sentiment."),
    ):
        assert f"\n{title}\n" in text
        assert description in text
    assert dialog.locator("input[name=element_llm]").input_value() == "reviews-llm"


def test_a_day_that_is_triggered_by_the_form_succeeds(
    admin: Window, airflow: Installation, pictures: Path
) -> None:
    dialog = form(admin)
    dialog.locator("input[name=element_partition]").fill(DAY)
    dialog.get_by_role("button", name="Trigger").last.click()
    expect(dialog).to_have_count(0)

    admin.page.wait_for_url("**/runs/**")
    # The run, and each of its tasks.
    expect(admin.page.get_by_text("Success", exact=True)).to_have_count(
        1 + len(TASKS), timeout=RUN_WITHIN_MS
    )

    admin.page.screenshot(path=pictures / "run-in-airflow.png")
    (state,) = {
        one["state"]
        for one in airflow.get(f"/dags/{DAG}/dagRuns/{quote(the_run(airflow))}/taskInstances")[
            "task_instances"
        ]
    }
    assert state == "success"


def test_the_report_has_the_figures_of_the_tasks_and_of_the_warehouse(
    admin: Window,
    airflow: Installation,
    said: dict[str, dict[str, Any]],
    pictures: Path,
    measured: dict[str, Any],
) -> None:
    admin.open(path_of(airflow))
    admin.page.get_by_role("link", name="Run report").click()
    frame = admin.frame()
    expect(frame.get_by_role("heading", name="Run report", exact=True)).to_be_visible()

    admin.page.screenshot(path=pictures / "run-report-in-airflow.png")
    found = figures(frame)
    infer, extract = said["infer"], said["extract"]
    assert number(found["Requests"]) == infer["requests_sent"] + infer["from_journal"]
    assert number(found["From the journal"]) == infer["from_journal"]
    assert number(found["Failed"]) == infer["failed"]
    assert number(found["Tokens"]) == infer["prompt_tokens"] + infer["completion_tokens"]
    assert number(found["Price"]) == pytest.approx(infer["price"], rel=0.01)
    text = frame.locator("body").inner_text()
    for task in TASKS:
        assert task in text
    (answers,) = airflow.rows(
        f"SELECT count(*), count(answer_error) FROM reviews.answers WHERE partition_key = '{DAY}'"
    )
    assert answers == (infer["rows"], infer["failed"])
    (quarantined,) = airflow.rows(
        f"SELECT count(*) FROM reviews.quarantine WHERE partition_key = '{DAY}'"
    )
    assert quarantined == (extract["quarantined"],)
    assert infer["failed"] == extract["quarantined"] > 0
    assert "This review is not for me." in text

    admin.open(f"/airquery/runs/{DAG}/{quote(the_run(airflow), safe='')}")
    admin.page.screenshot(path=pictures / "run-report.png", full_page=True)
    measured["run report"] = measures(admin.page)


def test_the_report_of_a_task_stands_at_the_task(
    admin: Window, airflow: Installation, said: dict[str, dict[str, Any]], pictures: Path
) -> None:
    admin.open(f"{path_of(airflow)}/tasks/infer")
    admin.page.get_by_role("link", name="Run report").click()
    frame = admin.frame()
    expect(frame.get_by_text("Task infer of run")).to_be_visible()

    admin.page.screenshot(path=pictures / "task-report-in-airflow.png")
    sent = f"{said['infer']['requests_sent']:,} sent"
    assert sent in frame.locator(".figures").first.inner_text()
    assert "evaluate" not in frame.locator("table").first.inner_text()


def test_the_usage_page_counts_the_run(
    admin: Window,
    said: dict[str, dict[str, Any]],
    pictures: Path,
    measured: dict[str, Any],
) -> None:
    admin.open("/plugin/airquery-usage")
    frame = admin.frame()
    expect(frame.get_by_role("heading", name="AI usage")).to_be_visible()

    admin.page.screenshot(path=pictures / "usage-in-airflow.png")
    found = figures(frame)
    assert number(found["Requests sent"]) >= said["infer"]["requests_sent"]
    assert DAG in frame.locator("body").inner_text()
    admin.open("/airquery/usage")
    admin.page.screenshot(path=pictures / "usage.png", full_page=True)
    measured["AI usage"] = measures(admin.page)


@pytest.mark.parametrize("kind", ["csv", "html"])
def test_reports_can_be_kept_as_files(admin: Window, airflow: Installation, kind: str) -> None:
    run = quote(the_run(airflow), safe="")
    for address in (f"/airquery/runs/{DAG}/{run}", "/airquery/usage"):
        admin.open(address)
        with admin.page.expect_download() as kept:
            admin.page.locator(f"a[href*='.{kind}']").click()

        text = kept.value.path().read_text(encoding="utf-8")
        assert text.startswith("<!doctype html>" if kind == "html" else ("dag_id", "day"))
        assert DAG in text


def test_no_page_asked_another_host_or_complained(admin: Window, airflow: Installation) -> None:
    assert admin.hosts() == {airflow.airflow.url.removeprefix("http://")}
    assert admin.dialogs == []
    assert admin.complaints() == []
