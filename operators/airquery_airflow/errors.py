"""Tell Airflow whether trying a failed task again can help.

What somebody has to mend first fails the task at once; everything else, such as a table or a
journal that cannot be reached, is left to its `retries`.
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
    QualityError,
    RowFailed,
    StatementError,
)


if TYPE_CHECKING:
    from collections.abc import Iterator


_TO_BE_MENDED = (
    BudgetExceeded,
    ConfigurationError,
    EndpointRefused,
    QualityError,
    RowFailed,
    StatementError,
)
_WRONG_SQL = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.SyntaxException,
)


@contextmanager
def airflow_errors() -> Iterator[None]:
    """Turn errors of the engine, and of SQL that cannot run, into Airflow's."""
    try:
        yield
    except _TO_BE_MENDED as error:
        kind = AirflowException if error.retryable else AirflowFailException
        raise kind(str(error)) from error
    except AirqueryError as error:
        raise AirflowException(str(error)) from error
    except _WRONG_SQL as error:
        raise AirflowFailException(f"The SQL cannot be run. {error}") from error
