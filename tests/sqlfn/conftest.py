"""Databricks SQL run on a connection, and its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

import airquery


if TYPE_CHECKING:
    import duckdb


class Databricks(Protocol):
    """How a test runs Databricks SQL."""

    def __call__(self, sql: str, **variables: str) -> list[tuple[Any, ...]]:
        """Run it and return the rows of its last statement."""


@pytest.fixture
def databricks(connection: duckdb.DuckDBPyConnection) -> Databricks:
    def run(sql: str, **variables: str) -> list[tuple[Any, ...]]:
        table = airquery.run(connection, sql, dialect="databricks", variables=variables).table
        return [] if table is None else [tuple(row.values()) for row in table.to_pylist()]

    return run
