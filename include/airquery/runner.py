"""Run a statement with its requests answered ahead: `airquery.run`.

The statement runs on a worker thread and the caller's thread waits in Python, so that Ctrl-C, a
kill and progress get through while DuckDB is busy. For each statement: collect requests round by
round while they are being answered, then run the text itself, which finds its answers there; what
was not collected is asked in passing. Both see one snapshot: they share a transaction.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from airquery.clock import Clock, SystemClock
from airquery.connection import register
from airquery.errors import AirqueryError
from airquery.execute.statement import Cancel, RunStats, Statement
from airquery.plan.build import Plan, build, parse
from airquery.sqlfn.answering import SLICE_S
from airquery.sqlfn.arguments import check_arguments
from airquery.sqlfn.databricks_names import with_tables
from airquery.sqlfn.offered import check_offered
from airquery.sqlfn.register import session_of
from airquery.sqlfn.script import Dialect, read_script


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from airquery.answer import Failure
    from airquery.sqlfn.databricks import Unit
    from airquery.sqlfn.session import Session


log = logging.getLogger(__name__)

BATCH_ROWS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished statement.

    `table` holds the rows of the last query, or None if no statement returned rows. `failures` are
    the named failures, one per distinct request; `latencies_s` how long the endpoint took for each
    answer that was paid for; `notes` say which calls were not answered ahead, and why.
    """

    table: pa.Table | None
    stats: RunStats
    failures: tuple[Failure, ...]
    latencies_s: tuple[float, ...]
    notes: tuple[str, ...]


def run(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    *,
    dialect: Dialect = "duckdb",
    variables: Mapping[str, str] | None = None,
    on_progress: Callable[[RunStats], None] | None = None,
    cancel: Cancel | None = None,
    clock: Clock | None = None,
) -> Run:
    """Run one or more statements, their requests answered ahead.

    Args:
        connection: any DuckDB connection; ai_query is registered on it if it is not yet.
        sql: the statements, separated by semicolons.
        dialect: how they are spelled.
        variables: values for `${name}` in the text, and for `:name` in Databricks text. Without
            them DuckDB text is left alone; in Databricks text a name without a value is an error.
        on_progress: called with the counters about ten times a second.
        cancel: a flag that stops it from any thread.
        clock: where `seconds` are read.

    Raises:
        StatementError, ConfigurationError: before the first request.
        RowFailed: a row failed under failOnError => true.
        Cancelled: `cancel` was set. KeyboardInterrupt passes through once the work has stopped.
        duckdb.Error: anything DuckDB itself refuses.
    """
    register(connection)
    session = session_of(connection)
    if session is None:
        raise AirqueryError("ai_query could not be registered on this connection.")
    units = read_script(sql, dialect=dialect, variables=variables)
    if dialect == "databricks":
        units = with_tables(connection, units, session.warehouse)
    cancel = cancel or Cancel()
    number, statement = session.begin(cancel)
    job = _Job(connection, session, number, statement, clock or SystemClock())
    try:
        return _supervised(job, units, on_progress)
    finally:
        session.end(number)


class _Job:
    """The work of one `run`, done on one thread and watched from another."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        session: Session,
        number: int,
        statement: Statement,
        clock: Clock,
    ) -> None:
        self.connection = connection
        self.statement = statement
        self._session = session
        self._number = number
        self._clock = clock
        self._began = clock.monotonic()
        self.table: pa.Table | None = None
        self.notes: list[str] = []
        self.problem: BaseException | None = None
        self.done = threading.Event()

    def stats(self) -> RunStats:
        """Return the counters, with the time since it began."""
        return self.statement.stats(seconds=self._clock.monotonic() - self._began)

    def work(self, units: Sequence[Unit]) -> None:
        """Run the statements; what goes wrong is kept in `problem`."""
        try:
            plans = [[self._planned(text) for text in unit] for unit in units]
            self.connection.execute(f"SET VARIABLE airquery_statement = {self._number}")
            for unit in plans:
                self._execute(unit)
            self.statement.mark_collected()
        except BaseException as problem:  # noqa: BLE001  (raised again on the caller's thread)
            # DuckDB passes on only the text of what our functions raise: the error itself is here.
            self.problem = self._session.errors.get(self._number, problem)
        finally:
            self.done.set()

    def _planned(self, text: str) -> Plan:
        tree = parse(text)
        if tree is not None:
            check_offered(tree)
            check_arguments(tree)
        plan = build(text)
        if plan.note:
            self.notes.append(plan.note)
            log.info("not answered ahead: %s", plan.note)
        return plan

    def _execute(self, unit: Sequence[Plan]) -> None:
        """Run the statements of a unit: all of them, or none."""
        if len(unit) == 1 and not unit[0].sites:
            self._fetch(unit[0].text)
            return
        owner = _begin(self.connection)
        try:
            for plan in unit:
                self._collect_all(plan, may_restart=owner and plan is unit[0])
                self._fetch(plan.text, keep=plan is unit[-1])
            self.statement.check_ratios()
            if owner:
                self.connection.commit()
        except BaseException:
            if owner:
                with suppress(duckdb.Error):
                    self.connection.rollback()
            raise

    def _collect_all(self, plan: Plan, *, may_restart: bool) -> None:
        try:
            for query in plan.rounds:
                self._collect(query)
        except duckdb.Error as problem:
            # The collecting query is a rewrite: if DuckDB refuses it, the text itself decides.
            if not may_restart or self._number in self._session.errors:
                raise
            self.notes.append(f"requests could not be collected: {problem}")
            self.connection.rollback()
            self.connection.begin()
        if plan.rounds:
            self.statement.mark_collected()

    def _collect(self, query: str) -> None:
        """Read a collecting query to its end, then wait for what it began.

        Again, while there are rows whose answers decide what they ask next.
        """
        while True:
            self.statement.take_unfinished()
            # A reader that is left open would own the connection after a failure.
            with self.connection.sql(query).to_arrow_reader(BATCH_ROWS) as reader:
                for _ in reader:
                    self.statement.check()
            while not self.statement.wait_for_all(timeout_s=SLICE_S):
                self.statement.check()
                self.statement.check_ratios()
            self.statement.check()
            if not self.statement.take_unfinished():
                return

    def _fetch(self, text: str, *, keep: bool = True) -> None:
        self.statement.check()
        # DuckDB 1.5 gives no relation for a statement without rows; 2.0 always gives one.
        relation: duckdb.DuckDBPyRelation | None = self.connection.sql(text)
        if relation is None:
            return
        table = relation.to_arrow_table()
        # SET, ATTACH and their like have this column and no row.
        if keep and (table.num_rows or table.schema.names != ["Success"]):
            self.table = table


def _supervised(
    job: _Job, units: Sequence[Unit], on_progress: Callable[[RunStats], None] | None
) -> Run:
    """Wait for a job where signals arrive; whatever happens here stops it first."""
    worker = threading.Thread(target=job.work, args=(units,), name="airquery-run", daemon=True)
    worker.start()
    try:
        while not job.done.wait(SLICE_S):
            if on_progress is not None:
                on_progress(job.stats())
            if job.statement.cancel.is_set():
                job.connection.interrupt()
    except BaseException:
        job.statement.cancel.set()
        while not job.done.wait(SLICE_S):
            job.connection.interrupt()
        raise
    worker.join()
    if job.problem is not None:
        job.statement.cancel.check()
        raise job.problem
    if on_progress is not None:
        on_progress(job.stats())
    return Run(
        table=job.table,
        stats=job.stats(),
        failures=job.statement.failures(),
        latencies_s=job.statement.latencies_s(),
        notes=tuple(job.notes),
    )


def _begin(connection: duckdb.DuckDBPyConnection) -> bool:
    """Open a transaction; False if the caller has one open already.

    Trying to open a second one would abort the first. Outside of a transaction every statement has
    a number of its own.
    """
    numbers = {str(connection.execute("SELECT txid_current()").fetchall()) for _ in range(2)}
    if len(numbers) == 1:
        return False
    connection.begin()
    return True
