"""One partition of a table as one Parquet file, in a folder or an object store."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from airquery_airflow.manifest import Manifest
from airquery_airflow.table_task import TableTask


if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from airquery_airflow.session import Session


log = logging.getLogger(__name__)

_RUN = "airquery_run"


class PublishParquetOperator(TableTask):
    """Write a partition to one Parquet file, which appears whole or not at all.

    The file names the attempt that wrote it, and an attempt that runs late writes nothing. Neither
    a folder nor an object store has a lock for that, so two that end in the same instant are not
    told apart.

    Args:
        table: The table of the warehouse to read, as `schema.table`.
        path: The file, or its URL in an object store (`s3://conn_id@bucket/key`). It names the
            partition, as in `out/day={{ ds }}/answers.parquet`.
        sql: A SELECT over the relation `source`, the partition's rows. It keeps `partition_key`.
    """

    template_fields: Sequence[str] = (*TableTask.template_fields, "path", "sql")

    def __init__(self, *, path: str, sql: str = "SELECT * FROM source", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.sql = sql
        self._written["path"] = path

    def write(self) -> Manifest:
        """Write the file."""
        from airquery_airflow.object_store import is_object, opened, upload  # noqa: PLC0415
        from airquery_airflow.published_rows import published_rows  # noqa: PLC0415

        with self.session() as session:
            rows, version = published_rows(session, self.table, self.sql)
            if is_object(self.path):
                file = session.folder / "partition.parquet"
                _write(rows, file, run_number=session.run_number)
                session.cancel.check()
                with opened(self.path) as held:
                    self._refuse_newer(held, session)
                upload(file, self.path)
            else:
                self._replace(rows, Path(self.path.removeprefix("file://")), session)
            count = len(rows)
            kinds = map(str, rows.types)
            columns = zip(rows.columns, kinds, strict=True)
            self.lineage.writes(self.path, rows=count, columns=columns)
        log.info("Wrote %d rows to %s.", count, self.path)
        return Manifest(table=self.path, partition=self.partition, version=version, rows=count)

    def _replace(self, rows: duckdb.DuckDBPyRelation, path: Path, session: Session) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Readers of a folder leave out what begins with a dot.
        beside = path.with_name(f".{path.name}.{session.run_number}")
        try:
            _write(rows, beside, run_number=session.run_number)
            session.cancel.check()
            with beside.open("rb") as written:
                os.fsync(written.fileno())
            if path.exists():
                with path.open("rb") as held:
                    self._refuse_newer(held, session)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def _refuse_newer(self, held: Any, session: Session) -> None:
        if held is not None and _run_of(held) > session.run_number:
            raise AirflowException(
                f"Partition {self.partition!r} was not written to {self.path!r}: an attempt that "
                "began later has written it already."
            )


def _write(rows: duckdb.DuckDBPyRelation, file: Path, *, run_number: int) -> None:
    from pyarrow import parquet  # noqa: PLC0415 - no DAG needs it to be parsed

    with rows.to_arrow_reader(100_000) as batches:
        schema = batches.schema.with_metadata({_RUN: str(run_number)})
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch.replace_schema_metadata(schema.metadata))


def _run_of(file: Any) -> int:
    """Return which attempt wrote a file, and 0 for a file of somebody else."""
    from pyarrow import ArrowException, parquet  # noqa: PLC0415

    try:
        noted = parquet.read_metadata(file).metadata or {}
    except ArrowException as error:
        raise AirflowException(
            f"There is a file at the path already, and it is no Parquet: {error}. Move it away."
        ) from error
    return int(noted.get(_RUN.encode(), b"0"))
