"""One connection to PostgreSQL that is made anew when it is lost.

Work is one transaction, and may be done twice: when a connection is lost while it commits, nobody
knows whether it did. So whatever runs here comes to the same when it runs again. Nothing is kept in
the session, so that a pooler that hands out transactions may stand between.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from airquery.errors import JournalError, MissingPackage
from airquery.journal.address import hide_passwords, libpq_url, place


if TYPE_CHECKING:
    from collections.abc import Callable


log = logging.getLogger(__name__)

PATIENCE_S = 60.0
RETRY_S = 0.5
# A host that has vanished is noticed by these; what the URL says goes before them.
DEFAULTS = {
    "application_name": "airquery",
    "client_encoding": "UTF8",
    "connect_timeout": "10",
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
READ_ONLY = "25006"

_Result = TypeVar("_Result")


class Cursor(Protocol):
    """What is used of a cursor."""

    rowcount: int

    def execute(self, query: str, values: object = None) -> None:
        """Run a statement."""

    def fetchone(self) -> Any:  # a row is what its query selects
        """Return the next row."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""


class Link:
    """The way to one database. Every method may be called from any thread.

    `patience_s` is how long a lost connection is tried again before `JournalError`.
    """

    def __init__(self, url: str, *, patience_s: float = PATIENCE_S) -> None:
        self._url = url
        self._patience_s = patience_s
        self._driver = _psycopg2()
        self._lock = threading.Lock()
        self._connection: Any = None
        self._said = False

    def run(self, work: Callable[[Cursor], _Result], *, patience_s: float | None = None) -> _Result:
        """Do the work in a transaction, again if the connection is lost. Raises `JournalError`."""
        patience_s = self._patience_s if patience_s is None else patience_s
        deadline = time.monotonic() + patience_s
        with self._lock:
            while True:
                try:
                    result = self._once(work)
                except (self._driver.Error, ValueError) as problem:
                    if not self._may_pass(problem) or time.monotonic() >= deadline:
                        # Chained, it would show a traceback whose message was not looked through.
                        raise self._explained(problem) from None
                    self._say_once(problem)
                    time.sleep(RETRY_S)
                else:
                    self._said = False
                    return result

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._drop()

    def _once(self, work: Callable[[Cursor], _Result]) -> _Result:
        try:
            if self._connection is None:
                self._connection = self._connect()
            with self._connection, self._connection.cursor() as cursor:
                return work(cursor)
        except BaseException:
            # A new connection is cheap; one in an unknown state is not.
            self._drop()
            raise

    def _connect(self) -> Any:  # the driver has no types
        given = self._driver.extensions.parse_dsn(libpq_url(self._url))
        connection = self._driver.connect(**{**DEFAULTS, **given})
        # Claims are safe only where each statement sees what was committed before it.
        connection.set_session(isolation_level="READ COMMITTED")
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _say_once(self, problem: Exception) -> None:
        """Log an outage when it begins, not at every attempt."""
        if not self._said:
            said = hide_passwords(" ".join(str(problem).split()), self._url)
            log.warning("journal lost, trying again place=%s problem=%s", place(self._url), said)
        self._said = True

    def _may_pass(self, problem: Exception) -> bool:
        """Tell whether trying again may help: the server is away, restarts, or is a replica yet."""
        passing = (self._driver.OperationalError, self._driver.InterfaceError)
        return isinstance(problem, passing) or getattr(problem, "pgcode", None) == READ_ONLY

    def _explained(self, problem: Exception) -> JournalError:
        said = hide_passwords(" ".join(str(problem).split()), self._url).rstrip(".")
        error = JournalError(
            f"The journal in the {place(self._url)} (PostgreSQL) cannot be used: {said}. See that the "
            "server runs and lets this user in, or name another journal with AIRQUERY_JOURNAL."
        )
        error.retryable = error.keeps_nothing = self._may_pass(problem)
        return error


def _psycopg2() -> Any:  # the driver has no types
    try:
        import psycopg2.extensions  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingPackage(
            "psycopg2",
            needed_for="A journal on PostgreSQL",
            install="pip install 'airquery[postgres]'",
        ) from None
    return psycopg2
