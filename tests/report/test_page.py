"""One page: everything that was given stands on it, escaped, and nothing is fetched for it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from airquery.report import Bar, Bars, Column, Latencies, Page, Table, render, write_page


if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = (
    """</td></table><script>alert(1)</script>'" onload="x" <img src=//evil.example>{{ 7 * 7 }}"""
)
VOID = {"meta", "circle", "line"}


class Parsed(HTMLParser):
    """The elements of a page, which must be closed in the order they were opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style" and data.strip():
            self.texts.append(data.strip())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(text: str = "text", **overrides: object) -> Page:
    fields: dict[str, object] = {
        "title": text,
        "lead": [text],
        "sections": [
            Table(
                caption=text,
                columns=[Column(name=text), Column(name="count", numeric=True)],
                rows=[[text, 12345], [None, "55 %"]],
                note=text,
            ),
            Bars(caption="shares", bars=[Bar(label=text, share=0.5, text=text)], note=text),
            Latencies(caption="times", seconds={text: [0.1, 2.0]}, note=text),
        ],
        "notes": [text],
        "attributions": [text],
    }
    return Page(**{**fields, **overrides})  # type: ignore[arg-type]


def test_everything_that_was_given_stands_on_the_page() -> None:
    texts = Parsed(render(page("words"))).texts

    assert texts.count("words") == 14
    assert "12,345" in texts
    assert "55 %" in texts
    assert "none" in texts


def test_what_a_model_wrote_is_text_wherever_it_stands() -> None:
    hostile, harmless = Parsed(render(page(HOSTILE))), Parsed(render(page()))

    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in harmless.elements]
    assert hostile.texts.count(HOSTILE) == 13
    assert not [
        name for _, attributes in hostile.elements for name in attributes if name == "onload"
    ]


def test_the_page_refers_to_nothing_outside_of_itself() -> None:
    text = render(page())
    parsed = Parsed(text)

    assert {tag for tag, _ in parsed.elements}.isdisjoint({"script", "link", "img", "iframe", "a"})
    assert not re.search(r"url\(|@import|https?:|//", text.replace("<!doctype html>", ""))


def test_tables_have_heads_and_the_plot_has_words_for_who_does_not_see_it() -> None:
    parsed = Parsed(render(page()))

    assert [head["scope"] for head in parsed.named("th")] == ["col", "col"]
    (plot,) = [one for one in parsed.named("svg") if "role" in one]
    identifiers = {attributes.get("id") for _, attributes in parsed.elements}
    assert plot["role"] == "img"
    assert set((plot["aria-labelledby"] or "").split()) <= identifiers
    assert "text: 2 answers, median 1.1 s, slowest 2 s." in parsed.texts
    assert parsed.named("html") == [{"lang": "en"}]


def test_a_table_without_rows_says_so() -> None:
    empty = Table(caption="quarantine", columns=[Column(name="review")], rows=[])

    assert "no rows" in Parsed(render(page(sections=[empty]))).texts


def test_what_is_not_given_leaves_no_empty_part() -> None:
    parsed = Parsed(render(Page(title="t", lead=[], sections=[])))

    assert parsed.texts == ["t", "t"]
    assert {tag for tag, _ in parsed.elements}.isdisjoint({"section", "footer", "ul"})


@pytest.mark.parametrize(
    ("share", "length"),
    [(0.0, "0.0"), (0.256, "25.6"), (1.0, "100.0"), (7.0, "100.0"), (-1.0, "0.0")],
)
def test_a_bar_is_as_long_as_its_share_and_never_leaves_its_track(
    share: float, length: str
) -> None:
    bars = Bars(caption="shares", bars=[Bar(label="a", share=share, text="words")])

    (bar,) = Parsed(render(page(sections=[bars]))).named("rect")
    assert bar["width"] == length


def test_a_written_page_replaces_an_older_one_and_keeps_every_letter(tmp_path: Path) -> None:
    file = tmp_path / "build" / "report.html"
    write_page(page("older"), file)
    write_page(page("größer 日本語"), file)

    assert "größer 日本語" in Parsed(file.read_text(encoding="utf-8")).texts
    assert "older" not in file.read_text(encoding="utf-8")
