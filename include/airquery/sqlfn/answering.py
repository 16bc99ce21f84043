"""The body of the SQL functions: one chunk of rows in, one column of JSON text out.

DuckDB calls it from its own threads with at most 2048 rows. A chunk waits in short slices, so that
a cancelled statement returns within a second; every row leaves as a value or as its failure.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from airquery.answer import Answer, Failure
from airquery.errors import BUDGET_EXCEEDED, StatementError
from airquery.output.column import text_column
from airquery.sqlfn.pictures import read_images
from airquery.sqlfn.remembered import NULL, told
from airquery.tasks.steps import Ended, Progress


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airquery.planning.estimate import Tally
    from airquery.request import Request
    from airquery.sqlfn.call import Call
    from airquery.sqlfn.running import Running, Told
    from airquery.sqlfn.session import Session
    from airquery.tasks.steps import Row


SLICE_S = 0.1
SHOWN = 200


def answer_chunk(
    session: Session,
    given: str,
    requests: Sequence[str | None],
    files: Sequence[list[bytes] | None],
    *,
    number: int | None,
    mode: str,
) -> pa.Array[Any]:
    """Answer the rows of one chunk that share their constant arguments `given`.

    `number` is that of the statement, if it is one that is planned. `mode` is "now" (wait for every
    answer), "ahead" (begin, answer NULL until known) or "later" (answer NULL). Raises `RowFailed`
    under failOnError => true, `EndpointRefused` and `Cancelled`.
    """
    if mode == "later":
        return pa.nulls(len(requests), pa.string())
    call = session.call(given)
    running = session.running(number)
    if running is not None:
        if running.tally is not None:
            return _Chunk(session, running, call, requests, files, known={}).counted(running.tally)
        if mode == "ahead" and not running.statement.reading:
            return pa.nulls(len(requests), pa.string())
        if mode == "ahead" and not running.statement.paced:
            return _Chunk(session, running, call, requests, files, known={}).collected()
        known = told(session, running, call, requests)
        chunk = _Chunk(session, running, call, requests, files, known=known)
        return chunk.texts() if mode == "now" else chunk.read_ahead()
    if call.max_error_ratio is not None:
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR",
            f"{call.function}: maxErrorRatio is counted over a whole statement, and DuckDB alone "
            "does not say where one ends. Run it with airquery.run, `airquery sql` or an operator.",
        )
    # Inline: each chunk is a statement of its own, and Ctrl-C is the only way to stop it.
    running = session.unplanned(session.interrupts.cancel())
    running.statement.collected = True
    try:
        known = told(session, running, call, requests)
        return _Chunk(session, running, call, requests, files, known=known).texts()
    finally:
        session.engine.release(running.statement)


class _Chunk:
    """The rows of one chunk on their way to their values."""

    def __init__(
        self,
        session: Session,
        running: Running,
        call: Call,
        requests: Sequence[str | None],
        files: Sequence[list[bytes] | None],
        *,
        known: Mapping[str, Told],
    ) -> None:
        self._engine = session.engine
        self._running = running
        self._statement = running.statement
        self._call = call
        self._count = len(requests)
        self._told: dict[int, str] = {}
        self._told_keys = {found.key for found in known.values()}
        self._open: dict[int, Row] = {}
        self._ended: dict[int, Ended] = {}
        self._awaited: set[bytes] = set()
        for i, (text, pictures) in enumerate(zip(requests, files, strict=True)):
            # NULL in, NULL out; a picture that is NULL is a request that cannot be made.
            if text is None or text == NULL:
                continue
            if (found := known.get(text)) is not None:
                self._told[i] = found.text
                continue
            if pictures is not None or call.files == "none":
                self._take(i, text, pictures or [])

    def texts(self) -> pa.Array[Any]:
        """Return the column, once all its rows have ended."""
        self._statement.check()
        rows = list(self._open.values())
        self._statement.note_rows(self._call.endpoint, len(rows) + len(self._told))
        needed = self._advance()
        self._statement.take(_asked_by(rows) | self._told_keys)
        while needed:
            self._ask(needed)
            while not self._statement.wait_for(self._awaited, timeout_s=SLICE_S):
                self._statement.check()
            self._statement.check()
            needed = self._advance()
        return self._column()

    def read_ahead(self) -> pa.Array[Any]:
        """Begin what the rows need, some way ahead of where they are needed; all of it is NULL."""
        self._statement.check()
        # What is known already is asked as well: that costs nothing, and reading it here does.
        first = self._call.steps.advance(self._call, self._open, _nothing_known)
        if first.needed:
            self._ask(first.needed)
        if first.needed or self._told_keys:
            self._statement.read_ahead(_asked_by(self._open.values()) | self._told_keys)
            self._make_room()
        if self._open and self._call.steps.repeats:
            self._running.defer(self)
        return pa.nulls(self._count, pa.string())

    def counted(self, tally: Tally) -> pa.Array[Any]:
        """Count what the rows need first, without asking it; all of it is NULL."""
        call = self._call
        needed = call.steps.advance(call, self._open, _nothing_known).needed
        reads_journal = call.cache == "reuse"
        tally.count(
            call.endpoint,
            needed,
            rows=len(self._open),
            answered=self._known if reads_journal else _none_remembered,
        )
        if self._open and call.steps.repeats:
            tally.note(
                f"{call.function}({call.endpoint.name}): what it asks once it has its first answers "
                "is not counted"
            )
        return pa.nulls(self._count, pa.string())

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        return self._engine.told_tokens(self._call.alike()[0], keys, self._statement)

    def collected(self) -> pa.Array[Any]:
        """Begin what the rows need, and return the column with NULL for what is not known yet."""
        self._statement.check()
        if needed := self._advance():
            self._ask(needed)
            self._make_room()
            # What the journal knew is known by now.
            self._advance()
        if self._open and self._call.steps.repeats:
            self._running.defer(self)
        return self._column()

    def go_on(self) -> bool:
        """Ask what is known to be needed by now; True once all rows have ended."""
        if not self._statement.are_open(self._awaited) and (needed := self._advance()):
            self._ask(needed)
        return not self._open

    def _ask(self, needed: Sequence[Request]) -> None:
        self._awaited = {request.key for request in needed}
        self._bound(self._awaited)
        self._engine.ask(needed, self._statement, strict=self._call.strict, cache=self._call.cache)

    def _take(self, i: int, text: str, pictures: Sequence[bytes]) -> None:
        images = read_images(pictures, self._call.files)
        if isinstance(images, Failure):
            self._refuse(i, [text.encode(), *pictures], images)
            return
        try:
            self._open[i] = (
                self._call.row_of(text, images)
                if images
                else self._running.row(self._call, text, lambda: self._call.row_of(text))
            )
        except orjson.JSONDecodeError:
            # DuckDB writes NaN and infinities into JSON, which has none.
            self._refuse(i, [text.encode()], _not_json(text))

    def _refuse(self, i: int, parts: Sequence[bytes], failure: Failure) -> None:
        key = blake2b(b"\0".join(parts), digest_size=32).digest()
        self._bound({key})
        self._statement.refuse(key, failure, strict=self._call.strict)
        self._ended[i] = Ended(value=failure)

    def _advance(self) -> Sequence[Request]:
        """Take the rows as far as they get; return the requests that are needed for more."""
        progress: Progress = self._call.steps.advance(self._call, self._open, self._statement.known)
        for i, ended in progress.ended.items():
            row = self._open.pop(i)
            self._ended[i] = ended
            self._note(ended)
            self._note_group(row, ended)
        return progress.needed

    def _note(self, ended: Ended) -> None:
        """Count an answer that did not fit as the failure it is."""
        if isinstance(ended.value, Failure) and ended.key is not None:
            result = ended.result
            if result is not None and isinstance(result.outcome, Answer):
                self._statement.note_misfit(ended.key, ended.value, self._call.endpoint)

    def _note_group(self, row: Row, ended: Ended) -> None:
        """Count how a row's request ended for its group; what was not asked has not failed."""
        ratio = self._call.max_error_ratio
        if not self._call.grouped or ratio is None or ended.key is None:
            return
        failure = ended.value if isinstance(ended.value, Failure) else None
        if failure is None or failure.condition != BUDGET_EXCEEDED:
            self._statement.groups.note(
                id(self._call), row.group, ratio=ratio, key=ended.key, failure=failure
            )

    def _bound(self, keys: set[bytes]) -> None:
        ratio = self._call.max_error_ratio
        if ratio is not None:
            self._statement.bound_failures(id(self._call), ratio, keys)

    def _make_room(self) -> None:
        while self._statement.reading and not self._statement.wait_for_room(timeout_s=SLICE_S):
            self._statement.check()
            self._running.go_on()

    def _column(self) -> pa.Array[Any]:
        form, ended, known = self._call.form, self._ended, self._told
        return text_column(
            [
                form.text(ended[i].value, ended[i].result, metadata=ended[i].metadata)
                if i in ended
                else known.get(i)
                for i in range(self._count)
            ]
        )


def _asked_by(rows: Iterable[Row]) -> set[bytes]:
    return {key for row in rows for key in row.asked()}


def _nothing_known(_: bytes) -> None:
    return None


def _none_remembered(_: Sequence[bytes]) -> dict[bytes, int]:
    return {}


def _not_json(text: str) -> Failure:
    return Failure(
        condition="AI_FUNCTION_UNSUPPORTED_REQUEST",
        message=f"The request has a number that JSON has not (NaN or an infinity), or is nested too "
        f"deep: {text[:SHOWN]!r}. Write NULL instead of such a number.",
    )
