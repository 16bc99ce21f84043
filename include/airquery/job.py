"""The work of one `airquery.run`: plan each statement, read its requests ahead, and run it."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import duckdb

from airquery.errors import BudgetExceeded
from airquery.execute.budget import Spending
from airquery.execute.course import Course
from airquery.planning.plan import Plan
from airquery.readers import BATCH_ROWS, Readers, sees_the_same
from airquery.sqlfn.answering import SLICE_S
from airquery.sqlfn.mentions import mentions_calls


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from airquery.clock import Clock
    from airquery.execute.budget import Budget
    from airquery.execute.statement import Cancel
    from airquery.execute.stats import RunStats
    from airquery.sqlfn.databricks import Unit
    from airquery.sqlfn.session import Session


log = logging.getLogger(__name__)

# How much DuckDB computes ahead of who takes the rows one batch after another; it is some ten chunks
# at least.
ROWS_AHEAD = "1KB"


def planned(text: str) -> Plan:
    """Plan one statement, its calls checked. Raises `StatementError`."""
    if not mentions_calls(text):
        return Plan(text=text)
    # sqlglot takes a tenth of a second to load, and is not needed where nothing is asked.
    from airquery.planning.build import build, parse  # noqa: PLC0415
    from airquery.sqlfn.arguments import check_arguments  # noqa: PLC0415
    from airquery.sqlfn.offered import check_offered  # noqa: PLC0415

    tree = parse(text)
    if tree is not None:
        check_offered(tree)
        check_arguments(tree)
    return build(text)


class Job:
    """The work of one `run`, done on one thread and watched from another."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        session: Session,
        *,
        cancel: Cancel,
        clock: Clock,
        on_rows: Callable[[pa.RecordBatch], None] | None,
        budgets: Sequence[Budget] = (),
    ) -> None:
        self.connection = connection
        self._session = session
        self._number, self._running = session.begin(cancel)
        self.statement = self._running.statement
        self.statement.per_day = tuple(one for one in budgets if one.per_day is not None)
        for own in (one for one in budgets if one.per_day is None and one.is_bound):
            self.statement.spending = Spending(own)
        self._clock = clock
        self._began, self.began_at = clock.monotonic(), clock.time()
        self.statement.note_course(Course(clock.monotonic))
        self._on_rows = on_rows
        self.table: pa.Table | None = None
        self.notes: list[str] = []
        self.problem: BaseException | None = None
        self._stopped: BaseException | None = None
        self.done = threading.Event()

    def close(self) -> None:
        """Give up what only this statement wanted."""
        self._session.end(self._number)

    def stats(self) -> RunStats:
        """Return the counters, with the time since it began."""
        return self.statement.stats(seconds=self._clock.monotonic() - self._began)

    def time(self) -> float:
        """Return the time, in seconds since 1970."""
        return self._clock.time()

    def work(self, units: Sequence[Unit]) -> None:
        """Run the statements; what goes wrong is kept in `problem`."""
        try:
            plans = [[self._planned(text) for text in unit] for unit in units]
            self.connection.execute(f"SET VARIABLE airquery_statement = {self._number}")
            with ExitStack() as settings:
                # DuckDB draws its bar on stdout, over the rows, once a statement takes two seconds.
                settings.enter_context(
                    _setting(self.connection, "enable_progress_bar", value=False)
                )
                if self._on_rows is not None:
                    settings.enter_context(
                        _setting(self.connection, "streaming_buffer_size", ROWS_AHEAD)
                    )
                for unit in plans:
                    self._execute(unit, last=unit is plans[-1])
            self.statement.collected = True
            self._note_left()
        except BaseException as problem:  # noqa: BLE001  (raised again on the caller's thread)
            # DuckDB passes on only the text of what our functions raise: the error itself is here.
            self.problem = self._stopped or self._session.errors.get(self._number, problem)
            if isinstance(self.problem, BudgetExceeded):
                self._wait_for_paid()
        finally:
            self.done.set()

    def _note_left(self) -> None:
        if left := self.statement.left:
            self.notes.append(
                f"{left:,} requests had been begun by a process that ended without a word: those of "
                "them that were in flight then are paid for twice"
            )

    def _wait_for_paid(self) -> None:
        """Wait for what is in flight: it is paid for, and this process may end next."""
        while not self.statement.wait_for_all(timeout_s=SLICE_S):
            if self.statement.cancel.is_set():
                break

    def _planned(self, text: str) -> Plan:
        plan = planned(text)
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
            self.statement.groups.check()
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
            self._hand_out(relation, self._on_rows)
            return
        table = relation.to_arrow_table()
        if keep and (table.num_rows or table.schema.names != ["Success"]):
            self.table = table

    def _hand_out(
        self, relation: duckdb.DuckDBPyRelation, on_rows: Callable[[pa.RecordBatch], None]
    ) -> None:
        """Give rows away as they come. DuckDB computes on meanwhile, until it is stopped."""
        with relation.to_arrow_reader(BATCH_ROWS) as reader:
            for batch in reader:
                try:
                    on_rows(batch)
                except BaseException as problem:
                    self._stopped = problem
                    self.statement.abandon()
                    self.connection.interrupt()
                    raise


@contextmanager
def _setting(connection: duckdb.DuckDBPyConnection, name: str, value: str | bool) -> Iterator[None]:
    """Give a setting of a connection another value for a while.

    Not inside a transaction that may fail: while it is aborted, nothing can be set back.
    """
    [(before,)] = connection.execute("SELECT current_setting($name)", {"name": name}).fetchall()
    connection.execute(f"SET {name} = $value", {"value": value})
    try:
        yield
    finally:
        # The caller's own transaction may be aborted; then only the caller can end it.
        with suppress(duckdb.Error):
            connection.execute(f"SET {name} = $value", {"value": before})


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
