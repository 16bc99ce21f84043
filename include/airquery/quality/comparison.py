"""Compare the fields that were extracted with what is true, value by value, in DuckDB.

Both tables have a row for each thing, known by its key. Texts are equal whatever their case and
spaces, and a blank one is none; numbers are equal as numbers; a value that cannot be one of the
truth's type is a wrong one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import airquery_sql
from airquery.errors import QualityError
from airquery.quality.score import FieldScore
from airquery.quoting import literal, quoted
from airquery.warehouse.names import TableName


if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection


_NUMBERS = frozenset(
    {"tinyint", "smallint", "integer", "bigint", "hugeint", "float", "double", "decimal"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What to compare: two tables `schema.table` of a connection, by key, in these fields."""

    found: str
    truth: str
    key: Sequence[str]
    fields: Sequence[str]

    def scores(self, connection: DuckDBPyConnection, *, partition: str) -> tuple[FieldScore, ...]:
        """Count one partition, a score a field. Raises `QualityError` for what cannot be compared."""
        if not self.key or not self.fields:
            raise QualityError("A comparison needs a key and fields. Name columns of both tables.")
        types = {name: self._types(connection, name) for name in (self.found, self.truth)}
        for name in (self.found, self.truth):
            self._refuse_twins(connection, name, partition)
        return tuple(
            self._score(connection, field, types[self.truth][field], partition)
            for field in self.fields
        )

    def _types(self, connection: DuckDBPyConnection, name: str) -> dict[str, str]:
        table = connection.sql(f"FROM {TableName.parse(name).sql}")
        kinds = dict(zip(table.columns, map(str, table.types), strict=True))
        missing = [column for column in (*self.key, *self.fields) if column not in kinds]
        if missing:
            raise QualityError(
                f"Table {name} has no column {missing[0]!r}. It has: {', '.join(kinds)}."
            )
        return kinds

    def _refuse_twins(self, connection: DuckDBPyConnection, name: str, partition: str) -> None:
        key = ", ".join(map(quoted, self.key))
        query = airquery_sql.read("quality/key_twins.sql").format(
            row=f"({key})", table=TableName.parse(name).sql, partition=literal(partition), key=key
        )
        if twin := connection.execute(query).fetchone():
            raise QualityError(
                f"Partition {partition!r} of table {name} has several rows with the key "
                f"{', '.join(self.key)} = {twin[0]}. Name columns that tell its rows apart."
            )

    def _score(
        self, connection: DuckDBPyConnection, field: str, kind: str, partition: str
    ) -> FieldScore:
        found, truth = (_present(f"{side}.{quoted(field)}") for side in ("found", "truth"))
        query = airquery_sql.read("quality/field_counts.sql").format(
            expected=truth,
            predicted=found,
            correct=f"{_comparable(found, kind)} = {_comparable(truth, kind)}",
            truth=TableName.parse(self.truth).sql,
            found=TableName.parse(self.found).sql,
            partition=literal(partition),
            same_row=" AND ".join(f"found.{quoted(k)} = truth.{quoted(k)}" for k in self.key),
        )
        ((expected, predicted, correct),) = connection.execute(query).fetchall()
        return FieldScore(field=field, expected=expected, predicted=predicted, correct=correct)


def _present(value: str) -> str:
    """Write a value that is NULL where a text is blank."""
    return f"CASE WHEN trim(CAST({value} AS VARCHAR)) <> '' THEN {value} END"


def _comparable(value: str, kind: str) -> str:
    """Write a value in the form in which equal ones are equal."""
    if kind == "VARCHAR":
        return f"lower(trim(regexp_replace(CAST({value} AS VARCHAR), '\\s+', ' ', 'g')))"
    if kind.partition("(")[0].lower() in _NUMBERS:
        return f"TRY_CAST({value} AS DOUBLE)"
    return f"TRY_CAST({value} AS {kind})"
