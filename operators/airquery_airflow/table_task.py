"""What all operators are: a task that writes one partition of one table.

It may be run again at any time and by two attempts at once: the partition holds what the latest
attempt wrote. The partition is a template that serves data intervals and partition keys alike.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

import airquery


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow.sdk import Context

    from airquery.execute.flight import Cache
    from airquery_airflow.manifest import Manifest
    from airquery_airflow.session import ConfigValue, Session
    from airquery_airflow.spending import Planned


log = logging.getLogger(__name__)


class TableTask(BaseOperator):
    """Write one partition of one table.

    Args:
        table: The table to write, as `schema.table`.
        partition: Which partition of it. The default names the same one in a scheduled, a
            backfilled and a manual run.
        warehouse: The root of the tables; without it, what `AIRQUERY_WAREHOUSE` says.
        duckdb_config: Settings of the DuckDB session, such as `memory_limit` and `threads`.
    """

    template_fields: Sequence[str] = ("table", "partition", "warehouse")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql"}
    ui_color = "#e8f0fe"

    def __init__(
        self,
        *,
        table: str,
        partition: str = "{{ partition_key or ds }}",
        warehouse: str | None = None,
        duckdb_config: Mapping[str, ConfigValue] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.partition = partition
        self.warehouse = warehouse
        self.duckdb_config = duckdb_config
        self._cancel: airquery.Cancel | None = None
        self._session: Session | None = None

    @abstractmethod
    def write(self) -> Manifest | Planned:
        """Do the work and say what was written."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Write the partition; return its manifest."""
        # DuckDB and the engine are loaded when a task runs, never when a DAG is parsed.
        from airquery_airflow.errors import airflow_errors  # noqa: PLC0415

        check_partition(self.partition)
        self._cancel = airquery.Cancel()
        self._run_number = int(context["ti"].start_date.timestamp() * 1_000_000)
        with airflow_errors():
            manifest = self.write()
        log.info("%s", manifest)
        summary = manifest.to_xcom()
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra = summary
        return summary

    @contextmanager
    def session(
        self, registry: airquery.Registry | None = None, *, cache: Cache = "reuse"
    ) -> Iterator[Session]:
        """Open the task's DuckDB session; `on_kill` interrupts it."""
        from airquery_airflow.session import open_session  # noqa: PLC0415

        with open_session(
            partition=self.partition,
            run_number=self._run_number,
            cancel=self._cancel or airquery.Cancel(),
            warehouse=self.warehouse,
            config=self.duckdb_config,
            registry=registry,
            cache=cache,
        ) as session:
            self._session = session
            try:
                yield session
            finally:
                self._session = None

    def on_kill(self) -> None:
        """Stop what the task is doing: it will not publish."""
        if self._cancel is not None:
            self._cancel.set()
        if self._session is not None:
            self._session.connection.interrupt()


def check_partition(partition: str) -> None:
    """Refuse a partition that a template rendered to nothing."""
    if partition.strip() in {"", "None"}:
        raise AirflowFailException(
            "No partition is named. Give the run a logical date or a partition key."
        )
