"""The two spellings of SQL as sqlglot reads them here, with our functions left as they are written.

sqlglot knows some functions named `ai_...` from other systems, with other arguments: those would be
refused or written back changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot.dialects.databricks import Databricks
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.parsers.databricks import DatabricksParser
from sqlglot.parsers.duckdb import DuckDBParser


if TYPE_CHECKING:
    from collections.abc import Callable


def _without_ours(functions: dict[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    return {name: build for name, build in functions.items() if not name.startswith("AI_")}


class _DuckDBParser(DuckDBParser):
    FUNCTIONS = _without_ours(DuckDBParser.FUNCTIONS)


class _DatabricksParser(DatabricksParser):
    FUNCTIONS = _without_ours(DatabricksParser.FUNCTIONS)


class AirqueryDuckDB(DuckDB):
    """DuckDB's spelling; every `ai_...` is a function that sqlglot does not know."""

    Parser = _DuckDBParser


class AirqueryDatabricks(Databricks):
    """Databricks' spelling; every `ai_...` is a function that sqlglot does not know."""

    Parser = _DatabricksParser
