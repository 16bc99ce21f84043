"""One partition of a table of another database, replaced in one transaction.

A table `airquery_publications` beside it keeps which attempt wrote a partition last. Its row is
locked by the transaction that replaces the rows, so of two attempts the later one's rows stay, in
whatever order they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from airquery.warehouse.names import PARTITION_COLUMN
from airquery_airflow.publish_types import declared, selected
from airquery_sql import read


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

    from airquery_airflow.database import Database


ROWS_IN_A_BATCH = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePartition:
    """The partition to replace. `target` is `table` or `schema.table`."""

    database: Database
    target: str
    partition: str
    run_number: int

    def replace(self, rows: duckdb.DuckDBPyRelation, *, create: bool) -> int:
        """Make the rows the whole of the partition; return how many there are."""
        return self.database.run(lambda connection: self._replace(connection, rows, create=create))

    def _replace(self, connection: Any, rows: duckdb.DuckDBPyRelation, *, create: bool) -> int:
        cursor = connection.cursor()
        # It is committed by itself: two first attempts at once would not see each other's.
        cursor.execute(read("publish/publications.sql"))
        if create:
            cursor.execute(self._create(rows))
        connection.commit()
        self._take(connection, cursor)
        column = self._quoted(PARTITION_COLUMN)
        delete = f"DELETE FROM {self._table} WHERE {column} = "  # noqa: S608 - they are quoted
        emptied = self._bound(delete) + self._mark
        cursor.execute(emptied, (self.partition,))
        count = self._insert(cursor, rows)
        self.database.check()
        connection.commit()
        return count

    def _take(self, connection: Any, cursor: Any) -> None:
        """Lock the partition for this attempt, unless a later one has written it."""
        key = (self.target, self.partition)
        cursor.execute(read("publish/first.sql").replace("?", self._mark), (*key, 0, *key))
        taken = read("publish/take.sql").replace("?", self._mark)
        cursor.execute(taken, (self.run_number, *key, self.run_number))
        if cursor.rowcount != 1:
            connection.rollback()
            raise AirflowException(
                f"Partition {self.partition!r} of {self.target!r} was not written to connection "
                f"{self.database.conn_id!r}: an attempt that began later has written it already."
            )

    def _insert(self, cursor: Any, rows: duckdb.DuckDBPyRelation) -> int:
        names = ", ".join(map(self._quoted, rows.columns))
        count = 0
        if self.database.driver == "psycopg":
            with cursor.copy(f"COPY {self._table} ({names}) FROM STDIN") as copy:
                for batch in self._batches(rows):
                    for row in batch:
                        copy.write_row(row)
                    count += len(batch)
            return count
        marks = ", ".join([self._mark] * len(rows.columns))
        insert = f"INSERT INTO {self._table} ({names}) VALUES "  # noqa: S608 - they are quoted
        statement = self._bound(insert) + f"({marks})"
        for batch in self._batches(rows):
            cursor.executemany(statement, batch)
            count += len(batch)
        return count

    def _batches(self, rows: duckdb.DuckDBPyRelation) -> Iterator[Sequence[tuple[Any, ...]]]:
        columns = zip(rows.columns, rows.types, strict=True)
        chosen = ", ".join(selected(name, kind, self._dialect) for name, kind in columns)
        reader = rows.project(chosen).to_arrow_reader(ROWS_IN_A_BATCH)
        for batch in reader:
            self.database.check()
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))

    def _create(self, rows: duckdb.DuckDBPyRelation) -> str:
        columns = ", ".join(
            f"{self._quoted(name)} {declared(kind, self._dialect)}"
            for name, kind in zip(rows.columns, rows.types, strict=True)
        )
        return f"CREATE TABLE IF NOT EXISTS {self._table} ({columns})"

    @property
    def _table(self) -> str:
        return ".".join(map(self._quoted, self.target.split(".")))

    @property
    def _dialect(self) -> str:
        return str(self.database.hook.dialect_name)

    @property
    def _mark(self) -> str:
        return str(self.database.hook.placeholder)

    def _quoted(self, name: str) -> str:
        """Quote a name as the connection's dialect does."""
        form = str(self.database.hook.dialect.escape_word_format)
        return form.format(name.replace(form[-1], form[-1] * 2))

    def _bound(self, statement: str) -> str:
        """Keep a percent sign of a name from being taken for a placeholder."""
        return statement.replace("%", "%%") if "%" in self._mark else statement
