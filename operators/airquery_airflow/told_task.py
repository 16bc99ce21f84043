"""What all operators share: a task on one partition of one table that tells what it does.

How far it is goes to the log and the task's state, what came of it to XCom and its outlets, what it
read and wrote to OpenLineage. A kill stops what it is doing. An error says whose it is.
"""

from __future__ import annotations

import _thread
import inspect
import logging
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Asset, AssetAlias, BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

import airquery
from airquery_airflow.compat import has_left, state_store
from airquery_airflow.lineage import Lineage
from airquery_airflow.mapped import DEFAULT_PARTITION
from airquery_airflow.progress import Progress
from airquery_airflow.recording import Recording


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context
    from airflow.sdk.exceptions import AirflowException


log = logging.getLogger(__name__)

_INTERRUPT_EVERY_S = 0.05
_DOCUMENTED = frozenset({"doc", "doc_json", "doc_md", "doc_rst", "doc_yaml"})


class ToldTask(BaseOperator):
    """Work on one partition of one table, and tell of it.

    Args:
        table: The table, as `schema.table`.
        partition: Which partition of it. The default names the same one in a scheduled, a
            backfilled and a manual run. It asks the run for its key, since templates have a
            `partition_key` of their own only from Airflow 3.3 on.
        warehouse: The root of the tables; without it, what `AIRQUERY_WAREHOUSE` says.
    """

    template_fields: Sequence[str] = ("table", "partition", "warehouse")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "sql": "sql",
        "variables": "json",
        "budget": "json",
    }
    ui_color = "#e8f0fe"

    progress_every_s: float = 10.0

    def __init__(
        self,
        *,
        table: str,
        partition: str = DEFAULT_PARTITION,
        warehouse: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not _DOCUMENTED.intersection(kwargs):
            kwargs["doc_md"] = documentation(type(self))
        super().__init__(**kwargs)
        self.table = table
        self.partition = partition
        self.warehouse = warehouse
        # Made when the task runs: an operator is copied and stored before.
        self._progress: Progress | None = None
        self._recording: Recording | None = None
        self._lineage: Lineage | None = None
        self._cancel: airquery.Cancel | None = None
        self._interrupts: list[Callable[[], object]] = []

    @property
    def progress(self) -> Progress:
        """Return what tells how far this attempt is."""
        if self._progress is None:
            self._progress = Progress(every_s=self.progress_every_s)
        return self._progress

    @property
    def recording(self) -> Recording:
        """Return the record of what this attempt does; there is one while it tells of its work."""
        if self._recording is None:
            raise RuntimeError("A task has a record from when it begins to tell of its work.")
        return self._recording

    @property
    def lineage(self) -> Lineage:
        """Return what this attempt has read and written so far."""
        if self._lineage is None:
            self._lineage = Lineage()
        return self._lineage

    @property
    def cancel(self) -> airquery.Cancel:
        """Return the flag that a kill of this attempt sets."""
        if self._cancel is None:
            self._cancel = airquery.Cancel()
        return self._cancel

    @contextmanager
    def telling(self, context: Context) -> Iterator[None]:
        """Tell of the work inside, and turn its errors into Airflow's."""
        # DuckDB and the engine are loaded when a task runs, never when a DAG is parsed.
        from airquery_airflow.errors import airflow_errors  # noqa: PLC0415

        check_partition(self.partition)
        self._lineage = Lineage()
        self._recording = Recording.begin(context, type(self))
        self._progress = Progress(store=state_store(context), every_s=self.progress_every_s)
        try:
            with airflow_errors(self._about):
                self.cancel.check()
                yield
        except BaseException as problem:
            state = _state_after(problem)
            if state == "failed":
                self.lineage.counts = self.progress.record
            if state != "deferred":
                self.progress.finish(state, {})
            self.recording.end(state, problem=None if state == "deferred" else problem)
            raise

    def tell(
        self,
        context: Context,
        summary: Mapping[str, Any],
        *,
        problem: AirflowException | None = None,
    ) -> None:
        """Give what came of the task to its outlets, its state and its record: names and numbers.

        `problem` is what it ends with in spite of it, such as a partition that is not good enough.

        An alias among the outlets stands for the table that the task is about, which becomes an
        asset of the name and the address of the table.
        """
        numbers = {name: value for name, value in summary.items() if _is_number(value)}
        state = "done" if problem is None else _state_after(problem)
        self.progress.finish(state, numbers)
        self.recording.end(state, manifest=summary, problem=problem)
        self.lineage.counts = {**summary}
        for outlet in self.outlets:
            if isinstance(outlet, AssetAlias):
                context["outlet_events"][outlet].add(self._asset(), extra=dict(summary))
            elif isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra = dict(summary)

    @contextmanager
    def interruptible(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """Let a kill of the task call `interrupt` while the work inside lasts.

        Raises `Cancelled` if the task was killed before.
        """
        self._interrupts.append(interrupt)
        try:
            self.cancel.check()
            yield
        finally:
            self._interrupts.remove(interrupt)

    def on_kill(self) -> None:
        """Stop what the task is doing: it will not publish.

        What runs now is interrupted at once, and what is begun after it until the task has noticed.
        """
        self.cancel.set()
        self._interrupt()
        # This is a signal's handler: a `Thread` takes a lock that the interrupted code may hold.
        _thread.start_new_thread(self._keep_interrupting, ())

    def get_openlineage_facets_on_complete(
        self, task_instance: object
    ) -> OperatorLineage[Any, Any]:
        """Tell OpenLineage what was read and written; its provider calls this."""
        from airquery_airflow.openlineage_facets import operator_lineage  # noqa: PLC0415

        return operator_lineage(self.lineage)

    def get_openlineage_facets_on_failure(self, task_instance: object) -> OperatorLineage[Any, Any]:
        """Tell OpenLineage what was read, and written in spite of the failure."""
        return self.get_openlineage_facets_on_complete(task_instance)

    def _keep_interrupting(self) -> None:
        while self._interrupts:
            self._interrupt()
            time.sleep(_INTERRUPT_EVERY_S)

    def _interrupt(self) -> None:
        if not self._interrupts:
            return
        import duckdb  # noqa: PLC0415 - whoever has something to interrupt has loaded it

        for interrupt in tuple(self._interrupts):
            # Closed in this moment, it has nothing left to stop.
            with suppress(duckdb.ConnectionException):
                interrupt()

    def _asset(self) -> Asset:
        root = self.warehouse or airquery.Settings.read().warehouse
        return Asset(name=self.table, uri=airquery.Warehouse(root).address(self.table))

    def _about(self) -> str:
        """Say whose an error is: the table, the partition, and how far the requests were."""
        about = f"Table {self.table!r}, partition {self.partition!r}"
        told = self.progress.record
        if told.get("requests"):
            about += (
                f" ({told['answered']} of {told['requests']} requests answered, "
                f"{told['failed']} failed)"
            )
        return about


def _state_after(problem: BaseException) -> str:
    """Return the state of a task that ends with this; what lets it leave its worker fails nothing."""
    if isinstance(problem, AirflowSkipException):
        return "skipped"
    return "deferred" if has_left(problem) else "failed"


def documentation(operator: type[ToldTask]) -> str:
    """Return what an operator does, for the page of a task that says nothing of itself."""
    text = inspect.getdoc(operator) or ""
    return f"`{operator.__name__}`: {text.partition('Args:')[0].strip()}"


def check_partition(partition: str) -> None:
    """Refuse a partition that a template rendered to nothing."""
    if partition.strip() in {"", "None"}:
        raise AirflowFailException(
            "No partition is named. Give the run a logical date or a partition key."
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
