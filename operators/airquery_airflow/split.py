"""Cut one partition of a table into parts for mapped tasks: numbers only, no row is copied.

The parts are those of one version of the table, so a part that is run again finds the rows it had,
whatever was written meanwhile.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airquery_airflow.told_task import ToldTask


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airquery_airflow.session import ConfigValue


log = logging.getLogger(__name__)

# Each part is a task: more of them slow the scheduler down, and the endpoint is not faster.
MOST_PARTS = 64


class SplitOperator(ToldTask):
    """Cut a partition into parts, for `AIQueryPartOperator.partial(...).expand(part=...)`.

    A row's part follows from the values of its key. A part without rows is left out, but for one.

    Args:
        table: The table to cut, as `schema.table`.
        parts: How many, at most 64. The requests of a part are in flight together, so one part for
            each worker is enough.
        key: The columns whose equal values stay together; all columns without it.
        partition: Which partition of the table.
        warehouse: The root of the tables; without it, what `AIRQUERY_WAREHOUSE` says.
        duckdb_config: Settings of the DuckDB session, such as `memory_limit` and `threads`.
    """

    template_fields: Sequence[str] = (*ToldTask.template_fields, "key")
    ui_color = "#fef7e0"

    def __init__(
        self,
        *,
        parts: int,
        key: str | Sequence[str] = (),
        duckdb_config: Mapping[str, ConfigValue] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_parts(parts)
        self.parts = parts
        self.key = key
        self.duckdb_config = duckdb_config

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Count the rows of each part; return the parts."""
        # DuckDB is loaded when a task runs, never when a DAG is parsed.
        from airquery.warehouse.parts import Part, count_parts  # noqa: PLC0415
        from airquery_airflow.session import open_session  # noqa: PLC0415

        split = int(context["ti"].start_date.timestamp() * 1_000_000)
        key = (self.key,) if isinstance(self.key, str) else tuple(self.key)
        with (
            self.telling(context),
            open_session(
                partition=self.partition,
                run_number=split,
                cancel=self.cancel,
                progress=self.progress,
                lineage=self.lineage,
                warehouse=self.warehouse,
                config=self.duckdb_config,
            ) as session,
            self.interruptible(session.connection.interrupt),
            self.progress.step(f"Counting the parts of {self.table}"),
        ):
            self.lineage.reads(session.warehouse.address(self.table))
            version = session.warehouse.version(self.table)
            rows = session.warehouse.select(
                session.connection, self.table, partition=self.partition, version=version
            )
            counted = count_parts(session.connection, rows, key=key, parts=self.parts)
        log.info(
            "%s [%s] version %d: %d rows in %d parts",
            self.table,
            self.partition,
            version,
            sum(counted.values()),
            len(counted),
        )
        self.tell(context, {"rows": sum(counted.values()), "parts": len(counted)})
        return [
            Part(
                source=self.table,
                version=version,
                partition=self.partition,
                split=split,
                number=number,
                of=self.parts,
                rows=count,
                key=key,
            ).to_json()
            # The partition without rows is published as well, by one part.
            for number, count in (counted or {1: 0}).items()
        ]


def check_parts(parts: int) -> None:
    """Refuse a number of parts that is none, or too many, when a DAG is parsed."""
    if isinstance(parts, bool) or not isinstance(parts, int) or not 1 <= parts <= MOST_PARTS:
        raise ValueError(
            f"The number of parts is {parts!r}. Give a whole number from 1 to {MOST_PARTS}: each "
            "part is a task, and inside one task thousands of requests are in flight at once."
        )
