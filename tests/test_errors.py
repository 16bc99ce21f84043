"""Every error of airquery can be handed to another process, as it is."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from airquery import errors
from airquery.answer import Failure
from airquery.execute.departure import JobOut


if TYPE_CHECKING:
    from collections.abc import Iterator

FAILURE = Failure(condition="AI_FUNCTION_HTTP_REQUEST_ERROR", message="down", retryable=True)
RAISED = (
    errors.AirqueryError("a"),
    errors.ConfigurationError("a"),
    errors.UnknownEndpoint("lmm", ["llm", "other"]),
    errors.NoDefaultEndpoint("ai_mask", task="chat", known=["llm"]),
    errors.InvalidEndpoint("llm", "it has no task.", source="a file"),
    errors.InvalidSetting("a"),
    errors.MissingPackage("gx", needed_for="ValidateOperator", install="pip install gx"),
    errors.Unreachable(FAILURE),
    errors.StatementError("AI_FUNCTION_COMPILATION_ERROR", "no"),
    errors.RowFailed(FAILURE),
    errors.EndpointRefused(FAILURE),
    errors.BudgetExceeded(FAILURE),
    errors.TooManyFailures(failed=2, requests=3, ratio=0.5, example=FAILURE),
    errors.GroupsFailed([("DE", 2, 3)], ratio=0.5, example=FAILURE),
    errors.Cancelled("a"),
    errors.JobsOut((JobOut(endpoint="llm", job="j", batch="b", requests=3),)),
    errors.JournalError("a"),
    errors.WarehouseError("a"),
    errors.UnknownTable("a"),
    errors.QualityError("a"),
)


def kinds(kind: type[errors.AirqueryError]) -> Iterator[type[errors.AirqueryError]]:
    """Walk the tree of errors."""
    yield kind
    for one in kind.__subclasses__():
        yield from kinds(one)


def test_the_tree_is_the_one_that_is_tested_here() -> None:
    of_the_tree = {
        kind for kind in kinds(errors.AirqueryError) if kind.__module__ == "airquery.errors"
    }

    assert of_the_tree == {type(error) for error in RAISED}


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_an_error_comes_out_of_another_process_as_it_went_in(
    error: errors.AirqueryError, protocol: int
) -> None:
    error.add_note("seen on the way")

    copy = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301  (made here)

    assert type(copy) is type(error)
    assert (str(copy), copy.args, vars(copy)) == (str(error), error.args, vars(error))
    assert copy.retryable is error.retryable
