"""What all operators are: a task that writes one partition of one table.

It may be run again at any time and by two attempts at once: the partition holds what the latest
attempt wrote. The partition is a template that serves data intervals and partition keys alike.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airquery_airflow.mapped import check_places
from airquery_airflow.told_task import ToldTask, check_partition


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow.sdk import Context
    from airflow.sdk.exceptions import AirflowException

    import airquery
    from airquery.execute.flight import Cache
    from airquery_airflow.manifest import Manifest
    from airquery_airflow.session import ConfigValue, Session
    from airquery_airflow.spending import Planned


__all__ = ["TableTask", "check_partition"]

log = logging.getLogger(__name__)


class TableTask(ToldTask):
    """Write one partition of one table.

    Args:
        table: The table to write, as `schema.table`.
        partition: Which partition of it. The default names the same one in a scheduled, a
            backfilled and a manual run.
        warehouse: The root of the tables; without it, what `AIRQUERY_WAREHOUSE` says.
        duckdb_config: Settings of the DuckDB session, such as `memory_limit` and `threads`.
    """

    def __init__(
        self, *, duckdb_config: Mapping[str, ConfigValue] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.duckdb_config = duckdb_config
        # As the DAG says it: whether instances of a mapped task differ shows before it is rendered.
        self._written: dict[str, object] = {
            "table": self.table,
            "partition": self.partition,
            "warehouse": self.warehouse,
        }

    @abstractmethod
    def write(self) -> Manifest | Planned:
        """Do the work and say what was written."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Write the partition; return its manifest."""
        with self.telling(context):
            check_places(self, context, self._written)
            self._run_number = int(context["ti"].start_date.timestamp() * 1_000_000)
            manifest = self.write()
        log.info("%s", manifest)
        summary = manifest.to_xcom()
        problem = self.objection(summary)
        self.tell(context, summary, problem=problem)
        if problem is not None:
            # A task that fails returns nothing, and what it found is wanted most.
            context["ti"].xcom_push(key="return_value", value=summary)
            raise problem
        return summary

    def objection(self, summary: Mapping[str, Any]) -> AirflowException | None:
        """Return what the task fails with although it has written its partition, if anything."""
        return None

    @contextmanager
    def session(
        self, registry: airquery.Registry | None = None, *, cache: Cache = "reuse"
    ) -> Iterator[Session]:
        """Open the task's DuckDB session; `on_kill` interrupts it."""
        from airquery_airflow.session import open_session  # noqa: PLC0415

        with (
            open_session(
                partition=self.partition,
                run_number=self._run_number,
                cancel=self.cancel,
                progress=self.progress,
                lineage=self.lineage,
                warehouse=self.warehouse,
                config=self.duckdb_config,
                registry=registry,
                cache=cache,
            ) as session,
            self.interruptible(session.connection.interrupt),
        ):
            yield session
