"""The rows of a published partition, on their way out of the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery.quoting import literal
from airquery.warehouse.names import PARTITION_COLUMN, TableName
from airquery_airflow.session import output_statement


if TYPE_CHECKING:
    import duckdb

    from airquery_airflow.session import Session


def published_rows(session: Session, table: str, sql: str) -> tuple[duckdb.DuckDBPyRelation, int]:
    """Return what a SELECT over `source`, the partition's rows, gives; and the table's version.

    A partition that nobody has published is no empty one: what is at the target must not go for it.
    """
    published = session.warehouse.published(table, session.partition)
    if published is None:
        raise AirflowException(
            f"Partition {session.partition!r} of {table!r} was never published: there is nothing "
            "to copy. Run the task that writes it first."
        )
    connection = session.connection
    session.attach(table, partition=session.partition)
    # The statement may read other partitions of the same table, under its own name.
    rows = connection.sql(f"FROM {TableName.parse(table).sql}")
    rows.filter(f"{PARTITION_COLUMN} = {literal(session.partition)}").create_view("source")
    session.attach_tables_of(sql)
    connection.execute(output_statement(sql))
    rows = connection.table("_output")
    if PARTITION_COLUMN not in rows.columns:
        raise AirflowFailException(
            f"The SELECT over {table!r} leaves out {PARTITION_COLUMN}, by which the rows are found "
            "again. Select it too."
        )
    strays = rows.filter(f"{PARTITION_COLUMN} IS DISTINCT FROM {literal(session.partition)}")
    if strays.limit(1).fetchall():
        raise AirflowFailException(
            f"The SELECT over {table!r} gives rows of other partitions than "
            f"{session.partition!r}. Select {PARTITION_COLUMN} as it is."
        )
    return rows, published.version
