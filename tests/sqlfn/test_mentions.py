"""A text that holds no name of ours need not be parsed; one that may hold a call always is."""

from __future__ import annotations

import pytest

from airquery.sqlfn.functions import functions
from airquery.sqlfn.mentions import mentions_calls
from airquery.sqlfn.offered import NOT_OFFERED


@pytest.mark.parametrize("name", sorted({*functions(), *NOT_OFFERED}))
def test_every_function_is_seen_in_any_case(name: str) -> None:
    assert mentions_calls(f"SELECT {name.upper()} (text) FROM t")
    assert mentions_calls(f'EXPLAIN SELECT 1;SELECT main."{name}"(text)')


@pytest.mark.parametrize(
    "text", ["SELECT 1", "CREATE TABLE answers AS SELECT main, email FROM said", "SELECT 'ai' || x"]
)
def test_a_text_without_a_name_is_not_parsed(text: str) -> None:
    assert not mentions_calls(text)


def test_a_name_in_a_comment_or_a_text_counts() -> None:
    assert mentions_calls("SELECT 'ai_query' -- nothing is asked")
