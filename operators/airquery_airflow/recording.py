"""What a task did, kept with the journal for its report.

It is written when the task ends on a worker, or leaves it. That it cannot be written is said in the
log, and fails no task.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import airquery
from airquery_airflow.compat import masked


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import duckdb
    from airflow.sdk import Context

    from airquery.records import Origin, RunRecord, SampleTable
    from airquery.records.record import TableKind


log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Recording:
    """One stretch of an attempt of a task, until it is written down."""

    origin: Origin
    operator: str
    began_at: float = field(default_factory=time.time)
    _id: str = field(default_factory=lambda: uuid4().hex)
    _runs: list[str] = field(default_factory=list)
    _tables: list[SampleTable] = field(default_factory=list)

    @classmethod
    def begin(cls, context: Context, operator: type) -> Self:
        """Begin the record of what a task does from here on."""
        from airquery.records import Origin  # noqa: PLC0415 - not needed to parse a DAG

        ti = context["ti"]
        mapped = ti.map_index is not None and ti.map_index >= 0
        origin = Origin(
            source="airflow",
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=ti.map_index if mapped else None,
            try_number=ti.try_number,
        )
        return cls(origin=origin, operator=operator.__name__)

    def ran(self, record: RunRecord) -> None:
        """Note a run that the task made."""
        self._runs.append(record.id)

    def show(
        self,
        kind: TableKind,
        caption: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        total: int | None = None,
    ) -> None:
        """Keep the first rows of a table that the report shows; it has `total` rows."""
        from airquery.records import sample  # noqa: PLC0415 - not needed to parse a DAG

        known = tuple(map(tuple, rows))
        shown = tuple(tuple(map(_masked, row)) for row in known)
        self._tables.append(
            sample(
                kind,
                caption,
                tuple(columns),
                shown,
                total=len(known) if total is None else total,
            )
        )

    def show_some(
        self, kind: TableKind, caption: str, rows: duckdb.DuckDBPyRelation, *, total: int
    ) -> None:
        """Keep the first rows of what DuckDB has."""
        from airquery.records.record import MOST_ROWS  # noqa: PLC0415 - as above

        self.show(kind, caption, rows.columns, rows.limit(MOST_ROWS).fetchall(), total=total)

    def end(
        self,
        state: str,
        *,
        manifest: Mapping[str, Any] | None = None,
        problem: BaseException | None = None,
    ) -> None:
        """Write down how it ended."""
        from airquery.records import TaskRecord, records_of  # noqa: PLC0415 - as above

        record = TaskRecord(
            id=self._id,
            origin=self.origin,
            operator=self.operator,
            state=state,
            began_at=self.began_at,
            ended_at=time.time(),
            manifest=dict(manifest or {}),
            runs=tuple(self._runs),
            tables=tuple(self._tables),
            error=None if problem is None else _told(problem),
        )
        try:
            records_of(airquery.Settings.read()).add_task(record)
        except airquery.AirqueryError as unkept:
            log.warning("What the task did is in no report: %s", unkept)


def _masked(value: object) -> str | None:
    return None if value is None else masked(str(value))


def _told(problem: BaseException) -> str:
    """Say an error as the log does, but for what points into a statement."""
    from airflow.sdk.exceptions import AirflowException  # noqa: PLC0415 - slow to load

    from airquery.endpoints.redaction import sentence  # noqa: PLC0415 - as above
    from airquery.records.of_run import told  # noqa: PLC0415 - loads DuckDB

    if isinstance(problem, AirflowException):
        return masked(sentence(str(problem).partition("\nLINE ")[0]))
    return masked(told(problem))
