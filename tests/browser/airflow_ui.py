"""What people do in Airflow's own pages with a DAG of ours: they trigger it, and watch it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect


if TYPE_CHECKING:
    from tests.browser.window import Window

DAG = "/dags/product_reviews"


def test_the_trigger_form_tells_what_each_parameter_is(admin: Window) -> None:
    admin.open(DAG)
    admin.page.get_by_role("button", name="Trigger").first.click()
    form = admin.page.get_by_role("dialog")
    for title, description in (
        ("Day", "The day whose reviews are worked on; without it, the day of the run."),
        ("Chat endpoint", "An endpoint of the endpoint file, or an Airflow connection."),
        ("Baseline endpoint", "A custom endpoint that returns compound and sentiment."),
    ):
        expect(form.get_by_text(title).first).to_be_visible()
        expect(form.get_by_text(description)).to_be_visible()
    admin.screenshot("trigger-form")
