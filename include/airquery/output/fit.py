"""Tell which JSON texts become a value of a type, and for the others why not.

DuckDB itself is the judge, so that what passes here never makes from_json_strict raise there.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import duckdb
import orjson

from airquery.quoting import literal


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.output.structure import Structure


FITS = "SELECT document = 'null' OR TRY(from_json_strict(document, ?)) IS NOT NULL FROM (SELECT unnest(?) AS document)"
REASON = "SELECT from_json_strict(?, ?)"


class Fitter:
    """A private in-memory database that only casts. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def misfits(self, documents: Sequence[str], structure: Structure) -> dict[int, str]:
        """Return the position and the reason of every document that does not fit."""
        if not documents:
            return {}
        shape = orjson.dumps(structure).decode()
        with self._lock:
            if self._connection is None:
                self._connection = duckdb.connect(":memory:", config={"threads": 1})
            # from_json_strict takes its structure only as a constant of the statement.
            fits = self._connection.execute(
                FITS.replace("?", literal(shape), 1), [list(documents)]
            ).fetchall()
            return {
                position: _reason(self._connection, documents[position], shape)
                for position, (fit,) in enumerate(fits)
                if not fit
            }


def _reason(connection: duckdb.DuckDBPyConnection, document: str, shape: str) -> str:
    try:
        connection.execute(REASON.replace("?)", f"{literal(shape)})"), [document]).fetchall()
    except duckdb.Error as problem:
        return str(problem).partition(": ")[2] or str(problem)
    return "it does not fit"
