"""How a row comes to its value: the requests it takes, and in which order.

`Steps.advance` is pure and starts anew each time: it is given the rows that have no value yet and
what is known, and says which requests are needed next and which rows are done. So a row may take
one request, or one after another, and the same code serves execution ahead and in passing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from airquery.answer import Answer, Failure
from airquery.output.value import json_texts


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.execute.answers import Result
    from airquery.request import Image, Request
    from airquery.sqlfn.call import Call

Known: TypeAlias = Callable[[bytes], "Result | None"]


@dataclass(slots=True)
class Row:
    """One row of a call: the JSON value of its request, its pictures, and the requests it made.

    `group` is the one that its failure counts for, where the call has groups.
    """

    input: object
    files: tuple[Image, ...] = ()
    group: str | None = None
    _requests: dict[object, Request] = field(default_factory=dict)

    def request(self, step: object, make: Callable[[], Request]) -> Request:
        """Return the request of a step, made once: making it hashes all its text."""
        found = self._requests.get(step)
        if found is None:
            found = self._requests[step] = make()
        return found

    def asked(self) -> list[bytes]:
        """Return the keys of the requests that it made so far."""
        return [request.key for request in self._requests.values()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A row's value as JSON text, or its failure, and the result of the request that gave it.

    `key` is that request's, `metadata` what an envelope says beside the value, as JSON text.
    """

    value: str | Failure
    metadata: str = "null"
    result: Result | None = None
    key: bytes | None = None


@dataclass(slots=True)
class Progress:
    """What `advance` found: the requests to ask, and the rows that are done, by their numbers."""

    needed: list[Request] = field(default_factory=list)
    ended: dict[int, Ended] = field(default_factory=dict)


class Steps(Protocol):
    """A way to answer rows. `repeats` says that a row may need more than one round of requests."""

    @property
    def repeats(self) -> bool:
        """Tell whether answers can make further requests necessary."""

    def advance(self, call: Call, rows: Mapping[int, Row], known: Known) -> Progress:
        """Take the rows as far as they get by what is known. Raises `StatementError`."""


class Single:
    """One request a row."""

    repeats = False

    def advance(self, call: Call, rows: Mapping[int, Row], known: Known) -> Progress:
        """Ask each row's request, and make its answer a value."""
        return settled(call, {i: _first(call, row) for i, row in rows.items()}, known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a task reads in an answer: the value as JSON text, or why there is none."""

    value: str | Failure
    metadata: str = "null"


@dataclass(frozen=True, slots=True)
class Read:
    """One request a row, whose answer is read by the task's own function."""

    read: Callable[[Answer, Row], Reading]
    repeats = False

    def advance(self, call: Call, rows: Mapping[int, Row], known: Known) -> Progress:
        """Ask each row's request, and read its answer."""
        progress, answers = answered({i: _first(call, row) for i, row in rows.items()}, known)
        for i, (request, result, answer) in answers.items():
            found = self.read(answer, rows[i])
            progress.ended[i] = Ended(
                value=found.value, metadata=found.metadata, result=result, key=request.key
            )
        return progress


@dataclass(frozen=True, slots=True)
class Reasking:
    """One request a row, and a second one that shows the model what was wrong with its answer."""

    repeats = True

    def advance(self, call: Call, rows: Mapping[int, Row], known: Known) -> Progress:
        """Ask each row's request; for an answer that does not fit, ask once more."""
        first = Single().advance(call, rows, known)
        again: dict[int, Request] = {}
        for i, ended in list(first.ended.items()):
            if isinstance(ended.value, Failure) and isinstance(_outcome(ended), Answer):
                del first.ended[i]
                again[i] = rows[i].request("again", self._correction(call, rows[i], ended.value))
        second = settled(call, again, known)
        return Progress(first.needed + second.needed, {**first.ended, **second.ended})

    @staticmethod
    def _correction(call: Call, row: Row, problem: Failure) -> Callable[[], Request]:
        return lambda: call.ask_again(row, answered=problem.raw or "", problem=problem.message)


def _first(call: Call, row: Row) -> Request:
    return row.request("first", lambda: call.ask(row))


def settled(call: Call, requests: Mapping[int, Request], known: Known) -> Progress:
    """Make values of the answers that are known, and name the requests that are not."""
    progress, answers = answered(requests, known)
    values = json_texts([answer for _, _, answer in answers.values()], call.shape)
    for (i, (request, result, _)), value in zip(answers.items(), values, strict=True):
        progress.ended[i] = Ended(value=value, result=result, key=request.key)
    return progress


def answered(
    requests: Mapping[int, Request], known: Known
) -> tuple[Progress, dict[int, tuple[Request, Result, Answer]]]:
    """Return the answers that are known; failures have ended, and the others are needed."""
    progress = Progress()
    answers: dict[int, tuple[Request, Result, Answer]] = {}
    for i, request in requests.items():
        result = known(request.key)
        if result is None:
            progress.needed.append(request)
        elif isinstance(result.outcome, Failure):
            progress.ended[i] = Ended(value=result.outcome, result=result, key=request.key)
        else:
            answers[i] = (request, result, result.outcome)
    return progress, answers


def _outcome(ended: Ended) -> object:
    return ended.result.outcome if ended.result is not None else None
