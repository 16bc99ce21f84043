"""Every error airquery raises, in the order a statement can meet them.

    AirqueryError
    ├── ConfigurationError      before any request: mend the configuration
    │   ├── UnknownEndpoint
    │   ├── NoDefaultEndpoint
    │   ├── InvalidEndpoint
    │   ├── InvalidSetting
    │   ├── MissingPackage
    │   └── Unreachable         an address could not be read; carries its Failure
    ├── StatementError          before any request: mend the SQL; carries condition and SQLSTATE
    ├── RowFailed               a row failed under failOnError => true; carries its Failure
    ├── EndpointRefused         every further request would fail the same; carries the Failure
    ├── BudgetExceeded          a row was not asked under failOnError => true; carries its Failure
    ├── TooManyFailures         more rows failed than maxErrorRatio allows
    │   └── GroupsFailed        more rows of a group did; names the groups
    ├── Cancelled               somebody stopped the statement; what was answered is kept
    ├── JobsOut                 its answers come in batch jobs, and nobody has to wait for them
    ├── JournalError            the journal cannot be used; names the file or database
    ├── WarehouseError          a table cannot be read or written; names the table
    │   └── UnknownTable        there is no such table; names the nearest
    └── QualityError            a suite cannot be read, or a table did not meet it

`retryable` says whether the same call may succeed later without a change by anyone.
Condition names and SQLSTATEs are those Databricks documents for its AI functions, but for
AI_FUNCTION_BUDGET_EXCEEDED, which it has not.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airquery.answer import Failure
    from airquery.execute.departure import JobOut
    from airquery.execute.stats import RunStats


# The condition of a row that was not asked, as its run's budget had no room for it.
BUDGET_EXCEEDED = "AI_FUNCTION_BUDGET_EXCEEDED"

SQLSTATE = {
    BUDGET_EXCEEDED: "54000",
    "AI_DIAGNOSE_FAILED": "56000",
    "AI_FUNCTION_COMPILATION_ERROR": "42883",
    "AI_FUNCTION_HTTP_PARSE_CAST_ERROR": "2203G",
    "AI_FUNCTION_HTTP_PARSE_COLUMNS_ERROR": "2203G",
    "AI_FUNCTION_HTTP_REQUEST_ERROR": "08000",
    "AI_FUNCTION_INVALID_HTTP_RESPONSE": "08000",
    "AI_FUNCTION_INVALID_MAX_WORDS": "22032",
    "AI_FUNCTION_INVALID_MODEL_PARAMETERS": "22023",
    "AI_FUNCTION_INVALID_RESPONSE_FORMAT_TYPE": "0A000",
    "AI_FUNCTION_JSON_PARSE_ERROR": "22000",
    "AI_FUNCTION_MODEL_SCHEMA_PARSE_ERROR": "2203G",
    "AI_FUNCTION_UNSUPPORTED_ERROR": "56038",
    "AI_FUNCTION_UNSUPPORTED_REQUEST": "0A000",
    "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT": "0A000",
    "AI_FUNCTION_UNSUPPORTED_RETURN_TYPE": "0A000",
    "AI_INVALID_ARGUMENT_VALUE_ERROR": "22032",
}


def condition_text(condition: str, message: str) -> str:
    """Show a condition as `[CONDITION.SUBCONDITION] message SQLSTATE: nnnnn`."""
    state = SQLSTATE[condition.partition(".")[0]]
    return f"[{condition}] {message} SQLSTATE: {state}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Name the close match of a misspelt word, or all known ones, as one sentence."""
    choices = {choice.lower(): choice for choice in sorted(known)}
    near = get_close_matches(name.lower(), choices, n=1)
    if near:
        return f"Did you mean {choices[near[0]]!r}?"
    return f"Known: {', '.join(choices.values()) or 'none'}."


class AirqueryError(Exception):
    """Anything airquery raises on purpose. It can be pickled, as other processes need it."""

    retryable: bool = False

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.args, self.__dict__.copy())


class ConfigurationError(AirqueryError):
    """Something outside the statement is missing or wrong."""


class UnknownEndpoint(ConfigurationError):
    """A statement names an endpoint that nobody registered."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        super().__init__(
            f"Endpoint {name!r} is not registered. {suggestion(name, known)} "
            "Add it to the file that AIRQUERY_ENDPOINTS names, as an environment variable "
            "AIRQUERY_ENDPOINT_<NAME>, or as an Airflow connection with that id."
        )


class NoDefaultEndpoint(ConfigurationError):
    """A function is called without an endpoint, and nothing says which one it asks."""

    def __init__(self, function: str, *, task: str, known: Iterable[str]) -> None:
        self.function = function
        names = sorted(known)
        there = f"There are {', '.join(names)}" if names else "None is registered"
        super().__init__(
            f"{function} names no endpoint, and there is no default for it. Write endpoint => "
            f"'name', or set one for all calls: 'functions: {{{function}: name}}' in the file that "
            f"AIRQUERY_ENDPOINTS names, or the variable AIRQUERY_FUNCTION_{function.upper()}. It "
            f"takes an endpoint of task {task}. {there}."
        )


class InvalidEndpoint(ConfigurationError):
    """An endpoint is declared, but not in a way that can be used."""

    def __init__(self, name: str, problem: str, *, source: str) -> None:
        self.name = name
        super().__init__(f"Endpoint {name!r} ({source}): {problem}")


class InvalidSetting(ConfigurationError):
    """A setting, file or option has a value that cannot be used."""


class MissingPackage(ConfigurationError):
    """An optional part is used whose package is not installed."""

    def __init__(self, package: str, *, needed_for: str, install: str) -> None:
        super().__init__(f"{needed_for} needs the package {package!r}. Install it: {install}")


class Unreachable(ConfigurationError):
    """An address could not be read."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        self.retryable = failure.retryable
        super().__init__(failure.message)


class StatementError(AirqueryError):
    """A statement cannot be run as it is written. Raised before its first request."""

    def __init__(self, condition: str, message: str) -> None:
        self.condition = condition
        self.message = message
        super().__init__(condition_text(condition, message))


class RowFailed(AirqueryError):
    """A request failed and the statement says failOnError => true."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        self.retryable = failure.retryable
        super().__init__(
            f"{failure} Use failOnError => false to keep the other rows, each failed one with its "
            "message. What was answered is in the journal: running again does not pay for it."
        )


class EndpointRefused(AirqueryError):
    """An endpoint answers so that every further request would fail the same, such as a wrong key."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(
            f"{failure} Every further request would end the same, so no more were sent. What was "
            "answered is in the journal: running again asks only for the rest."
        )


class BudgetExceeded(AirqueryError):
    """A request does not fit the run's budget and the statement says failOnError => true."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(
            f"{failure} Use failOnError => false to have the other rows, each of these with its "
            "message."
        )


class TooManyFailures(AirqueryError):
    """More requests of a call failed than its maxErrorRatio allows."""

    def __init__(self, *, failed: int, requests: int, ratio: float, example: Failure) -> None:
        self.failure = example
        super().__init__(
            f"{failed} of {requests} distinct requests failed, more than maxErrorRatio {ratio:g} "
            f"allows. One of them: {example} What was answered is in the journal: running again "
            "does not pay for it."
        )


class GroupsFailed(TooManyFailures):
    """In some group of a call more requests failed than its maxErrorRatio allows.

    `groups` are those, the worst first, each with how many failed of how many requests.
    """

    SHOWN = 5

    def __init__(
        self, groups: Sequence[tuple[str | None, int, int]], *, ratio: float, example: Failure
    ) -> None:
        _, failed, requests = groups[0]
        super().__init__(failed=failed, requests=requests, ratio=ratio, example=example)
        self.groups = tuple(groups)
        shown = [
            f"{'NULL' if group is None else repr(group[:60])} {failed} of {requests} "
            f"({failed / requests:.0%})"
            for group, failed, requests in groups[: self.SHOWN]
        ]
        more = len(groups) - len(shown)
        rest = f" and {more} more" if more else ""
        count = "1 group" if len(groups) == 1 else f"{len(groups)} groups"
        message = (
            f"In {count} more distinct requests failed than maxErrorRatio {ratio:g} allows: "
            f"{', '.join(shown)}{rest}. One of them: {example} What was answered is in the journal: "
            "running again does not pay for it."
        )
        self.args = (message,)


class Cancelled(AirqueryError):
    """A statement was stopped from outside. What was answered stays in the journal.

    `jobs` are the batch jobs that it left at their providers.
    """

    retryable = True
    jobs: tuple[JobOut, ...] = ()


class JobsOut(AirqueryError):
    """All that a statement waits for is in batch jobs, and it was run with `detach`.

    `jobs` are those. Running it again reads them once they have ended, and submits nothing twice.
    `stats` are the counters of this run, without what is in the jobs.
    """

    retryable = True
    stats: RunStats | None = None

    def __init__(self, jobs: tuple[JobOut, ...]) -> None:
        self.jobs = jobs
        super().__init__(
            f"The answers are still to come, in {', '.join(map(str, jobs))}. Running it again waits "
            "for the same jobs and submits nothing twice."
        )


class JournalError(AirqueryError):
    """The journal cannot be opened, read or written.

    `retryable` if it is held or away, `keeps_nothing` if no other record would fare better.
    """

    keeps_nothing = False


class WarehouseError(AirqueryError):
    """A table cannot be found, read or written."""


class UnknownTable(WarehouseError):
    """A statement reads a table that is not in the warehouse."""


class QualityError(AirqueryError):
    """A suite cannot be read, or a table does not meet it."""


def raised_by(failure: Failure) -> AirqueryError:
    """Return the error that a statement ends in by a failure it does not keep."""
    if failure.fatal and failure.unkept:
        error = JournalError(
            f"{failure.message} No answer could be kept, so nothing more was sent: running again asks "
            "only for the rest."
        )
        error.retryable = failure.retryable
        return error
    if failure.fatal:
        return EndpointRefused(failure)
    if failure.condition == BUDGET_EXCEEDED:
        return BudgetExceeded(failure)
    return RowFailed(failure)


def _restored(
    kind: type[AirqueryError], args: tuple[object, ...], state: dict[str, object]
) -> AirqueryError:
    """Make an error from what it holds; its own arguments are not those of its message."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error
