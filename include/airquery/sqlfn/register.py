"""Put ai_query on a DuckDB connection.

Functions belong to the database and are created once; macros are temporary and belong to one
connection or cursor. Nothing is written to the database file.

The macros of `airquery_sql/functions` are made as they are written, but for one more argument of
those that ask: the mode, by which the queries of a plan collect requests.
"""

from __future__ import annotations

import re
import threading
import weakref
from contextlib import contextmanager
from functools import cache
from itertools import count, groupby
from typing import TYPE_CHECKING, Any, TypeAlias

import duckdb
import orjson
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL

import airquery_sql
from airquery.answer import Answer
from airquery.output.column import text_column
from airquery.output.form import Form
from airquery.output.structure import parse_ddl
from airquery.output.value import Shape, json_texts
from airquery.sqlfn.answering import answer_chunk
from airquery.sqlfn.functions import FOLDER, MODE
from airquery.sqlfn.schema_of import schema_of_json


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airquery.sqlfn.session import Session

    _Picture: TypeAlias = str | bytes | bytearray


if TYPE_CHECKING:
    Column: TypeAlias = pa.Array[Any]
else:
    # DuckDB evaluates the annotations of a function it is given.
    Column = pa.Array

# A macro is bound when it is made, with columns where its constants will be. Under these stand-ins
# that passes; once they are dropped, each call binds the real function of the same name.
STAND_INS = ("from_json_strict(x, s) AS x", "from_json(x, s) AS x")
# The macro that all others are made of comes first; a macro is bound when it is made.
FIRST = "ask"
# DuckDB 1.5 calls a function of one column for every value of the column's dictionary, also for those
# of rows that a filter left out, and each would be paid for; a function of two, for the rows.
IS_1_5 = duckdb.__version__ < "2"
MODE_ALONE, MODE_OF_THE_ROW = "  mode,\n", "  mode || left(CAST(hash(request) AS VARCHAR), 0),\n"
# A variable belongs to one connection, as its macros do.
MADE = "SELECT getvariable('airquery_macros') = _ai_session()"
NOTE_MADE = "SET VARIABLE airquery_macros = _ai_session()"
NATIVE = (
    "_ai_session",
    "_ai_usage",
    "_ai_schema",
    "_ai_call",
    "_ai_files",
    "_json_fit_text",
    "_json_fit_schema",
    "schema_of_json",
)
_FIT_FORM = Form(kind="struct")
# A macro file whose macro asks: its name, its parameters, and where its call of `_ai_ask` ends.
_ASKING = re.compile(r"(MACRO ai_\w+\(.*)(\) AS\s+_ai_ask\(.*)(\);\s*)\Z", re.DOTALL)

_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)

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
            for name in NATIVE:
                connection.remove_function(name)
        number = next(_numbers)
        _sessions[number] = session
        _create(connection, session, number)


def add_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the macros of one connection or cursor; doing it again does nothing."""
    if connection.execute(MADE).fetchall() == [(True,)]:
        return
    _make(connection, _macros().values())
    connection.execute(airquery_sql.read("usage/macro.sql"))
    connection.execute(NOTE_MADE)


def add_macros_of(cursor: duckdb.DuckDBPyConnection, query: str) -> None:
    """Create those macros on a new cursor whose names stand in a query."""
    text = query.lower()
    _make(cursor, [one for name, one in _macros().items() if name == FIRST or name in text])


def _make(connection: duckdb.DuckDBPyConnection, macros: Iterable[duckdb.Statement]) -> None:
    with _stand_ins(connection):
        for statement in macros:
            connection.execute(statement)


@cache
def _macros() -> dict[str, duckdb.Statement]:
    """Parse the macros once for all connections: that is most of the time they take.

    Each is under the name of its file, which stands in every query that needs it.
    """
    paths = {
        path.rpartition("/")[2].removesuffix(".sql"): path for path in airquery_sql.names(FOLDER)
    }
    parsed: dict[str, duckdb.Statement] = {}
    for name in (FIRST, *sorted(paths.keys() - {FIRST})):
        text = _with_mode(_COMMENT.sub("", airquery_sql.read(paths[name])))
        if IS_1_5 and name == FIRST:
            text = text.replace(MODE_ALONE, MODE_OF_THE_ROW)
        [parsed[name]] = duckdb.extract_statements(text)
    return parsed


def _with_mode(text: str) -> str:
    return _ASKING.sub(rf"\1, {MODE} := 'now'\2, {MODE}\3", text)


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
    records = session.records
    connection.create_function(
        "_ai_usage", lambda: orjson.dumps(records.usage_rows()).decode(), [], text
    )
    connection.create_function(
        "_ai_schema", _schema_function(session), ["BIGINT", text], text, null_handling=SPECIAL
    )
    connection.create_function(
        "_ai_call",
        _call_function(session),
        ["BIGINT", text, text, "BLOB[]", text],
        text,
        type=ARROW,
        null_handling=SPECIAL,
        side_effects=False,
    )
    # Without parameters, declared or annotated, a function takes a value of any type.
    connection.create_function(
        "_ai_files",
        lambda given: _files(given),  # noqa: PLW0108  (it has no annotations to be read)
        None,
        "BLOB[]",
        null_handling=SPECIAL,
        side_effects=False,
    )
    connection.create_function("schema_of_json", schema_of_json, [text], text)
    connection.create_function("_json_fit_schema", _fit_schema, [text], text)
    connection.create_function(
        "_json_fit_text", _fit_text, [text, text], text, type=ARROW, null_handling=SPECIAL
    )


def _schema_function(session: Session) -> Callable[..., str]:
    """Name the result type of a call site. DuckDB folds it to a constant while it binds."""

    def schema(number: int | None, given: str) -> str:
        with session.noting_errors(number):
            return orjson.dumps(session.call(given).result_structure()).decode()

    return schema


def _call_function(session: Session) -> Callable[..., Column]:
    """Answer the chunks of every call site."""

    def call(
        statement: Column, mode: Column, request: Column, files: Column, given: Column
    ) -> Column:
        number, how = statement[0].as_py(), mode[0].as_py()
        texts, pictures = request.to_pylist(), files.to_pylist()
        with session.noting_errors(number):
            parts = [
                answer_chunk(session, shared, texts[a:b], pictures[a:b], number=number, mode=how)
                for shared, a, b in _alike(given)
            ]
        return pa.concat_arrays(parts)

    return call


def _alike(given: Column) -> Iterator[tuple[Any, int, int]]:
    """Yield the runs of equal values: each with where it starts and stops."""
    values = given.unique()
    if len(values) == 1:
        [shared] = values.to_pylist()
        yield shared, 0, len(given)
        return
    start = 0
    for shared, run in groupby(given.to_pylist()):
        stop = start + sum(1 for _ in run)
        yield shared, start, stop
        start = stop


def _files(given: _Picture | list[_Picture | None] | None) -> list[bytes] | None:
    """Return the bytes of pictures, or their paths as bytes; NULL if one is NULL."""
    if given is None:
        return None
    each = given if isinstance(given, list) else [given]
    known = [one for one in each if one is not None]
    if len(known) < len(each):
        return None
    return [one.encode() if isinstance(one, str) else bytes(one) for one in known]


def _fit_schema(ddl: str) -> str:
    structure = parse_ddl(ddl, argument="schema")
    return orjson.dumps(_FIT_FORM.structure(structure)).decode()


def _fit_text(documents: Column, ddl: Column) -> Column:
    """Find and cast the JSON in each document: a value, or the reason why there is none."""
    texts: list[str | None] = documents.to_pylist()
    if not texts:
        return text_column([])
    shape = Shape(structure=parse_ddl(ddl[0].as_py(), argument="schema"))
    values = iter(json_texts([Answer(value=t) for t in texts if t is not None], shape))
    return text_column([None if t is None else _FIT_FORM.text(next(values), None) for t in texts])
