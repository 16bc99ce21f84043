"""Files and URLs as one DuckDB relation called `source`.

Nothing is skipped in silence: what DuckDB would guess at the price of rows (lines to skip, comment
signs, whether there is a header) is fixed unless the caller says otherwise, and a line that does
not fit is an error that names it.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import duckdb
from airflow.sdk.exceptions import AirflowException, AirflowFailException

import airquery
from airquery.quoting import NotWritable, quoted, written
from airquery_airflow.declared import check_header, check_keys
from airquery_airflow.formats import DEFAULTS, READERS, SUFFIXES, Format, suffix_of
from airquery_airflow.object_store import download, is_object


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# No text holds it, so it makes one column of a whole line.
_NO_DELIMITER = "\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What to read, and how. `options` are those of DuckDB's reader for the format."""

    sources: Sequence[str]
    format: Format | None = None
    columns: Mapping[str, str] | None = None
    options: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.options:
            if name in {"ignore_errors", "store_rejects"}:
                raise AirflowFailException(
                    f"Option {name!r} would drop rows in silence. Mend the file, or read its lines "
                    "as text and sort them out in SQL."
                )
            if not re.fullmatch(r"[a-z_]+", name):
                raise AirflowFailException(f"{name!r} cannot be the name of a reader's option.")

    def create_view(self, connection: duckdb.DuckDBPyConnection, *, folder: Path) -> list[str]:
        """Make the temporary view `source`; return the files, downloads are in `folder`."""
        files = self._files(connection, folder)
        arguments = self._arguments()
        self._check_declared(connection, files)
        joined = arguments
        if len(files) > 1 and self.columns is None:
            # By place, the last columns of a wider CSV would be dropped without a word.
            joined = {"union_by_name": True, **arguments}
        try:
            _create_view(connection, READERS[self._format()], files, joined)
        except duckdb.InvalidInputException as error:
            if READERS[self._format()] == "read_csv":
                raise _named_line(connection, files, arguments) from error
            raise
        return files

    def columns_of(self, connection: duckdb.DuckDBPyConnection, file: str) -> dict[str, str]:
        """Map the columns of one file to their types, as they are found in it."""
        arguments = self._arguments()
        call = _call(READERS[self._format()], [file], arguments)
        rows = connection.sql(f"FROM {call}")
        return dict(zip(rows.columns, map(str, rows.types), strict=True))

    def _check_declared(self, connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> None:
        """Refuse files whose own names of columns are not those that were declared."""
        if self.columns is None:
            return
        found = replace(self, columns=None)
        for file in files:
            if self._format() == "json":
                check_keys(file, list(found.columns_of(connection, file)), self.columns)
            elif self._arguments()["header"] is True:
                check_header(file, _header(connection, file, self._arguments()), self.columns)

    def _format(self) -> Format:
        if self.format is not None:
            return self.format
        found = {suffix_of(source) for source in self.sources}
        known = {SUFFIXES.get(suffix) for suffix in found}
        if len(known) == 1 and (one := known.pop()) is not None:
            return one
        raise AirflowFailException(
            f"The format of {', '.join(self.sources)} cannot be told from its name. "
            "Say format='csv', 'tsv', 'json' or 'parquet'."
        )

    def _arguments(self) -> dict[str, object]:
        arguments = {**DEFAULTS[self._format()], **self.options}
        if self.columns is not None:
            if self._format() == "parquet":
                raise AirflowFailException(
                    "A Parquet file brings its own columns. Leave columns out and choose in sql."
                )
            arguments["columns"] = self.columns
        return arguments

    def _files(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> list[str]:
        files: list[str] = []
        for number, source in enumerate(self.sources):
            if urlsplit(source).scheme in {"http", "https"}:
                into = folder / f"{number}-{PurePosixPath(urlsplit(source).path).name}"
                airquery.fetch(source, into)
                files.append(str(into))
            elif is_object(source):
                files += download(source, folder, number=number)
            else:
                files += _matching(connection, source)
        return files


def _create_view(
    connection: duckdb.DuckDBPyConnection,
    function: str,
    files: Sequence[str],
    arguments: Mapping[str, object],
) -> None:
    call = _call(function, files, arguments)
    connection.sql(f"FROM {call}").create_view("source")


def _call(function: str, files: Sequence[str], arguments: Mapping[str, object]) -> str:
    try:
        given = ", ".join(f"{quoted(name)} = {written(value)}" for name, value in arguments.items())
    except NotWritable as problem:
        kind = type(problem.value).__name__
        raise AirflowFailException(f"A reader's option cannot be a {kind}.") from None
    return f"{function}({written(files)}{given and ', '}{given})"


def _matching(connection: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    rows = connection.execute("SELECT file FROM glob(?) ORDER BY file", [source]).fetchall()
    if not rows:
        raise AirflowException(f"No file matches {source!r}. Files of this partition may be late.")
    files = [str(file) for (file,) in rows]
    for file in files:
        if "://" not in file and Path(file).stat().st_size == 0:
            raise AirflowException(f"File {file!r} is empty, without even a header.")
    return files


def _named_line(
    connection: duckdb.DuckDBPyConnection, files: Sequence[str], arguments: Mapping[str, object]
) -> AirflowException:
    """Find the line that does not fit: read again without guessing types.

    DuckDB's first reading looks at many lines at once and only says that they do not go together.
    """
    for file in files:
        fixed = {
            **arguments,
            "auto_detect": False,
            "columns": _text_columns(connection, file, arguments),
        }
        try:
            _create_view(connection, "read_csv", [file], fixed)
            connection.table("source").count("*").fetchall()
        except duckdb.Error as error:
            return AirflowException(f"File {file!r} cannot be read. {error}")
    return AirflowException(f"The files do not go together: {', '.join(files)}.")


def _text_columns(
    connection: duckdb.DuckDBPyConnection, file: str, arguments: Mapping[str, object]
) -> Mapping[str, str]:
    if "columns" in arguments:
        return cast("Mapping[str, str]", arguments["columns"])
    names = enumerate(_header(connection, file, arguments))
    return {f"{name or 'column'}_{number}": "VARCHAR" for number, name in names}


def _header(
    connection: duckdb.DuckDBPyConnection, file: str, arguments: Mapping[str, object]
) -> list[str]:
    """Read the first line of a CSV as it is, split at its commas."""
    whole = {
        "auto_detect": False,
        "columns": {"line": "VARCHAR"},
        "delim": _NO_DELIMITER,
        "quote": "",
        "escape": "",
        "header": False,
        "skip": arguments["skip"],
    }
    whole |= {name: arguments[name] for name in ("compression", "encoding") if name in arguments}
    call = _call("read_csv", [file], whole)
    lines = connection.sql(f"FROM {call}").limit(1).fetchall()
    texts = [str(line) for (line,) in lines]
    return next(csv.reader(texts, delimiter=str(arguments["delim"])), [])
