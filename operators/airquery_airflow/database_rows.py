"""The result of a query, from a database's cursor into the relation `source`, batch by batch.

No more than a batch is ever in Python: where the driver has a cursor on the server's side, the
database sends no more either. Types are those that the database tells of, else those of the values:
then a column that changes its type half way is an error that names it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import duckdb
import pyarrow as pa
from airflow.sdk.exceptions import AirflowFailException

from airquery.quoting import quoted
from airquery_airflow.postgres_types import UNBOUNDED, arrow_type, keep_json_as_text


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery_airflow.database import Database


ROWS_IN_A_BATCH = 10_000
_POSTGRES = {"psycopg", "psycopg2"}


def load(
    database: Database,
    query: str,
    *,
    into: duckdb.DuckDBPyConnection,
    columns: Mapping[str, str],
    parameters: Mapping[str, Any] | Sequence[Any] | None = None,
) -> int:
    """Run the query and make `source` of its rows; return how many there are."""

    def work(connection: Any) -> int:
        cursor = _cursor(database.driver, connection)
        try:
            _execute(cursor, query, parameters)
            return _drain(database, cursor, into=into, columns=columns)
        finally:
            cursor.close()

    return database.run(work)


def _execute(cursor: Any, query: str, parameters: Mapping[str, Any] | Sequence[Any] | None) -> None:
    # Without parameters a percent sign is a percent sign.
    if parameters is None:
        cursor.execute(query)
    else:
        cursor.execute(query, parameters)


def _cursor(driver: str, connection: Any) -> Any:
    """Open a cursor on the server's side where the driver has one."""
    if driver not in _POSTGRES:
        return connection.cursor()
    keep_json_as_text(driver, connection)
    cursor = connection.cursor(name="airquery")
    cursor.itersize = ROWS_IN_A_BATCH
    return cursor


def _drain(
    database: Database,
    cursor: Any,
    *,
    into: duckdb.DuckDBPyConnection,
    columns: Mapping[str, str],
) -> int:
    # psycopg2 knows the columns of a named cursor only after the first rows.
    rows = cursor.fetchmany(ROWS_IN_A_BATCH)
    if cursor.description is None:
        raise AirflowFailException(
            f"Connection {database.conn_id!r}: the query gives no rows. Write a SELECT."
        )
    known = arrow_type if database.driver in _POSTGRES else _unknown
    kinds = {str(column[0]): known(column) for column in cursor.description}
    if len(kinds) != len(cursor.description):
        names = [str(column[0]) for column in cursor.description]
        twins = sorted({name for name in names if names.count(name) > 1})
        raise AirflowFailException(
            f"Connection {database.conn_id!r}: the query has two columns {', '.join(twins)}. "
            "Give them names with AS."
        )
    source = Source(database.conn_id, into, kinds, columns)
    count = 0
    while rows:
        database.check()
        source.add(rows, first=count + 1)
        count += len(rows)
        rows = cursor.fetchmany(ROWS_IN_A_BATCH)
    source.finish()
    return count


class Source:
    """The table that the batches go to; `finish` makes it the relation `source`."""

    def __init__(
        self,
        conn_id: str,
        connection: duckdb.DuckDBPyConnection,
        kinds: Mapping[str, pa.DataType | None],
        columns: Mapping[str, str],
    ) -> None:
        self._conn_id = conn_id
        self._connection = connection
        self._kinds = dict(kinds)
        self._declared = {name: columns[name] for name in kinds if name in columns}
        missing = [name for name in columns if name not in kinds]
        if missing:
            raise AirflowFailException(
                f"Connection {conn_id!r}: the query has no column {', '.join(missing)}, which is "
                f"declared. It has: {', '.join(kinds)}."
            )
        self._typed: dict[str, pa.DataType] = {}
        self._create()

    def add(self, rows: Sequence[Sequence[Any]], *, first: int) -> None:
        """Insert a batch, whose first row has that number."""
        cells = zip(*(tuple(row) for row in rows), strict=True)
        arrays = {
            name: self._array(name, list(values), first=first)
            for name, values in zip(self._kinds, cells, strict=True)
        }
        for name, array in arrays.items():
            self._settle(name, array.type, first=first)
        batch = pa.table(arrays)
        self._connection.register("_batch", batch)
        self._connection.execute("INSERT INTO _source FROM _batch")
        self._connection.unregister("_batch")

    def finish(self) -> None:
        """Make `source`; a column without any value has no type."""
        given = [
            quoted(name)
            if name in self._typed or name in self._declared
            else f"NULL AS {quoted(name)}"
            for name in self._kinds
        ]
        self._connection.table("_source").project(", ".join(given)).create_view("source")

    def _create(self) -> None:
        empty = pa.table(
            {
                name: pa.array([], pa.string() if kind is None else kind)
                for name, kind in self._kinds.items()
            }
        )
        self._connection.register("_batch", empty)
        self._connection.execute("CREATE TEMP TABLE _source AS FROM _batch")
        self._connection.unregister("_batch")
        self._typed = {name: kind for name, kind in self._kinds.items() if kind is not None}
        for name, kind in self._declared.items():
            self._retype(name, str(duckdb.sqltype(kind)))

    def _array(self, name: str, values: list[Any], *, first: int) -> pa.Array[Any]:
        kind = self._kinds[name]
        plain = [_plain(value) for value in values]
        try:
            array = pa.array(plain, kind)
            if kind is None and pa.types.is_decimal(array.type):
                array = array.cast(UNBOUNDED)
        except (pa.ArrowException, TypeError, OverflowError, ValueError) as error:
            raise AirflowFailException(
                f"Connection {self._conn_id!r}: column {name!r} has a value among the rows from "
                f"{first} that is no {kind or 'value of one type'}. {error} Cast it in the query."
            ) from error
        return array

    def _settle(self, name: str, kind: pa.DataType, *, first: int) -> None:
        """Give a column its type by the first values that it has."""
        if pa.types.is_null(kind) or self._kinds[name] is not None or name in self._declared:
            return
        held = self._typed.get(name)
        if held is None:
            self._typed[name] = kind
            empty = self._connection.from_arrow(pa.table({"a": pa.array([], kind)}))
            self._retype(name, str(empty.types[0]))
        elif held != kind:
            raise AirflowFailException(
                f"Connection {self._conn_id!r}: column {name!r} is {held} at first, and {kind} "
                f"among the rows from {first}. Cast it in the query, or declare it in columns."
            )

    def _retype(self, name: str, kind: str) -> None:
        self._connection.execute(f"ALTER TABLE _source ALTER {quoted(name)} TYPE {kind}")


def _unknown(column: Any) -> None:
    """Say nothing of a column: the database API has no common names for types."""


def _plain(value: Any) -> Any:
    """Return a value that Arrow knows."""
    match value:
        case UUID():
            return str(value)
        case dict():
            return json.dumps(value)
        case memoryview():
            return bytes(value)
        case list():
            return [_plain(one) for one in value]
    return value
