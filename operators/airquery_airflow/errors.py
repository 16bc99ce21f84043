"""Tell Airflow whether trying a failed task again can help.

What somebody has to mend first fails the task at once; everything else, such as a journal that
cannot be reached, is left to its `retries`. An endpoint that takes no more, or is away, and a
journal that is away have classes of their own, by which a retry policy tells how long to wait.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery.errors import (
    AirqueryError,
    BudgetExceeded,
    ConfigurationError,
    EndpointRefused,
    JournalError,
    QualityError,
    RowFailed,
    StatementError,
    TooManyFailures,
    UnknownTable,
    Unreachable,
)
from airquery_airflow.failures import (
    BudgetSpent,
    EndpointAway,
    EndpointRefuses,
    JournalAway,
    RateLimited,
)


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airquery.answer import Failure


_TO_BE_MENDED = (
    ConfigurationError,
    QualityError,
    RowFailed,
    StatementError,
    UnknownTable,
)
_WRONG_SQL = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.SyntaxException,
)
_TOO_MANY = 429
_MAY_PASS = frozenset({408, 409, 425})
_SERVER_FAULT = 500


@contextmanager
def airflow_errors(about: Callable[[], str] | None = None) -> Iterator[None]:
    """Turn errors of the engine, and of SQL that cannot run, into Airflow's.

    Airflow's own pass through. What `about` returns is said first: whose the error is, such as the
    table and the partition.
    """
    try:
        yield
    except AirqueryError as error:
        raise _kind(error)(_said(about, str(error))) from error
    except _WRONG_SQL as error:
        raise AirflowFailException(_said(about, f"The SQL cannot be run. {error}")) from error
    except AirflowException as error:
        if type(error) in {AirflowException, AirflowFailException}:
            error.args = (_said(about, str(error)),)
        raise


def _said(about: Callable[[], str] | None, message: str) -> str:
    return message if about is None else f"{about()}: {message}"


def _kind(error: AirqueryError) -> type[AirflowException]:
    """Return what Airflow is told of an error."""
    if isinstance(error, EndpointRefused):
        return EndpointRefuses
    if isinstance(error, BudgetExceeded):
        return BudgetSpent
    if isinstance(error, JournalError):
        return JournalAway
    if isinstance(error, RowFailed | TooManyFailures | Unreachable) and error.failure.retryable:
        return _passing(error.failure)
    return AirflowFailException if isinstance(error, _TO_BE_MENDED) else AirflowException


def _passing(failure: Failure) -> type[AirflowException]:
    """Say what a failure is that may pass by itself."""
    status = failure.http_status
    if status == _TOO_MANY:
        return RateLimited
    if failure.unreachable or status is None or status in _MAY_PASS or status >= _SERVER_FAULT:
        return EndpointAway
    return AirflowException
