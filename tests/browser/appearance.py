"""How our pages look and work for everybody: on a phone, in the dark, by keyboard, without colour.

They are opened by their own addresses, as Airflow's iframe does.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.window import DESK, PHONE, measures


if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.installation import Installation
    from tests.browser.window import Window

PAGES = {
    "run report": "/airquery/runs/product_reviews/{run}",
    "task report": "/airquery/runs/product_reviews/{run}?task_id=infer",
    "AI usage": "/airquery/usage",
    "AI playground": "/airquery/playground",
    "AI endpoints": "/airquery/endpoints",
    "endpoint": "/airquery/endpoints/reviews-llm",
}
MOST_BYTES = 200_000
NAMELESS = """() => [...document.querySelectorAll("input, select, textarea, button")]
  .filter(one => one.type !== "hidden")
  .filter(one => !(one.labels?.length || one.innerText || one.ariaLabel))
  .map(one => one.outerHTML)"""
LEVELS = """() => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
  .filter(one => !one.closest("details:not([open])"))
  .map(one => Number(one.tagName[1]))"""
OUTLINE = """() => {
  const style = getComputedStyle(document.activeElement);
  return [style.outlineStyle, parseFloat(style.outlineWidth)];
}"""
# By colour alone: what has the class of a state, and no word in it.
WORDLESS = """() => [...document.querySelectorAll(".good, .bad")]
  .filter(one => !/[\\w%]/.test(one.innerText)).map(one => one.outerHTML)"""


@pytest.fixture(scope="module")
def addresses(airflow: Installation) -> dict[str, str]:
    """Return where our pages are; the run is the last one that a person triggered."""
    runs = airflow.get("/dags/product_reviews/dagRuns?order_by=-run_after")["dag_runs"]
    run = next(one["dag_run_id"] for one in runs if one["run_type"] == "manual")
    return {name: path.format(run=quote(run, safe="")) for name, path in PAGES.items()}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_small_and_asks_for_nothing_else(
    admin: Window, addresses: dict[str, str], measured: dict[str, Any], name: str
) -> None:
    admin.open(addresses[name])

    measured[name] = measures(admin.page)
    assert measured[name]["bytes"] < MOST_BYTES
    assert measured[name]["requests"] == 1


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_wide_as_a_phone(
    admin: Window, addresses: dict[str, str], pictures: Path, name: str
) -> None:
    admin.page.set_viewport_size(PHONE)
    admin.open(addresses[name])

    wide = admin.page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
    admin.page.screenshot(path=pictures / f"{name}-phone.png".replace(" ", "-"), full_page=True)
    admin.page.set_viewport_size(DESK)
    assert wide[0] <= wide[1] == PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_colours_that_were_asked_for(
    admin: Window, addresses: dict[str, str], pictures: Path, name: str, scheme: Any
) -> None:
    admin.page.emulate_media(color_scheme=scheme)
    admin.open(addresses[name])

    paper = admin.page.evaluate("getComputedStyle(document.body).backgroundColor")
    file = pictures / f"{name}-{scheme}.png".replace(" ", "-")
    admin.page.screenshot(path=file, full_page=True)
    admin.page.emulate_media(color_scheme="light")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]
    assert struct.unpack(">I", file.read_bytes()[16:20]) == (DESK["width"],)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_and_used_without_seeing_it(
    admin: Window, addresses: dict[str, str], name: str
) -> None:
    admin.open(addresses[name])
    page = admin.page

    levels = page.evaluate(LEVELS)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(WORDLESS) == []
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("name", PAGES)
def test_what_has_the_focus_has_an_outline(
    admin: Window, addresses: dict[str, str], name: str
) -> None:
    admin.open(addresses[name])

    admin.page.keyboard.press("Tab")
    style, width = admin.page.evaluate(OUTLINE)
    assert (style, width) == ("solid", 2)


def test_two_endpoints_stand_beside_each_other(admin: Window, pictures: Path) -> None:
    admin.open("/plugin/airquery-playground")
    frame = admin.frame()
    for name in ("reviews-llm", "large-llm"):
        frame.get_by_role("checkbox", name=name).check()
    review = "Bought this player in May. Two hours of battery! The shop gave the money back."
    frame.get_by_label("Prompt", exact=False).nth(1).fill(f"Sum up in one sentence: {review}")
    frame.get_by_label("max_tokens").fill("40")
    frame.get_by_role("button", name="Ask", exact=True).click()
    cards = frame.locator("article.card")
    expect(cards).to_have_count(2)

    frame.get_by_role("heading", name="AI playground").scroll_into_view_if_needed()
    admin.page.screenshot(path=pictures / "playground-in-airflow.png")
    left, right = (one.bounding_box() for one in cards.all())
    assert left is not None
    assert right is not None
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] < right["x"]


def test_no_page_asked_another_host_or_complained(admin: Window, airflow: Installation) -> None:
    assert admin.hosts() == {airflow.airflow.url.removeprefix("http://")}
    assert admin.dialogs == []
    assert admin.complaints() == []
