from __future__ import annotations

import duckdb
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery.answer import Failure
from airquery.errors import (
    Cancelled,
    EndpointRefused,
    InvalidSetting,
    JournalError,
    QualityError,
    RowFailed,
    StatementError,
    TooManyFailures,
    Unreachable,
    WarehouseError,
)
from airquery_airflow.errors import airflow_errors


def failure(*, retryable: bool) -> Failure:
    return Failure(
        condition="AI_FUNCTION_HTTP_REQUEST_ERROR", message="It broke.", retryable=retryable
    )


@pytest.mark.parametrize(
    "error",
    [
        InvalidSetting("AIRQUERY_HOME must be a folder."),
        StatementError("AI_FUNCTION_COMPILATION_ERROR", "No."),
        RowFailed(failure(retryable=False)),
        EndpointRefused(failure(retryable=False)),
        Unreachable(failure(retryable=False)),
        QualityError("Suite s.json is no JSON."),
        duckdb.BinderException("No such column."),
    ],
)
def test_what_has_to_be_mended_first_is_not_tried_again(error: Exception) -> None:
    with pytest.raises(AirflowFailException) as caught, airflow_errors():
        raise error

    assert str(error) in str(caught.value)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        RowFailed(failure(retryable=True)),
        Unreachable(failure(retryable=True)),
        TooManyFailures(failed=2, requests=3, ratio=0.5, example=failure(retryable=True)),
        Cancelled("Stopped."),
        JournalError("The journal is locked."),
        WarehouseError("The bucket does not answer."),
    ],
)
def test_what_may_pass_is_left_to_the_retries(error: Exception) -> None:
    with pytest.raises(AirflowException) as caught, airflow_errors():
        raise error

    assert str(caught.value) == str(error)
    assert not isinstance(caught.value, AirflowFailException)


def test_what_nobody_foresaw_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), airflow_errors():
        raise ZeroDivisionError
