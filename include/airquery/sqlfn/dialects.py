"""The two spellings of SQL as sqlglot reads them here, with our functions left as they are written.

sqlglot knows some functions named `ai_...` from other systems, with other arguments: those would be
refused or written back changed.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from sqlglot.dialects.databricks import Databricks
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.parsers.databricks import DatabricksParser
from sqlglot.parsers.duckdb import DuckDBParser


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _without_ours(functions: dict[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    return {
        name: build
        for name, build in functions.items()
        if not name.startswith("AI_") and name != "VECTOR_SEARCH"
    }


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

    class Tokenizer(Databricks.Tokenizer):
        """Reads a doubled quote as one quote, as Spark 4 does."""

        STRING_ESCAPES: ClassVar[list[str]] = ["\\", "'", '"']


@contextmanager
def quiet_sqlglot() -> Iterator[None]:
    """Keep sqlglot from warning of syntax that it leaves alone: the caller looks for that itself."""
    log = logging.getLogger("sqlglot")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
