"""Write the rows of a result: a table to look at, CSV, or a JSON array of objects.

DuckDB spells the values. CSV: NULL is empty, an empty text is `""`, nested values are JSON. JSON:
numbers, decimals too, are numbers; dates and times are text, `2026-01-02 03:04:05`; what JSON has no
number for (NaN, infinity) is null; of two columns of one name the second is called `name_1`.
"""

from __future__ import annotations

import json
import re
import shutil
from io import StringIO
from itertools import islice
from typing import TYPE_CHECKING, Literal, TypeAlias

from airquery.cli.message import harmless
from airquery.quoting import quoted


if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    import duckdb
    import pyarrow as pa
    from rich.table import Table


Format: TypeAlias = Literal["table", "csv", "json"]

# The result's name in the connection that spells it.
_VIEW = "airquery_result"
_FETCH_ROWS = 1024
_NESTED = {"array", "list", "map", "struct", "union"}
_NUMERIC = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*")
_QUOTED = re.compile(r'[",\r\n]')


def write_rows(table: pa.Table | None, form: Format, out: IO[str], *, max_rows: int) -> None:
    """Write a result; without one, only JSON writes anything. `max_rows` bounds a table, 0 nothing.

    Raises `BrokenPipeError` when nobody reads on.
    """
    import duckdb  # noqa: PLC0415 - loaded already where there is a result

    if table is None:
        out.write("[]\n" if form == "json" else "")
        return
    with duckdb.connect() as connection:
        connection.register(_VIEW, table)
        if form == "table":
            shown = _table(connection, table.schema.names, max_rows or table.num_rows)
            print_table(shown, out)
        elif form == "csv":
            out.write(_csv_line(table.schema.names))
            for row in _texts(connection):
                out.write(_csv_line(row))
        else:
            _write_json(connection, out)


def print_table(table: Table, out: IO[str]) -> None:
    """Write a table as wide as the terminal, or as it wants to be where there is none."""
    from rich.console import Console  # noqa: PLC0415 - csv and json need none of it

    terminal = out.isatty()
    text = StringIO()
    width = shutil.get_terminal_size().columns if terminal else 100_000
    Console(file=text, width=width, force_terminal=terminal).print(table)
    out.write(text.getvalue())


def _table(connection: duckdb.DuckDBPyConnection, names: list[str], limit: int) -> Table:
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    table = Table()
    for name, kind in zip(names, connection.table(_VIEW).types, strict=True):
        numeric = _NUMERIC.fullmatch(str(kind)) is not None
        table.add_column(
            Text(harmless(name)), justify="right" if numeric else "left", overflow="fold"
        )
    for row in islice(_texts(connection), limit):
        table.add_row(
            *(Text("NULL", style="dim") if one is None else Text(harmless(one)) for one in row)
        )
    return table


def _texts(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str | None, ...]]:
    """Yield every row with its values as text."""
    rows = connection.table(_VIEW)
    values = [
        f"to_json({quoted(column)})" if kind.id in _NESTED else quoted(column)
        for column, kind in zip(rows.columns, rows.types, strict=True)
    ]
    return _fetched(connection, ", ".join(f"CAST({value} AS VARCHAR)" for value in values))


def _write_json(connection: duckdb.DuckDBPyConnection, out: IO[str]) -> None:
    columns = connection.table(_VIEW).columns
    fields = ", ".join(f"{quoted(column)} := {quoted(column)}" for column in columns)
    out.write("[")
    before = ""
    for (text,) in _fetched(connection, f"CAST(to_json(struct_pack({fields})) AS VARCHAR)"):
        out.write(f"{before}\n{_strict(text or 'null')}")
        before = ","
    out.write("\n]\n" if before else "]\n")


def _fetched(
    connection: duckdb.DuckDBPyConnection, columns: str
) -> Iterator[tuple[str | None, ...]]:
    found = connection.execute(f"SELECT {columns} FROM {_VIEW}")  # noqa: S608 - quoted by `quoted`
    while some := found.fetchmany(_FETCH_ROWS):
        yield from some


def _strict(text: str) -> str:
    """Return DuckDB's JSON as JSON: a number that is none becomes null."""
    if "NaN" not in text and "Infinity" not in text:
        return text
    value = json.loads(text, parse_constant=lambda _: None)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _csv_line(values: list[str] | tuple[str | None, ...]) -> str:
    return ",".join(map(_csv_field, values)) + "\n"


def _csv_field(value: str | None) -> str:
    if value is None:
        return ""
    if value == "" or _QUOTED.search(value):
        return '"' + value.replace('"', '""') + '"'
    return value
