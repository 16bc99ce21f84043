from __future__ import annotations

from typing import Any

import pytest

from airquery.errors import ConfigurationError
from airquery.execute.paging import Paging, at, linked, with_parameter


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], None),
        (['<a>; rel="next"'], "a"),
        (["<a>;rel=NEXT"], "a"),
        (['<a>; rel="prev", <b?x=1,2>; title="x, y"; rel="last next"'], "b?x=1,2"),
        (['<a>; rel="prev"', "<b>; rel=next"], "b"),
        (['<a>; title="rel=next"; rel=last'], None),
        (['<a>; rel="nextish"'], None),
    ],
)
def test_the_next_page_of_a_link_header_is_found(headers: list[str], found: str | None) -> None:
    assert linked(headers) == found


@pytest.mark.parametrize(
    ("pointer", "found"),
    [("/a/0/b~1c", 1), ("/a/1", None), ("/a/x", None), ("/d~0", 2), ("/a/0/b~1c/z", None)],
)
def test_a_json_pointer_leads_to_its_value_or_nowhere(pointer: str, found: object) -> None:
    assert at({"a": [{"b/c": 1}], "d~": 2}, pointer) == found


def test_a_parameter_of_the_query_is_set_and_the_others_stay() -> None:
    assert with_parameter("http://h/p?a=&p=1&b=%26#f", "p", "2 3") == "http://h/p?a=&b=%26&p=2+3#f"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "all",
        {"next": "no/pointer"},
        {"page": 1},
        {"page": "p", "frist": 0},
        {"offset": "o", "first": "0"},
    ],
)
def test_a_pagination_that_cannot_be_read_says_what_can(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"pagination cannot be .* Write 'link'"):
        Paging.read(given)


@pytest.mark.parametrize("found", [True, ["x"], {"href": "x"}])
def test_a_next_page_that_is_no_address_is_named(found: object) -> None:
    with pytest.raises(ConfigurationError, match=r"http://h/a names its next page by .* at '/n'"):
        Paging.read({"next": "/n"}).next_url(
            "http://h/a?key=k", links=[], page={"n": found}, rows=1, pages=1, taken=1
        )
