"""Run a statement with its requests answered ahead: `airquery.run`.

The statement runs on a worker thread and the caller's thread waits in Python, so that Ctrl-C, a
kill and progress get through while DuckDB is busy. While the text itself runs, readers on other
connections are some way ahead of it and begin its requests; it finds its answers there, and what
was not read ahead is asked in passing. Where only its own connection sees its rows (an open
transaction, temporary tables, the time), requests are collected there first, round by round.
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
from airquery.execute.statement import Cancel
from airquery.plan.build import Plan, build, parse
from airquery.readers import BATCH_ROWS, Readers, sees_the_same
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
    from airquery.execute.stats import RunStats
    from airquery.sqlfn.databricks import Unit
    from airquery.sqlfn.session import Session


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished statement.

    `table` holds the rows of the last query, or None if no statement returned rows, or they went to
    `on_rows`. `failures` are
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
    on_rows: Callable[[pa.RecordBatch], None] | None = None,
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
        on_rows: called with the rows of the last query as they come, on another thread; the result
            has no table then. What it raises stops the statement.
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
    job = _Job(
        connection,
        session,
        cancel=cancel or Cancel(),
        clock=clock or SystemClock(),
        on_rows=on_rows,
    )
    try:
        return _supervised(job, units, on_progress)
    finally:
        job.close()


class _Job:
    """The work of one `run`, done on one thread and watched from another."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        session: Session,
        *,
        cancel: Cancel,
        clock: Clock,
        on_rows: Callable[[pa.RecordBatch], None] | None,
    ) -> None:
        self.connection = connection
        self._session = session
        self._number, self._running = session.begin(cancel)
        self.statement = self._running.statement
        self._clock = clock
        self._began = clock.monotonic()
        self._on_rows = on_rows
        self.table: pa.Table | None = None
        self.notes: list[str] = []
        self.problem: BaseException | None = None
        self.done = threading.Event()

    def close(self) -> None:
        """Give up what only this statement wanted."""
        self._session.end(self._number)

    def stats(self) -> RunStats:
        """Return the counters, with the time since it began."""
        return self.statement.stats(seconds=self._clock.monotonic() - self._began)

    def work(self, units: Sequence[Unit]) -> None:
        """Run the statements; what goes wrong is kept in `problem`."""
        try:
            plans = [[self._planned(text) for text in unit] for unit in units]
            self.connection.execute(f"SET VARIABLE airquery_statement = {self._number}")
            for unit in plans:
                self._execute(unit, last=unit is plans[-1])
            self.statement.collected = True
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

    def _execute(self, unit: Sequence[Plan], *, last: bool) -> None:
        """Run the statements of a unit: all of them, or none."""
        if len(unit) == 1 and not unit[0].sites:
            self._fetch(unit[0].text, last=last)
            return
        owner = _begin(self.connection)
        try:
            for plan in unit:
                first = owner and plan is unit[0]
                if not plan.rounds:
                    self._fetch(plan.text, keep=plan is unit[-1], last=last)
                elif first and sees_the_same(self.connection, plan):
                    self._read_ahead(plan, keep=plan is unit[-1], last=last)
                else:
                    self._collect_all(plan, may_restart=first)
                    self._fetch(plan.text, keep=plan is unit[-1], last=last)
            self.statement.check_ratios()
            if owner:
                self.connection.commit()
        except BaseException:
            if owner:
                with suppress(duckdb.Error):
                    self.connection.rollback()
            raise

    def _read_ahead(self, plan: Plan, *, keep: bool, last: bool) -> None:
        """Run a statement while readers ask its requests ahead."""
        self.statement.collected, self.statement.reading = False, True

        def done() -> None:
            if plan.all_ahead:
                self._session.engine.complete(self.statement)

        readers = Readers(
            self.connection,
            self._running,
            number=self._number,
            errors=self._session.errors,
            done=done,
        )
        try:
            readers.start(plan.readers)
            self._fetch(plan.text, keep=keep, last=last)
        finally:
            readers.stop()
            self.notes += readers.notes
        # A reader's error that the statement itself did not come upon was none of its own.
        self._session.errors.pop(self._number, None)

    def _collect_all(self, plan: Plan, *, may_restart: bool) -> None:
        self.statement.collected, self.statement.paced = False, False
        self.statement.reading = True
        try:
            for query in plan.rounds:
                self._collect(query, complete=plan.all_ahead and query is plan.rounds[-1])
        except duckdb.Error as problem:
            # The collecting query is a rewrite: if DuckDB refuses it, the text itself decides.
            if not may_restart or self._number in self._session.errors:
                raise
            self.notes.append(f"requests could not be collected: {problem}")
            self.connection.rollback()
            self.connection.begin()

    def _collect(self, query: str, *, complete: bool) -> None:
        """Read a collecting query to its end, then wait for what it began, and what that leads to."""
        # A reader that is left open would own the connection after a failure.
        with self.connection.sql(query).to_arrow_reader(BATCH_ROWS) as reader:
            for _ in reader:
                self.statement.check()
        while not self._running.go_on() or not self.statement.wait_for_all(timeout_s=SLICE_S):
            self.statement.check()
            if complete and not self.statement.collected:
                self._session.engine.complete(self.statement)
            self.statement.wait_for_all(timeout_s=SLICE_S)
        self.statement.check()

    def _fetch(self, text: str, *, keep: bool = True, last: bool) -> None:
        self.statement.check()
        # DuckDB 1.5 gives no relation for a statement without rows; 2.0 always gives one.
        relation: duckdb.DuckDBPyRelation | None = self.connection.sql(text)
        if relation is None:
            return
        # SET, ATTACH and their like have this column and no row.
        if self._on_rows is not None and keep and last and relation.columns != ["Success"]:
            with relation.to_arrow_reader(BATCH_ROWS) as reader:
                for batch in reader:
                    self._on_rows(batch)
            return
        table = relation.to_arrow_table()
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
