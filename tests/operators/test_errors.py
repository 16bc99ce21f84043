from __future__ import annotations

from typing import Any

import duckdb
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery.answer import Failure
from airquery.errors import (
    AirqueryError,
    BudgetExceeded,
    Cancelled,
    EndpointRefused,
    InvalidSetting,
    JournalError,
    QualityError,
    RowFailed,
    StatementError,
    TooManyFailures,
    UnknownTable,
    Unreachable,
    WarehouseError,
)
from airquery_airflow.errors import airflow_errors
from airquery_airflow.failures import (
    BudgetSpent,
    EndpointAway,
    EndpointRefuses,
    JournalAway,
    RateLimited,
)


def failure(*, retryable: bool, **fields: Any) -> Failure:
    return Failure(
        condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
        message="It broke.",
        retryable=retryable,
        **fields,
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
        UnknownTable("There is no table s.t."),
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


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RowFailed(failure(retryable=True, http_status=429)), RateLimited),
        (RowFailed(failure(retryable=True, http_status=503)), EndpointAway),
        (RowFailed(failure(retryable=True, http_status=408)), EndpointAway),
        (RowFailed(failure(retryable=True, unreachable=True)), EndpointAway),
        (
            TooManyFailures(
                failed=2, requests=3, ratio=0.5, example=failure(retryable=True, http_status=429)
            ),
            RateLimited,
        ),
        (
            TooManyFailures(failed=2, requests=3, ratio=0.5, example=failure(retryable=False)),
            AirflowException,
        ),
        (RowFailed(failure(retryable=True, http_status=200)), AirflowException),
        (JournalError("The journal is locked."), JournalAway),
        (EndpointRefused(failure(retryable=False, http_status=401)), EndpointRefuses),
        (BudgetExceeded(failure(retryable=False)), BudgetSpent),
    ],
)
def test_what_somebody_can_do_about_an_error_is_its_class(
    error: AirqueryError, kind: type[AirflowException]
) -> None:
    with pytest.raises(kind) as caught, airflow_errors():
        raise error

    assert type(caught.value) is kind


def test_the_error_begins_with_what_it_is_about() -> None:
    with pytest.raises(AirflowException) as caught, airflow_errors(lambda: "Table 's.t'"):
        raise Cancelled("Stopped.")

    assert str(caught.value) == "Table 's.t': Stopped."


def test_what_nobody_foresaw_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), airflow_errors():
        raise ZeroDivisionError
