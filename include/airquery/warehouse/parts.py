"""One partition of a table cut into parts, which are written aside and merged in one commit.

Which part a row is in depends on its key alone, so whoever cuts the same rows gets the same parts:
equal keys share a part, and every row is in exactly one. A part is a partition of a staging table,
`<table>__parts`, whose name holds the number of its split: what an older split left there is never
taken for one of this split.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from airquery.quoting import quoted
from airquery.warehouse.names import TableName


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import duckdb


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a partition of `source`, as the table was at `version`; it has `rows` rows.

    `number` counts from 1 to `of`. Without a `key`, all columns are the key.
    """

    source: str
    version: int
    partition: str
    split: int
    number: int
    of: int
    rows: int
    key: tuple[str, ...] = ()

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        given = {name: value for name, value in values.items() if name != "name"}
        return cls(**{**given, "key": tuple(given["key"])})

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, with its name for people."""
        return {**asdict(self), "key": list(self.key), "name": self.name}

    @property
    def name(self) -> str:
        """What people call it, such as `03 of 16`."""
        return f"{self.number:02} of {self.of:02}"

    @property
    def staged(self) -> str:
        """The partition of the staging table that holds its rows."""
        return f"{self.partition}/{self.split}/{self.number:02}-of-{self.of:02}"

    def select(self, con: duckdb.DuckDBPyConnection, whole: str) -> str:
        """Write the SELECT of its rows, from the SELECT of the whole partition's."""
        place = _place(con, whole, key=self.key, parts=self.of)
        return f"FROM ({whole}) AS _row WHERE {place} = {self.number - 1}"


def staging_of(table: str) -> str:
    """Name the table that holds the parts of a table until they are merged."""
    name = TableName.parse(table)
    return f"{name.schema}.{name.table}__parts"


def count_parts(
    con: duckdb.DuckDBPyConnection, whole: str, *, key: Sequence[str], parts: int
) -> dict[int, int]:
    """Count the rows of each part that has any, from the SELECT of the whole partition's."""
    place = _place(con, whole, key=key, parts=parts)
    counted = con.sql(f"FROM ({whole}) AS _row SELECT {place}, count(*) GROUP BY 1 ORDER BY 1")
    return {int(found) + 1: int(rows) for found, rows in counted.fetchall()}


def parts_among(held: Iterable[str], *, partition: str, until: int) -> list[str]:
    """Choose, of the partitions of a staging table, the parts of one split and of older ones."""
    return sorted(
        one
        for one in set(held)
        if (split := _split_of(one, partition)) is not None and split <= until
    )


def _split_of(staged: str, partition: str) -> int | None:
    owner, _, split = staged.rpartition("/")[0].rpartition("/")
    return int(split) if owner == partition and split.isdecimal() else None


def _place(con: duckdb.DuckDBPyConnection, whole: str, *, key: Sequence[str], parts: int) -> str:
    """Write the expression of a row's part, from 0. The row is called `_row`."""
    columns = key or con.sql(whole).columns
    texts = ", ".join(f"CAST(_row.{quoted(column)} AS VARCHAR)" for column in columns)
    # hash() and the text of a whole row are others in another version of DuckDB.
    return f"md5_number_lower(concat_ws('|', {texts})) % {parts}"
