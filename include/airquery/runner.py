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
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING
from uuid import uuid4

from airquery.clock import Clock, SystemClock
from airquery.connection import register
from airquery.errors import AirqueryError, JobsOut, JournalError
from airquery.execute.budget import budgets_of, outcome_of
from airquery.execute.departure import Departure
from airquery.execute.statement import Cancel
from airquery.job import Job
from airquery.records.of_run import record_of
from airquery.sqlfn.answering import SLICE_S
from airquery.sqlfn.register import session_of
from airquery.sqlfn.script import Dialect, read_script
from airquery.telemetry import observed


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb
    import pyarrow as pa

    from airquery.answer import Failure
    from airquery.execute.budget import Budget, RunOutcome
    from airquery.execute.stats import RunStats
    from airquery.planning.estimate import Estimate
    from airquery.records.record import Origin, RunRecord
    from airquery.sqlfn.databricks import Unit
    from airquery.sqlfn.session import Session


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished statement.

    `table` holds the rows of the last query, or None if no statement returned rows, or they went to
    `on_rows`. `failures` are
    the named failures, one per distinct request; `latencies_s` how long the endpoint took for each
    answer that was paid for; `notes` say which calls were not answered ahead, and why. `id` names
    its record and its rows in airquery_usage(); None if it asked nothing.
    """

    table: pa.Table | None
    stats: RunStats
    failures: tuple[Failure, ...]
    latencies_s: tuple[float, ...]
    notes: tuple[str, ...]
    id: str | None = None

    @property
    def outcome(self) -> RunOutcome:
        """Say how it ended: `complete`, `partial` with failed rows, or `budget_stopped`.

        What ended in an error is `aborted`, and has no `Run`.
        """
        return outcome_of(self.failures)


def run(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    *,
    dialect: Dialect = "duckdb",
    variables: Mapping[str, str] | None = None,
    on_progress: Callable[[RunStats], None] | None = None,
    on_rows: Callable[[pa.RecordBatch], None] | None = None,
    cancel: Cancel | None = None,
    budget: Budget | Sequence[Budget] | None = None,
    detach: bool = False,
    origin: Origin | None = None,
    estimate: Estimate | None = None,
    on_record: Callable[[RunRecord], None] | None = None,
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
        budget: the most that may be spent by this run, or on a day by all that name it. Rows that it
            has no room for are not asked: they end as AI_FUNCTION_BUDGET_EXCEEDED, and running
            again with more asks only for them.
        detach: do not wait for batch jobs: once all that is missing is in jobs that were submitted,
            raise `JobsOut`. Running it again goes on from there.
        origin: who asks, for the record of the run.
        estimate: what `plan` said of the statement, to be kept beside what it cost.
        on_record: called with what is kept of the run, however it ended, if it asked anything.
        clock: where `seconds` are read.

    Raises:
        StatementError, ConfigurationError: before the first request.
        BudgetExceeded: a row was not asked under failOnError => true.
        RowFailed: a row failed under failOnError => true.
        JobsOut: with `detach`, the answers are still to come.
        Cancelled: `cancel` was set. KeyboardInterrupt passes through once the work has stopped.
        duckdb.Error: anything DuckDB itself refuses.
    """
    budgets = budgets_of(budget)
    session, units = prepared(connection, sql, dialect=dialect, variables=variables)
    job = Job(
        connection,
        session,
        cancel=cancel or Cancel(),
        clock=clock or SystemClock(),
        on_rows=on_rows,
        budgets=budgets,
    )
    job.statement.detaches = detach
    kept = _Kept(session, job, origin=origin, estimate=estimate, on_record=on_record)
    try:
        with observed(job.statement, job.stats):
            finished = _supervised(job, units, on_progress, Departure() if detach else None)
    except JobsOut as out:
        kept.end("jobs_out")
        out.stats = job.stats()
        raise
    except BaseException as problem:
        kept.end("aborted", problem=problem)
        raise
    else:
        note = kept.end(finished.outcome)
        return replace(finished, notes=(*finished.notes, *note), id=kept.id)
    finally:
        job.close()


class _Kept:
    """What is kept of a run. That it cannot be kept is said, and loses no run."""

    def __init__(
        self,
        session: Session,
        job: Job,
        *,
        origin: Origin | None,
        estimate: Estimate | None,
        on_record: Callable[[RunRecord], None] | None,
    ) -> None:
        self._session, self._job = session, job
        self._origin, self._estimate, self._on_record = origin, estimate, on_record
        self.id: str | None = None

    def end(self, outcome: RunOutcome, *, problem: BaseException | None = None) -> tuple[str, ...]:
        """Write down how the run ended; return a note if that cannot be."""
        record = record_of(
            self._job.statement,
            name=uuid4().hex,
            began_at=self._job.began_at,
            ended_at=self._job.time(),
            outcome=outcome,
            origin=self._origin,
            estimate=self._estimate,
            notes=self._job.notes,
            problem=problem,
        )
        if record is None:
            return ()
        try:
            self._session.records.add_run(record)
        except JournalError as unkept:
            log.warning("what the run did cannot be kept: %s", unkept)
            return (f"what the run did is neither in airquery_usage() nor in a report: {unkept}",)
        self.id = record.id
        if self._on_record is not None:
            self._on_record(record)
        return ()


def prepared(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    *,
    dialect: Dialect,
    variables: Mapping[str, str] | None,
) -> tuple[Session, Sequence[Unit]]:
    """Make ai_query known on a connection, and return its session and the statements of a text."""
    register(connection)
    session = session_of(connection)
    if session is None:
        raise AirqueryError("ai_query could not be registered on this connection.")
    units = read_script(sql, dialect=dialect, variables=variables)
    if dialect == "databricks":
        from airquery.sqlfn.databricks_names import with_tables  # noqa: PLC0415 - loads sqlglot

        units = with_tables(connection, units, session.warehouse)
    return session, units


def _supervised(
    job: Job,
    units: Sequence[Unit],
    on_progress: Callable[[RunStats], None] | None,
    departure: Departure | None,
) -> Run:
    """Wait for a job where signals arrive; whatever happens here stops it first."""
    worker = threading.Thread(target=job.work, args=(units,), name="airquery-run", daemon=True)
    worker.start()
    try:
        while not job.done.wait(SLICE_S):
            if on_progress is not None:
                on_progress(job.stats())
            if departure is not None:
                _let_go(job, departure)
            if job.statement.cancel.is_set():
                job.connection.interrupt()
    except BaseException as problem:
        job.statement.cancel.set()
        while not job.done.wait(SLICE_S):
            job.connection.interrupt()
        if on_progress is not None and isinstance(problem, KeyboardInterrupt):
            # Whoever tells what was left behind needs the last figures.
            on_progress(job.stats())
        raise
    worker.join()
    if on_progress is not None:
        # Also of a statement that failed: whoever tells of it needs the last figures.
        on_progress(job.stats())
    if job.problem is not None:
        job.statement.check_cancelled()
        raise job.problem
    return Run(
        table=job.table,
        stats=job.stats(),
        failures=job.statement.failures(),
        latencies_s=tuple(chain.from_iterable(job.statement.latencies_s().values())),
        notes=tuple(job.notes),
    )


def _let_go(job: Job, departure: Departure) -> None:
    """Let a statement leave its batch jobs to their provider, once it waits for nothing else."""
    stats = job.stats()
    if departure.may_go(
        all_out=job.statement.all_out(),
        collected=stats.collected,
        requests=stats.requests,
        now=stats.seconds,
    ):
        job.statement.go()
