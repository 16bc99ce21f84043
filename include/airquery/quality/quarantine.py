"""Which rows of a partition fail, by their keys, in a table of their own.

One row for each failing row and expectation that does not hold. DuckDB streams them from the
partition into the table: no list of them is ever in Python. The table's partition is replaced in
one commit, and empty when nothing fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from airquery.errors import QualityError, suggestion
from airquery.quality.json_schema import misfit_function, read_schema
from airquery.quality.own_expectations import BATCH, CONFORMS
from airquery.quality.suite import CUSTOM_SQL
from airquery.quoting import literal, quoted
from airquery_sql import read


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery.quality.gx import Evaluated
    from airquery.quality.suite import Expectation, Suite
    from airquery.warehouse import Warehouse


# The columns beside the key; `raw` and `reason` are those of every quarantine of the project.
COLUMNS = ("expectation", "column_name", "severity", "raw", "reason")
_LONGEST_RAW = 300
_NO_TEXT = "CAST(NULL AS VARCHAR)"
_NONE = read("quality/no_rows.sql")
_FAILING = read("quality/failing_rows.sql")
_TWINS = read("quality/compound_twins.sql")
# GX's own SELECT for it joins each failing row with the whole table.
_COMPOUND = "expect_compound_columns_to_be_unique"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """Where failing rows go, which columns are their key, and how many an expectation may send."""

    table: str
    key: tuple[str, ...]
    run_number: int
    most_rows: int = 100_000

    def check(self, con: duckdb.DuckDBPyConnection) -> None:
        """Refuse a key that the table has not."""
        has = con.table(BATCH).columns
        for name in self.key:
            if name not in has:
                raise QualityError(
                    f"The key of the quarantine {self.table!r}: there is no column {name!r}. "
                    f"{suggestion(name, has)}"
                )
            if name.lower() in COLUMNS:
                raise QualityError(
                    f"The quarantine {self.table!r} has a column {name!r} of its own. "
                    "Rename that of the key."
                )

    def publish(
        self,
        con: duckdb.DuckDBPyConnection,
        warehouse: Warehouse,
        suite: Suite,
        evaluated: Sequence[Evaluated],
        *,
        partition: str,
    ) -> tuple[int, tuple[str, ...]]:
        """Replace the partition of the quarantine; return its rows, and what is not in it."""
        selects = [_NONE.format(key=", ".join(map(quoted, self.key)), batch=BATCH)]
        notes = []
        for item, found in zip(suite.expectations, evaluated, strict=True):
            if found.outcome.success:
                continue
            select = self._select(con, suite, item, found)
            if select is None:
                notes.append(f"{item.type}: no rows can be told apart, so none are in quarantine.")
                continue
            selects.append(select)
            count = found.outcome.unexpected_count or 0
            if count > self.most_rows:
                notes.append(f"{item.type}: {self.most_rows} of {count} rows are in quarantine.")
        published = warehouse.publish(
            self.table,
            con.sql(" UNION ALL ".join(f"({select})" for select in selects)),
            partition=partition,
            run_number=self.run_number,
        )
        return published.rows, tuple(notes)

    def _select(
        self, con: duckdb.DuckDBPyConnection, suite: Suite, item: Expectation, found: Evaluated
    ) -> str | None:
        """Write the SELECT of an expectation's failing rows; None if there is none."""
        columns = _columns(item, suite.parameters)
        keys = ", ".join(map(quoted, self.key))
        if item.type == CUSTOM_SQL:
            query = str(item.kwargs["unexpected_rows_query"]).format(batch=BATCH).rstrip("; \n\t")
            if not _has(con, query, self.key):
                return None
            source = con.sql(query).project(keys).sql_query()
        elif item.type == _COMPOUND:
            source = _twins(keys, columns)
        elif found.rows is not None and columns:
            source = found.rows.rstrip("; \n\t")
        else:
            return None
        names = [f"k{at}" for at in range(len(self.key))]
        values = [f"v{at}" for at in range(len(columns))]
        chosen = [f"{k} AS {quoted(name)}" for k, name in zip(names, self.key, strict=True)]
        texts = [f"CAST({value} AS VARCHAR)" for value in values]
        reason = literal(f"Not so: {item.description or item.type}")
        if item.type == CONFORMS:
            reason = _shortened(f"{misfit_function(con, _schema(item, suite))}(v0)")
        return _FAILING.format(
            key=", ".join(chosen),
            expectation=literal(item.type),
            column_name=literal(", ".join(columns)) if columns else _NO_TEXT,
            severity=literal(item.severity),
            raw=_shortened(f"concat_ws(', ', {', '.join(texts)})" if texts[1:] else texts[0])
            if texts
            else _NO_TEXT,
            reason=reason,
            source=source,
            names=", ".join([*names, *values]),
            most_rows=self.most_rows,
        )


def _shortened(text: str) -> str:
    return f"left({text}, {_LONGEST_RAW})"


def _twins(keys: str, columns: Sequence[str]) -> str:
    names = [quoted(name) for name in columns]
    return _TWINS.format(
        key=keys,
        columns=", ".join(names),
        batch=BATCH,
        known=" AND ".join(f"{name} IS NOT NULL" for name in names),
    )


def _columns(item: Expectation, parameters: Mapping[str, object]) -> list[str]:
    """Name the columns that an expectation is about, in the order of its SELECT."""
    if "column" in item.kwargs:
        return [str(_given(item.kwargs["column"], parameters))]
    listed = _given(item.kwargs.get("column_list"), parameters)
    if isinstance(listed, list):
        return [str(name) for name in listed]
    pair = ("column_A", "column_B")
    return [str(_given(item.kwargs[name], parameters)) for name in pair if name in item.kwargs]


def _schema(item: Expectation, suite: Suite) -> Mapping[str, object]:
    return read_schema(_given(item.kwargs["json_schema"], suite.parameters))


def _given(value: object, parameters: Mapping[str, object]) -> object:
    """Fill in a `$PARAMETER`."""
    match value:
        case {"$PARAMETER": str(name)}:
            return parameters[name]
    return value


def _has(con: duckdb.DuckDBPyConnection, query: str, key: Sequence[str]) -> bool:
    """Say whether a query returns the key. One that cannot be run has an outcome that says so."""
    try:
        return set(key) <= set(con.sql(query).columns)
    except duckdb.Error:
        return False
