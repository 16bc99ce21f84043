"""Reduce texts of any number and length to one answer, level by level.

The texts are packed into as few requests as their tokens allow. If one holds them all, its answer
is the result; otherwise the answers are the texts of the next level. Each level must need fewer
requests than the one before, so it ends: with an answer, or with a failure that says why not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airquery.answer import Failure
from airquery.tasks.prompt import as_text
from airquery.tasks.steps import Ended, Progress, Row, answered, settled
from airquery.tasks.tokens import pack


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airquery.request import Request
    from airquery.sqlfn.call import Call
    from airquery.tasks.steps import Known


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduce:
    """A row is a list of texts.

    `whole` asks about all of them, `part` about some, `combine` about the answers of parts.
    """

    context_tokens: int
    whole: str
    part: str
    combine: str
    repeats = True

    def advance(self, call: Call, rows: Mapping[int, Row], known: Known) -> Progress:
        """Take each row up its levels as far as the answers are known."""
        total = Progress()
        for i, row in rows.items():
            found = self._row(call, row, known)
            total.needed += found.needed
            if (ended := found.ended.get(0)) is not None:
                total.ended[i] = ended
        return total

    def _row(self, call: Call, row: Row, known: Known) -> Progress:
        given = row.input if isinstance(row.input, list) else [row.input]
        texts: Sequence[str] = [as_text(one) for one in given if one is not None]
        pieces = pack(texts, self.context_tokens)
        if not pieces:
            return Progress(ended={0: Ended(value="null")})
        level = 0
        while len(pieces) > 1:
            system = self.combine if level else self.part
            asked = {n: _request(call, row, system, piece) for n, piece in enumerate(pieces)}
            progress, answers = answered(asked, known)
            if progress.ended:
                return Progress(ended={0: _failed(progress, level=level, of=len(pieces))})
            if progress.needed:
                return progress
            last = answers[len(pieces) - 1]
            texts = [str(answer.value) for _, _, answer in answers.values()]
            before, pieces = pieces, pack(texts, self.context_tokens)
            level += 1
            if not pieces or len(pieces) >= len(before):
                failure = _stuck(len(before), len(pieces), self.context_tokens)
                ended = Ended(value=failure, result=last[1], key=last[0].key)
                return Progress(ended={0: ended})
        final = _request(call, row, self.combine if level else self.whole, pieces[0])
        return settled(call, {0: final}, known)


def _request(call: Call, row: Row, system: str, piece: str) -> Request:
    return row.request((system, piece), _asking(call, row, system, piece))


def _asking(call: Call, row: Row, system: str, piece: str) -> Callable[[], Request]:
    return lambda: call.ask(row, asked=piece, system=system)


def _failed(progress: Progress, *, level: int, of: int) -> Ended:
    number, ended = next(iter(progress.ended.items()))
    if not isinstance(ended.value, Failure):
        return ended
    where = f"part {number + 1} of {of} on level {level + 1} failed"
    return replace(ended, value=replace(ended.value, message=f"{where}: {ended.value.message}"))


def _stuck(before: int, after: int, context_tokens: int) -> Failure:
    if after == 0:
        problem = f"the answers of {before} parts were all empty"
    else:
        problem = (
            f"the answers of {before} parts still need {after} requests of {context_tokens} tokens"
        )
    return Failure(
        condition="AI_FUNCTION_UNSUPPORTED_REQUEST",
        message=f"The group cannot be reduced: {problem}. Raise context_tokens, or ask for less.",
    )
