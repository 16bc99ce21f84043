"""Which calls are collected ahead, in which order, and what is said about the others."""

from __future__ import annotations

import pytest

from airquery.planning.build import build


@pytest.mark.parametrize(
    ("statement", "sites"),
    [
        ("SELECT ai_query('a', s) FROM t", [("a", 1, True)]),
        ("SELECT ai_query('b', ai_query('a', s)) FROM t", [("b", 2, True), ("a", 1, True)]),
        (
            "SELECT ai_query('b', s) FROM t WHERE ai_query('a', s) = ''",
            [("b", 2, True), ("a", 1, True)],
        ),
        (
            (
                "WITH x AS (SELECT ai_query('a', s) r FROM t), y AS (SELECT ai_query('b', r) q FROM x)"
                " SELECT ai_query('c', q) FROM y"
            ),
            [("c", 3, True), ("a", 1, True), ("b", 2, True)],
        ),
        ("SELECT ai_query('a', s) r, ai_query('b', r) FROM t", [("b", 2, True), ("a", 1, True)]),
        (
            "SELECT ai_query('a', s) FROM t UNION ALL SELECT ai_query('b', s) FROM u",
            [("a", 1, True), ("b", 1, True)],
        ),
        (
            "SELECT lag(ai_query('b', s)) OVER (PARTITION BY ai_query('a', s) ORDER BY i) FROM t",
            [("b", 2, True), ("a", 1, True)],
        ),
        ("INSERT INTO z SELECT ai_query('a', s) FROM t", [("a", 1, True)]),
        ("COPY (SELECT ai_query('a', s) FROM t) TO 'x.csv'", [("a", 1, True)]),
        ("SELECT ai_query($endpoint, s) FROM t", [(None, 1, True)]),
    ],
)
def test_calls_are_ordered_by_what_they_build_on(
    statement: str, sites: list[tuple[str | None, int, bool]]
) -> None:
    plan = build(statement)

    found = [(site.endpoint, site.depth, site.ahead) for site in plan.sites]
    assert sorted(found, key=str) == sorted(sites, key=str)
    assert len(plan.rounds) == max(depth for _, depth, _ in sites)
    assert plan.note == ""


@pytest.mark.parametrize(
    ("statement", "note"),
    [
        ("SELECT ai_query('a', s || random()) FROM t", "the statement holds something random"),
        (
            "SELECT ai_query('a', s) FROM t USING SAMPLE 10 ROWS",
            "the statement holds something random",
        ),
        (
            "SELECT s FROM t WHERE ai_query('a', s) = '' LIMIT 5",
            "a filter on it stands below a LIMIT",
        ),
        (
            "SELECT ai_query('a', s) r FROM t WHERE r = '' LIMIT 5",
            "a filter on it stands below a LIMIT",
        ),
        (
            "SELECT coalesce(ai_query('a', s), ai_query('b', s)) FROM t",
            "it stands beside another call in COALESCE",
        ),
        (
            "SELECT s FROM t WHERE ai_query('a', s) = '' OR ai_query('b', s) = ''",
            "it stands beside another call in OR",
        ),
        (
            "SELECT u.s FROM t JOIN u ON ai_query('a', t.s) = '' WHERE ai_query('b', t.s) IS NULL",
            "another condition of the same SELECT holds a call too",
        ),
        (
            "SELECT s FROM t WHERE ai_query('a', v) = '' GROUP BY s HAVING ai_query('b', s) IS NULL",
            "another condition of the same SELECT holds a call too",
        ),
        (
            "WITH RECURSIVE r AS (SELECT 'x' s UNION ALL SELECT ai_query('a', s) FROM r WHERE s <> '') SELECT s FROM r",
            "the statement is recursive",
        ),
        ("UPDATE t SET s = ai_query('a', s)", "calls in UPDATE are not collected"),
    ],
)
def test_what_could_ask_too_much_is_left_to_the_statement_itself(statement: str, note: str) -> None:
    plan = build(statement)

    assert plan.rounds == ()
    assert plan.text == statement
    assert plan.note == note


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "CREATE TABLE t (a INT)",
        "PRAGMA version",
        "this is no SQL",
        "SELECT 'ai_query(1, 2)'",
    ],
)
def test_a_statement_without_calls_is_left_as_it_is(statement: str) -> None:
    assert build(statement).text == statement
    assert build(statement).rounds == ()
