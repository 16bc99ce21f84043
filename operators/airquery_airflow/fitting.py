"""Sort the rows of one partition into `_typed` and `_quarantine`, two temporary tables.

The JSON of each row is read once. `_typed` keeps the number of its input row in `_row`, by which
the counts are checked: a row in neither table, or in both, is an error.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from airquery.output.structure import parse_ddl
from airquery.quoting import literal, quoted
from airquery.warehouse.names import TableName


if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from airquery.output.structure import Structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """What to sort, and by which schema."""

    source: str
    column: str
    schema: str
    error_column: str | None = None
    explode: str | None = None

    def run(self, connection: DuckDBPyConnection, *, partition: str) -> None:
        """Make `_typed` and `_quarantine`. Raises `AirflowFailException` if a row is lost."""
        structure = parse_ddl(self.schema, argument="schema")
        elements, element = self._elements(structure)
        rows = connection.sql(f"FROM {TableName.parse(self.source).sql}")
        rows = rows.filter(f"partition_key = {literal(partition)}")
        kept = self._kept(rows)
        fit = f"_json_fit({quoted(self.column)}, {literal(self.schema)})"
        rows.project(f"*, {fit} AS _fit, row_number() OVER () AS _row").create("_fitted")
        columns = _fields("_fit.result", structure)
        if elements is not None:
            columns = {n: sql for n, sql in columns.items() if sql != elements}
            columns |= {"ordinal": "_ordinal", **_fields("_element", element)}
        _refuse_twins([*kept, *columns, "raw", "reason", "_row", "_fit"])
        reason = f"{self._reason(elements)} AS _reason"
        connection.table("_fitted").project(f"*, {reason}").create("_judged")
        fitting = connection.table("_judged").filter("_reason IS NULL")
        if elements is not None:
            number = f"generate_subscripts({elements}, 1) AS _ordinal"
            fitting = fitting.project(f"*, unnest({elements}) AS _element, {number}")
        new = [f"{sql} AS {quoted(name)}" for name, sql in columns.items()]
        fitting.project(", ".join(["_row", *map(quoted, kept), *new])).create("_typed")
        why = [f"{quoted(self.column)} AS raw", "_reason AS reason"]
        others = connection.table("_judged").filter("_reason IS NOT NULL")
        others.project(", ".join([*map(quoted, kept), *why])).create("_quarantine")
        _check_counts(
            len(rows), typed=connection.table("_typed"), quarantined=connection.table("_quarantine")
        )

    def _kept(self, rows: DuckDBPyRelation) -> list[str]:
        """Name the columns that both tables keep."""
        given = rows.columns
        for name in (self.column, self.error_column):
            if name is not None and name not in given:
                raise AirflowFailException(
                    f"Table {self.source!r} has no column {name!r}. It has: {', '.join(given)}."
                )
        return [
            name for name in given if name not in {self.column, self.error_column, "partition_key"}
        ]

    def _elements(self, structure: Structure) -> tuple[str | None, Structure]:
        """Return the list to make rows of, as SQL, and what its elements are."""
        if self.explode is None:
            if isinstance(structure, list):
                return "_fit.result", structure[0]
            return None, structure
        found = structure.get(self.explode) if isinstance(structure, dict) else None
        if not isinstance(found, list):
            raise AirflowFailException(
                f"The schema {self.schema!r} has no ARRAY field {self.explode!r} to make rows of."
            )
        return f"_fit.result.{quoted(self.explode)}", found[0]

    def _reason(self, elements: str | None) -> str:
        """Return why a row is quarantined, as SQL; NULL for a row that fits."""
        cases = [
            f"WHEN {quoted(self.column)} IS NULL THEN 'There is no answer.'",
            "WHEN _fit.errorMessage IS NOT NULL THEN _fit.errorMessage",
            "WHEN _fit.result IS NULL THEN 'The answer is null.'",
        ]
        if self.error_column is not None:
            error = quoted(self.error_column)
            cases.insert(0, f"WHEN {error} IS NOT NULL THEN {error}")
        if elements is not None:
            cases.append(f"WHEN coalesce(len({elements}), 0) = 0 THEN 'The array is empty.'")
        return f"CASE {' '.join(cases)} END"


def _fields(value: str, structure: Structure) -> dict[str, str]:
    """Map each column that a value becomes to its SQL."""
    if isinstance(structure, dict):
        return {name: f"{value}.{quoted(name)}" for name in structure}
    return {"value": value}


def _refuse_twins(names: list[str]) -> None:
    counted = Counter(name.lower() for name in names)
    twins = sorted(name for name, count in counted.items() if count > 1)
    if twins:
        raise AirflowFailException(
            f"Both the source and the result have a column {', '.join(twins)}. "
            "Rename it in the step before."
        )


def _check_counts(taken: int, *, typed: DuckDBPyRelation, quarantined: DuckDBPyRelation) -> None:
    fitted = len(typed.project("_row").distinct())
    if taken != fitted + len(quarantined):
        raise AirflowFailException(
            f"{taken} rows were read, but {fitted} are typed and {len(quarantined)} quarantined: "
            "nothing is written."
        )
