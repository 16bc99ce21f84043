"""Put ai_query on a DuckDB connection.

Functions belong to the database and are created once; macros are temporary and belong to one
connection or cursor. Nothing is written to the database file.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import contextmanager
from itertools import count, groupby
from typing import TYPE_CHECKING, Any, TypeAlias

import duckdb
import orjson
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL

import airquery_sql
from airquery.answer import Answer
from airquery.output.column import text_column
from airquery.output.structure import parse_ddl
from airquery.output.value import Shape, error_struct, json_texts
from airquery.sqlfn.answering import Session, answer_chunk
from airquery.sqlfn.call import Arguments


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


if TYPE_CHECKING:
    Column: TypeAlias = pa.Array[Any]
else:
    # DuckDB evaluates the annotations of a function it is given.
    Column = pa.Array

# A macro is bound when it is made, with columns where its constants will be. Under these stand-ins
# that passes; once they are dropped, each call binds the real function of the same name.
STAND_INS = ("from_json_strict(x, s) AS x", "from_json(x, s) AS x")
MACROS = ("functions/ai_query.sql", "functions/json_fit.sql", "functions/named_struct.sql")

_sessions: weakref.WeakValueDictionary[int, Session] = weakref.WeakValueDictionary()
_numbers = count(1)
_lock = threading.Lock()


def session_of(connection: duckdb.DuckDBPyConnection) -> Session | None:
    """Return the session of a connection's database, if ai_query is registered there."""
    try:
        [(number,)] = connection.execute("SELECT _ai_session()").fetchall()
    except duckdb.CatalogException:
        return None
    return _sessions.get(number)


def add_functions(connection: duckdb.DuckDBPyConnection, session: Session) -> None:
    """Create the functions of a database, in place of those of an earlier session."""
    with _lock:
        if session_of(connection) is not None:
            for name in (
                "_ai_session",
                "_ai_schema",
                "_ai_call",
                "_json_fit_text",
                "_json_fit_schema",
            ):
                connection.remove_function(name)
        number = next(_numbers)
        _sessions[number] = session
        _create(connection, session, number)


def add_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the macros of one connection or cursor; doing it again changes nothing."""
    with _stand_ins(connection):
        for name in MACROS:
            connection.execute(airquery_sql.read(name))


@contextmanager
def _stand_ins(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    for definition in STAND_INS:
        connection.execute(f"CREATE OR REPLACE TEMP MACRO {definition}")
    try:
        yield
    finally:
        for definition in STAND_INS:
            connection.execute(f"DROP MACRO temp.{definition.partition('(')[0]}")


def _create(connection: duckdb.DuckDBPyConnection, session: Session, number: int) -> None:
    text = "VARCHAR"
    connection.create_function("_ai_session", lambda: number, [], "BIGINT")
    connection.create_function(
        "_ai_schema",
        _schema_function(session),
        ["BIGINT", text, text, "BOOLEAN", text],
        text,
        null_handling=SPECIAL,
    )
    connection.create_function(
        "_ai_call",
        _call_function(session),
        ["BIGINT", text, text, text, text, "BOOLEAN", text, text],
        text,
        type=ARROW,
        null_handling=SPECIAL,
        side_effects=False,
    )
    connection.create_function("_json_fit_schema", _fit_schema, [text], text)
    connection.create_function(
        "_json_fit_text", _fit_text, [text, text], text, type=ARROW, null_handling=SPECIAL
    )


def _schema_function(session: Session) -> Callable[..., str]:
    """Name the result type of a call site. DuckDB folds it to a constant while it binds."""

    def schema(
        number: int | None,
        endpoint: str | None,
        return_type: str | None,
        fail_on_error: bool | None,
        response_format: str | None,
    ) -> str:
        arguments = Arguments(endpoint, return_type, fail_on_error, None, response_format)
        with session.noting_errors(number):
            return orjson.dumps(session.call(arguments).result_structure()).decode()

    return schema


def _call_function(session: Session) -> Callable[..., Column]:
    """Answer the chunks of every call site."""

    def call(  # noqa: PLR0917  (DuckDB counts the parameters and passes them by position)
        statement: Column,
        mode: Column,
        endpoint: Column,
        request: Column,
        return_type: Column,
        fail_on_error: Column,
        model_parameters: Column,
        response_format: Column,
    ) -> Column:
        constants = (endpoint, return_type, fail_on_error, model_parameters, response_format)
        arguments = map(Arguments, *(column.to_pylist() for column in constants))
        rows = zip(arguments, request.to_pylist(), strict=True)
        number = statement[0].as_py()
        with session.noting_errors(number):
            parts = [
                answer_chunk(session, number, mode[0].as_py(), shared, [text for _, text in group])
                for shared, group in groupby(rows, key=lambda row: row[0])
            ]
        return pa.concat_arrays(parts)

    return call


def _fit_schema(ddl: str) -> str:
    structure = parse_ddl(ddl, argument="schema")
    return orjson.dumps({"result": structure, "errorMessage": "VARCHAR"}).decode()


def _fit_text(documents: Column, ddl: Column) -> Column:
    """Find and cast the JSON in each document: a value, or the reason why there is none."""
    texts: list[str | None] = documents.to_pylist()
    if not texts:
        return text_column([])
    shape = Shape(structure=parse_ddl(ddl[0].as_py(), argument="schema"))
    values = iter(json_texts([Answer(value=t) for t in texts if t is not None], shape))
    return text_column([None if t is None else error_struct(next(values)) for t in texts])
