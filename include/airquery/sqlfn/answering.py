"""The body of the SQL function: one chunk of rows in, one column of JSON text out.

DuckDB calls it from its own threads with at most 2048 rows. A chunk waits in short slices, so that
a cancelled statement returns within a second; every row leaves as a value or as its failure.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from airquery.answer import Answer, Failure
from airquery.errors import RowFailed
from airquery.execute.statement import Cancel, Statement
from airquery.output.column import text_column
from airquery.output.value import error_struct, json_texts
from airquery.sqlfn.call import Arguments, Call, resolve


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airquery.endpoints.registry import Registry
    from airquery.execute.interrupt import Interrupts
    from airquery.execute.run import Engine
    from airquery.request import Request


SLICE_S = 0.1
# How many requests may be open ahead of the scan: enough for any cap, small in memory.
WINDOW = 4096


@dataclass(slots=True, weakref_slot=True)
class Session:
    """What the SQL functions of one database share."""

    registry: Registry
    engine: Engine
    interrupts: Interrupts
    errors: dict[int, BaseException] = field(default_factory=dict)
    _statements: dict[int, Statement] = field(default_factory=dict)
    _calls: dict[Arguments, Call] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, cancel: Cancel | None = None) -> tuple[int, Statement]:
        """Open a statement and give it the number that its calls will show."""
        with self._lock:
            number = next(self._numbers)
            statement = self._statements[number] = Statement(cancel)
        return number, statement

    def end(self, number: int) -> None:
        """Close a statement: what only it wanted is not sent any more."""
        with self._lock:
            statement = self._statements.pop(number)
            self.errors.pop(number, None)
        self.engine.release(statement)

    def statement(self, number: int | None) -> Statement | None:
        """Return the open statement of that number; None for a statement nobody planned."""
        return self._statements.get(number) if number is not None else None

    @contextmanager
    def noting_errors(self, number: int | None) -> Iterator[None]:
        """Keep what our functions raise: DuckDB only passes on its text."""
        try:
            yield
        except BaseException as problem:
            if number is not None:
                self.errors.setdefault(number, problem)
            raise

    def call(self, arguments: Arguments) -> Call:
        """Resolve a call site once. Raises what `resolve` raises."""
        call = self._calls.get(arguments)
        if call is None:
            call = self._calls[arguments] = resolve(arguments, self.registry)
        return call


def answer_chunk(
    session: Session,
    number: int | None,
    mode: str,
    arguments: Arguments,
    requests: Sequence[str | None],
) -> pa.Array[Any]:
    """Answer the rows of one chunk that share their constant arguments.

    `mode` is "now" (wait for every answer), "ahead" (begin, answer NULL until known) or "later"
    (answer NULL). Raises `RowFailed` under failOnError => true, and `Cancelled`.
    """
    if mode == "later":
        return pa.nulls(len(requests), pa.string())
    call = session.call(arguments)
    asked = [None if text is None else call.request(text) for text in requests]
    statement = session.statement(number)
    if statement is not None:
        return _answer(session, statement, call, asked, wait=mode == "now")
    # Inline: each chunk is a statement of its own, and Ctrl-C is the only way to stop it.
    statement = Statement(session.interrupts.cancel())
    try:
        return _answer(session, statement, call, asked, wait=True)
    finally:
        session.engine.release(statement)


def _answer(
    session: Session,
    statement: Statement,
    call: Call,
    asked: Sequence[Request | None],
    *,
    wait: bool,
) -> pa.Array[Any]:
    statement.check()
    requests = [r for r in asked if r is not None]
    session.engine.ask(requests, statement, strict=call.strict)
    keys = {r.key for r in requests}
    while not (statement.wait_for(keys, timeout_s=SLICE_S) if wait else statement.has_room(WINDOW)):
        statement.check()
        if not wait:
            time.sleep(SLICE_S)
    return text_column(_texts(statement, call, asked))


def _texts(statement: Statement, call: Call, asked: Sequence[Request | None]) -> list[str | None]:
    """Write each row's value; NULL for a NULL request and for what is not known yet."""
    results = [None if r is None else statement.known(r.key) for r in asked]
    answered = [
        (i, result.outcome)
        for i, result in enumerate(results)
        if result is not None and isinstance(result.outcome, Answer)
    ]
    values = dict(
        zip(
            (i for i, _ in answered),
            json_texts([answer for _, answer in answered], call.shape),
            strict=True,
        )
    )
    texts: list[str | None] = []
    for i, (request, result) in enumerate(zip(asked, results, strict=True)):
        if request is None or result is None:
            texts.append(None)
            continue
        value = result.outcome if isinstance(result.outcome, Failure) else values[i]
        if isinstance(value, Failure) and result.outcome is not value:
            statement.note_misfit(request.key, value)
        texts.append(_row(value, strict=call.strict))
    return texts


def _row(value: str | Failure, *, strict: bool) -> str:
    if not strict:
        return error_struct(value)
    if isinstance(value, Failure):
        raise RowFailed(value)
    return value
