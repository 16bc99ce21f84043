"""A warehouse with one table, and suite files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pytest

from airquery.quality import load_suite
from airquery.warehouse import Warehouse


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airquery.quality import Suite


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Return a warehouse with `main.reviews`: partition `good`, `poor` and the empty `none`."""
    made = Warehouse(tmp_path / "tables")
    columns = "i AS id, '{\"n\": 1}' AS response, 'positive' AS label, {'a': i} AS extra"
    with duckdb.connect() as con:
        good = con.sql(f"SELECT {columns} FROM range(100) t(i)")
        poor = con.sql(
            "SELECT i AS id, CASE WHEN i < 10 THEN NULL WHEN i = 50 THEN 'no JSON' ELSE '{}' END "
            "AS response, CASE WHEN i < 25 THEN 'unsure' ELSE 'positive' END AS label "
            "FROM range(100) t(i)"
        )
        for partition, rows in (("good", good), ("poor", poor), ("none", good.limit(0))):
            made.publish("main.reviews", rows, partition=partition, run_number=1)
    return made


@pytest.fixture
def suite_file(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of suite files: expectations, or the whole content."""

    def write(*expectations: object, **content: object) -> Path:
        path = tmp_path / "reviews.json"
        path.write_text(
            json.dumps({"name": "reviews", "expectations": list(expectations), **content})
        )
        return path

    return write


@pytest.fixture
def suite_of(suite_file: Callable[..., Path]) -> Callable[..., Suite]:
    """Return a maker of suites, by way of a file."""

    def make(*expectations: object, **content: object) -> Suite:
        return load_suite(suite_file(*expectations, **content))

    return make
