"""The table that a pipeline is made for: its columns, and which of them is key, text and day.

The file is read as `IngestOperator` will read it. What is not said is found: the longest texts, the
first column that has another value in every row, the first one of dates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airquery import quoting
from airquery.errors import InvalidSetting, suggestion
from airquery_airflow.formats import DEFAULTS, READERS, SUFFIXES, Format, suffix_of


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    import duckdb


SAMPLE: Final = Path(__file__).parent / "templates" / "sample.csv"
_COUNTED = re.compile(r"VARCHAR|UUID|U?(TINY|SMALL|BIG)?INT(EGER)?")
_UNUSABLE = re.compile(r"[ ,;()=]")
# Names and paths stand in templates that Airflow renders, and in comments of one line.
_RENDERED = re.compile(r"[{}\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which columns are what; None is for what is to be found, or is not there."""

    text: str | None = None
    key: str | None = None
    day: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file, its columns with their types, and what they are for.

    `key` is None if no column tells the rows apart, `day` if none says when a row was. The days are
    those with a text; without a column of days it is the one on which the pipeline is made.
    """

    file: Path
    format: Format
    columns: Mapping[str, str]
    text: str
    key: str | None
    day: str | None
    first_day: date
    last_day: date
    rows_of_first_day: int
    texts_of_first_day: int

    @property
    def names_in_tables(self) -> dict[str, str]:
        """Return what each column is called in tables, where fewer names are possible."""
        return {name: _UNUSABLE.sub("_", name) for name in self.columns}

    @property
    def said(self) -> str:
        """Say what was chosen."""
        key = "by their number" if self.key is None else f"by {self.key!r}"
        day = "every run reads all rows" if self.day is None else f"days are those of {self.day!r}"
        return f"It asks about {self.text!r}; rows are told apart {key}; {day}."


def read_source(file: Path | None, given: Choice, *, today: date) -> Source:
    """Read a file, or the sample. Raises `InvalidSetting` if it cannot be made a pipeline of."""
    import duckdb  # noqa: PLC0415 - it takes a tenth of a second, and wrong names come first

    path = SAMPLE if file is None else file.expanduser().absolute()
    kind = _format(path)
    with duckdb.connect() as connection:
        rows = connection.sql(f"FROM {_reader(path, kind)}")
        columns = dict(zip(rows.columns, map(str, rows.types), strict=True))
        for name in columns:
            _check_harmless(name, f"{path}: the column's name")
        chosen, text = _choose(rows, columns, given, path)
        trimmed = f"trim(CAST({quoting.quoted(text)} AS VARCHAR))"
        told = rows.filter(f"{trimmed} <> ''")
        first = last = today
        if chosen.day is not None:
            day = f"CAST({quoting.quoted(chosen.day)} AS DATE)"
            first, last = _figures(told, (f"min({day})", f"max({day})"))
            if first is None:
                raise InvalidSetting(f"No row of {path} has both {text!r} and {chosen.day!r}.")
            told = told.filter(f"{day} = DATE '{first}'")
        count, texts = _figures(told, ("count(*)", f"count(DISTINCT {trimmed})"))
    return Source(
        file=path,
        format=kind,
        columns=columns,
        text=text,
        key=chosen.key,
        day=chosen.day,
        first_day=first,
        last_day=last,
        rows_of_first_day=count,
        texts_of_first_day=texts,
    )


def _format(path: Path) -> Format:
    if not path.is_file():
        raise InvalidSetting(f"There is no file {path}.")
    _check_harmless(str(path), "The path")
    kind = SUFFIXES.get(suffix_of(path.as_posix()))
    if kind is None:
        raise InvalidSetting(
            f"The format of {path} cannot be told from its name. Known: {', '.join(SUFFIXES)}."
        )
    return kind


def _reader(path: Path, kind: Format) -> str:
    options = "".join(
        f", {name} = {quoting.written(value)}" for name, value in DEFAULTS[kind].items()
    )
    return f"{READERS[kind]}({quoting.literal(str(path))}{options})"


def _choose(
    rows: duckdb.DuckDBPyRelation, columns: Mapping[str, str], given: Choice, path: Path
) -> tuple[Choice, str]:
    """Complete a choice, with the text beside it, which there must be."""
    for name in filter(None, (given.text, given.key, given.day)):
        if name not in columns:
            raise InvalidSetting(f"{path} has no column {name!r}. {suggestion(name, columns)}")
    text = given.text or _longest(rows, columns)
    if text is None:
        raise InvalidSetting(
            f"{path} has no column of texts to ask about. It has {', '.join(columns)}."
        )
    if columns[text] != "VARCHAR":
        raise InvalidSetting(f"Column {text!r} of {path} is {columns[text]}, not text.")
    key = given.key or _first_unique(rows, columns, besides=text)
    day = given.day or next((name for name in columns if _holds_days(columns[name])), None)
    if day is not None and not _holds_days(columns[day]):
        raise InvalidSetting(
            f"Column {day!r} of {path} is {columns[day]}, neither DATE nor TIMESTAMP."
        )
    return Choice(text=text, key=key, day=day), text


def _longest(rows: duckdb.DuckDBPyRelation, columns: Mapping[str, str]) -> str | None:
    texts = [name for name, kind in columns.items() if kind == "VARCHAR"]
    lengths = _figures(rows, (f"avg(length({quoting.quoted(name)}))" for name in texts))
    return max(zip((n or 0 for n in lengths), texts, strict=True), default=(0, None))[1]


def _first_unique(
    rows: duckdb.DuckDBPyRelation, columns: Mapping[str, str], *, besides: str
) -> str | None:
    names = [name for name, kind in columns.items() if _COUNTED.fullmatch(kind) and name != besides]
    distinct = (f"count(DISTINCT {quoting.quoted(name)})" for name in names)
    count, *counts = _figures(rows, ("count(*)", *distinct))
    return next((name for name, n in zip(names, counts, strict=True) if n == count), None)


def _holds_days(kind: str) -> bool:
    return kind == "DATE" or (kind.startswith("TIMESTAMP") and "ZONE" not in kind)


def _check_harmless(name: str, what: str) -> None:
    if _RENDERED.search(name):
        raise InvalidSetting(
            f"{what} {name!r} has a brace or a control character in it. Rename it."
        )


def _figures(rows: duckdb.DuckDBPyRelation, expressions: Iterable[str]) -> tuple[Any, ...]:
    """Return aggregates of the rows; none of none."""
    wanted = ", ".join(expressions)
    if not wanted:
        return ()
    [figures] = rows.aggregate(wanted).fetchall()
    return tuple(figures)
