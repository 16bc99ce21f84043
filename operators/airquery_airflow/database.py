"""One Airflow SQL connection, used by one task: errors that name it, and a way to interrupt it.

The work runs on a thread of its own while the task waits in Python: a driver may wait in C for
minutes, and a signal handler would not run until it comes back.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowFailException


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import airquery


_Result = TypeVar("_Result")


class Database:
    """What a connection id leads to.

    Args:
        conn_id: An Airflow connection whose hook speaks the Python database API.
        cancel: Set when the task was killed.
    """

    def __init__(self, conn_id: str, *, cancel: airquery.Cancel) -> None:
        self.conn_id = conn_id
        self._cancel = cancel
        self._connection: Any = None
        # Drivers and hooks have no common type that a task without them could import.
        self.hook: Any = BaseHook.get_hook(conn_id)
        declared = BaseHook.get_connection(conn_id)
        if not (hasattr(self.hook, "get_conn") and hasattr(self.hook, "placeholder")):
            raise AirflowFailException(
                f"Connection {conn_id!r} is of type {declared.conn_type!r}, which is no SQL "
                "database. Name one whose provider has a hook for SQL."
            )
        self._password = declared.password or ""

    def run(self, work: Callable[[Any], _Result]) -> _Result:
        """Connect, and do the work with the connection; nothing is committed but by the work."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="airquery-database") as thread:
            return thread.submit(self._run, work).result()

    def check(self) -> None:
        """Raise `Cancelled` for a task that was killed."""
        self._cancel.check()

    def interrupt(self) -> None:
        """Stop the statement that runs, from any thread."""
        stop = getattr(self._connection, "cancel", None)
        stop = stop or getattr(self._connection, "interrupt", None)
        if stop is not None:
            stop()

    @property
    def driver(self) -> str:
        """Name the driver's package."""
        return type(self._connection).__module__.partition(".")[0]

    def _run(self, work: Callable[[Any], _Result]) -> _Result:
        with self._named_errors(), closing(self.hook.get_conn()) as connection:
            self._connection = connection
            try:
                self._cancel.check()
                return work(connection)
            finally:
                self._connection = None

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except AirflowException:
            raise
        except Exception as error:
            self._cancel.check()
            if not _is_of_a_driver(error):
                raise
            mended = type(error).__mro__
            wrong = any(kind.__name__ == "ProgrammingError" for kind in mended)
            kind = AirflowFailException if wrong else AirflowException
            said = " ".join(str(error).split())
            if self._password and self._password in said:
                raise kind(
                    f"Connection {self.conn_id!r}: {said.replace(self._password, '***')}"
                ) from None
            raise kind(f"Connection {self.conn_id!r}: {said}") from error


def _is_of_a_driver(error: Exception) -> bool:
    """Say whether it is an `Error` of a module that speaks the Python database API."""
    for kind in type(error).__mro__:
        module = sys.modules.get(kind.__module__.partition(".")[0])
        if getattr(module, "apilevel", None) is not None and kind.__name__ == "Error":
            return True
    return False
