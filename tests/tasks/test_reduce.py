"""ai_agg and ai_summarize_agg: groups of any size, reduced level by level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.tasks.tokens import SEPARATOR, count_tokens, pack
from airquery.testing import Reply


if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.tasks.conftest import Ways


WINDOW = 40


def counted(body: Mapping[str, Any]) -> str:
    """Add up numbers: how many texts there are, or what the parts counted."""
    system, user = body["messages"][0]["content"], body["messages"][-1]["content"]
    texts = user.split(SEPARATOR)
    return str(sum(map(int, texts)) if "worked on in parts" in system else len(texts))


@pytest.fixture
def reviews(ways: Ways) -> Ways:
    """Have two groups, of 300 texts and of 3, and rows that say nothing."""
    ways.script.answer = counted
    ways.execute(
        "CREATE TABLE reviews AS SELECT 'big' AS g, 'text number ' || i AS t FROM range(300) AS r(i)"
        " UNION ALL SELECT 'small', 'text ' || i FROM range(3) AS r(i)"
        " UNION ALL SELECT 'small', NULL UNION ALL SELECT 'none', NULL"
    )
    return ways


def test_a_group_beyond_a_request_is_reduced_over_several_levels(reviews: Ways) -> None:
    sql = (
        f"SELECT g, ai_agg(t, 'Count them.', context_tokens => {WINDOW}) AS r FROM reviews"
        " GROUP BY g ORDER BY g"
    )

    asked = reviews.ask(sql)

    assert asked.rows == [
        {"g": "big", "r": "300"},
        {"g": "none", "r": None},
        {"g": "small", "r": "3"},
    ]
    kinds = [
        "combine" if "in parts." in system else "part" if "a part of all" in system else "whole"
        for system, _ in asked.messages
    ]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "part": 43,
        # The answers of 42 parts are equal: four of the five requests of the next level are one.
        "combine": 2 + 1,
        "whole": 1,
    }
    assert max(count_tokens(user) for _, user in asked.messages) <= WINDOW
    again = airquery.run(reviews.planned, sql)
    assert (again.stats.sent, again.stats.from_journal) == (0, 47)


def test_the_order_of_the_rows_changes_no_request(reviews: Ways) -> None:
    reviews.ask("SELECT ai_agg(t, 'Count.', context_tokens => 40) AS r FROM reviews")

    run = airquery.run(
        reviews.planned,
        "SELECT ai_agg(t, 'Count.', context_tokens => 40) AS r"
        " FROM (SELECT t FROM reviews ORDER BY t DESC)",
    )

    assert run.stats.sent == 0


def test_what_fits_into_one_request_is_one(reviews: Ways) -> None:
    reviews.script.answer = lambda _: "a summary"

    asked = reviews.ask("SELECT ai_summarize_agg(t) AS r FROM reviews WHERE g = 'small'")

    assert asked.values == ["a summary"]
    [(system, user)] = asked.messages
    assert system.startswith("Write one summary of all the texts. The texts that the user gives")
    assert user == "text 0\n---\ntext 1\n---\ntext 2"


def test_an_aggregate_over_no_rows_is_null(ways: Ways) -> None:
    asked = ways.ask("SELECT ai_agg(t, 'Count.') AS r FROM (SELECT 'x' AS t WHERE false)")

    assert (asked.values, asked.bodies) == ([None], [])


def test_a_text_longer_than_a_request_is_cut(ways: Ways) -> None:
    ways.script.answer = counted

    asked = ways.ask(
        f"SELECT ai_agg(repeat('word ', 100), 'Count.', context_tokens => {WINDOW}) AS r"
    )

    assert asked.values == ["3"]
    # Two of the three parts are equal.
    assert len(asked.bodies) == 2 + 1


def test_a_failed_part_fails_its_group_by_name_and_no_other(reviews: Ways) -> None:
    reviews.server.fail_when(
        lambda body: "number 299" in body["messages"][-1]["content"], Reply(status=400)
    )

    asked = reviews.ask(
        f"SELECT ai_agg(t, 'Count.', context_tokens => {WINDOW}, failOnError => false) AS r"
        " FROM reviews GROUP BY g ORDER BY g"
    )

    big, _, small = asked.values
    assert small == {"result": "3", "errorMessage": None}
    assert big["result"] is None
    assert "part 32 of 43 on level 1 failed: " in big["errorMessage"]


def test_answers_that_do_not_get_shorter_end_in_a_named_failure(reviews: Ways) -> None:
    reviews.script.answer = lambda body: body["messages"][-1]["content"]

    asked = reviews.ask(
        f"SELECT ai_agg(t, 'Copy.', context_tokens => {WINDOW}, failOnError => false) AS r"
        " FROM reviews WHERE g = 'big'"
    )

    assert len(asked.bodies) == 43
    assert asked.values[0]["errorMessage"] == (
        "[AI_FUNCTION_UNSUPPORTED_REQUEST] The group cannot be reduced: the answers of 43 parts "
        "still need 43 requests of 40 tokens. Raise context_tokens, or ask for less. "
        "SQLSTATE: 0A000"
    )


def test_empty_answers_of_all_parts_are_a_named_failure(reviews: Ways) -> None:
    reviews.script.answer = lambda _: " "

    asked = reviews.ask(
        f"SELECT ai_agg(t, 'Be silent.', context_tokens => {WINDOW}, failOnError => false) AS r"
        " FROM reviews WHERE g = 'big'"
    )

    assert "the answers of 43 parts were all empty" in asked.values[0]["errorMessage"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("'Count.', context_tokens => 15", "must be a whole number of at least 16, not 15"),
        ("'Count.', context_tokens => NULL", "must be a whole number of at least 16, not None"),
        ("'Count.', context_tokens => 20.5", "must be a whole number of at least 16, not 20.5"),
        ("NULL", "task must say in words what to do"),
        ("'  '", "task must say in words what to do"),
    ],
)
def test_arguments_it_cannot_have_are_refused(ways: Ways, arguments: str, told: str) -> None:
    assert told in ways.refused(f"SELECT ai_agg('x', {arguments})")


def test_texts_are_packed_in_their_order_into_as_few_pieces_as_fit() -> None:
    assert pack(["a b", "c", " ", "d e f g h i j k l", "m"], 8) == [
        "a b\n---\nc",
        "d e f g h i j k ",
        "l\n---\nm",
    ]
    assert pack(["", "\n"], 8) == []
