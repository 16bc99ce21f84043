"""A batch job, and what becomes of its requests: decided here, without a network or a clock.

A request ends as its line of the output says. Without a line it ends as the batch did, by name: it
goes again where that may help, in another job.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airquery.answer import Answer, Failure
from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.failures import read_failure
from airquery.endpoints.redaction import redact, sentence
from airquery.execute.departure import WaitedJob
from airquery.execute.retry import wait_before_next
from airquery.request import Request


if TYPE_CHECKING:
    from airquery.answer import Outcome
    from airquery.endpoints.batch import BatchState, Fault, Line
    from airquery.endpoints.endpoint import Batch, Endpoint
    from airquery.execute.parcel import Parcel
    from airquery.execute.statement import Statement
    from airquery.journal.jobs import BatchJob


CONDITION: Final = "AI_FUNCTION_HTTP_REQUEST_ERROR"
_OK: Final = range(200, 300)
_SERVER_FAULT: Final = 500
# What a batch is refused for and is not in its requests.
_MAY_PASS: Final = frozenset(
    {"token_limit_exceeded", "rate_limit_exceeded", "server_error", "internal_error"}
)


@dataclass(slots=True, eq=False)
class Job:
    """A job that this process looks after.

    `parcels` are those of its requests that somebody waits for here, by their keys, and `lines` its
    requests as they are sent: none, if an earlier process sent it. Whoever comes while it is being
    read waits in `late`, and what is to be sent once more is in `again`, with the seconds until
    then. `is_kept` says that the journal knows of it, `may_be_there` that the provider may, and
    `is_adopted` that its batch was found in the provider's list; `foreign` are batches that were
    found so and turned out to be another's. `is_running` says that the provider said so.
    """

    record: BatchJob
    endpoint: str
    parcels: dict[bytes, Parcel] = field(default_factory=dict)
    lines: list[bytes] = field(default_factory=list)
    late: list[Parcel] = field(default_factory=list)
    is_kept: bool = True
    again: list[tuple[float, Parcel]] = field(default_factory=list)
    is_read: bool = False
    may_be_there: bool = False
    is_adopted: bool = False
    is_running: bool = False
    foreign: set[str] = field(default_factory=set)
    done: int = 0
    waited: set[Statement] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Return what messages call it."""
        return self.record.batch or f"of job {self.record.id}"

    @property
    def is_out(self) -> bool:
        """Tell whether another process would find it, and what of it is not remembered is nothing."""
        return (
            self.is_running
            and self.is_kept
            and not self.is_read
            and all(one.flights[0].cache == "reuse" for one in self.parcels.values())
        )

    @property
    def is_left(self) -> bool:
        """Tell whether it is out and nobody waits for it here."""
        return self.is_out and not any(one.flights[0].waiting for one in self.parcels.values())

    def note(self, *, done: int | None = None, over: bool = False) -> None:
        """Tell all who wait for it how far it is, or that it is over."""
        self.done = self.done if done is None else done
        self.waited |= {s for one in self.parcels.values() for s in one.flights[0].waiting}
        known = WaitedJob(
            endpoint=self.endpoint,
            job=self.record.id,
            batch=self.record.batch,
            done=self.done,
            keys=self.record.keys,
            is_out=self.is_out,
        )
        for statement in self.waited:
            if over:
                statement.jobs.drop(known.job)
            else:
                statement.jobs.note(known)


def pause_s(polls: int, batch: Batch) -> float:
    """Return how long to wait before a job is looked at again, after so many looks."""
    return min(batch.longest_poll_s, batch.first_poll_s * 2.0 ** min(polls, 20))


def may_have_arrived(failure: Failure) -> bool:
    """Tell whether a request that failed so may have had its effect all the same."""
    return failure.http_status is None or failure.http_status >= _SERVER_FAULT


def wait_again(failure: Failure, parcel: Parcel, *, dice: float) -> float | None:
    """Return the seconds until a request goes into another job, or None to give up."""
    return wait_before_next(
        failure,
        attempt=parcel.attempts,
        # Each job is a whole attempt, and how long one takes is not bounded by a deadline.
        faults=parcel.attempts,
        elapsed_s=0.0,
        dice=dice,
        limits=parcel.flights[0].request.endpoint.limits,
    )


def outcome_of(request: Request, line: Line, *, batch: str, now: float) -> Outcome:
    """Return how a request ended, by its line of the output."""
    endpoint = request.endpoint
    if line.status is None:
        return _unanswered(endpoint, batch, line.gone)
    if line.status in _OK:
        return adapter_for(endpoint).decode(request, line.body)
    return read_failure(endpoint, status=line.status, headers={}, body=line.body, now=now)


def is_answer(endpoint: Endpoint, line: Line) -> bool:
    """Tell whether a line holds an answer to a request that nobody waits for here."""
    if line.status not in _OK:
        return False
    # What the request was, beside its endpoint, changes only how a forced call is read.
    anything = Request(endpoint=endpoint, input="", response_format={"type": "json_object"})
    return isinstance(adapter_for(endpoint).decode(anything, line.body), Answer)


def without_line(endpoint: Endpoint, state: BatchState, place: int) -> Failure:
    """Return how a request ended that the output says nothing of; it was at `place` in the job."""
    batch = state.batch
    match state.phase:
        case "expired":
            return _expired(endpoint, batch)
        case "cancelled":
            return _cancelled(endpoint, batch)
        case "failed":
            return _refused(endpoint, state, place)
    return Failure(
        condition=CONDITION,
        message=f"Endpoint {endpoint.name!r}: batch {batch} ended without a line for this request.",
        retryable=True,
    )


def cut_short(endpoint: Endpoint, state: BatchState) -> Failure:
    """Return how requests end whose answers are paid for and cannot be had yet."""
    return Failure(
        condition="AI_FUNCTION_INVALID_HTTP_RESPONSE",
        message=f"Endpoint {endpoint.name!r}: the output of batch {state.batch} holds less than the "
        f"{state.answered:,} answers that it has. Run it again: that reads it again.",
        retryable=True,
        attempts=1,
    )


def gone(endpoint: Endpoint, name: str, failure: Failure) -> Failure:
    """Return how requests end whose batch the provider does not know any more."""
    return Failure(
        condition=CONDITION,
        message=f"Endpoint {endpoint.name!r} does not know batch {name} any more, which was to "
        f"answer this request: {failure.message} If it was submitted with another key, look there "
        "before running again, which submits it anew.",
        http_status=failure.http_status,
        attempts=1,
    )


def _unanswered(endpoint: Endpoint, batch: str, why: Fault | None) -> Failure:
    code = "" if why is None else why.code
    if code == "batch_expired":
        return _expired(endpoint, batch)
    if code in ("batch_cancelled", "batch_canceled"):
        return _cancelled(endpoint, batch)
    return Failure(
        condition=CONDITION,
        message=_told(endpoint, f"has no reply to this request in batch {batch}", why),
        retryable=True,
    )


def _expired(endpoint: Endpoint, batch: str) -> Failure:
    return Failure(
        condition=CONDITION,
        message=f"Endpoint {endpoint.name!r}: batch {batch} ran out of time before this request's "
        "turn. Run it again, or set mode: online.",
        retryable=True,
    )


def _cancelled(endpoint: Endpoint, batch: str) -> Failure:
    return Failure(
        condition=CONDITION,
        message=f"Endpoint {endpoint.name!r}: batch {batch} was cancelled at the provider before "
        "this request's turn. Running again submits it anew.",
    )


def _refused(endpoint: Endpoint, state: BatchState, place: int) -> Failure:
    own = next((one for one in state.faults if one.line == place), None)
    whole = next((one for one in state.faults if one.line is None), None)
    if own is None and whole is None and state.faults:
        # Others are at fault.
        return Failure(
            condition=CONDITION,
            message=_told(endpoint, f"refused batch {state.batch}", state.faults[0]),
            retryable=True,
        )
    why = own or whole
    return Failure(
        condition=CONDITION,
        message=_told(endpoint, f"refused batch {state.batch}", why),
        retryable=why is not None and why.code in _MAY_PASS,
    )


def _told(endpoint: Endpoint, what: str, why: Fault | None) -> str:
    said = "" if why is None else f"{why.code}: {why.message}" if why.message else why.code
    text = redact(endpoint, f"{what}: {said}" if said else what)
    return f"Endpoint {endpoint.name!r} {sentence(text)}"
