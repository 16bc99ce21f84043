"""ai_similarity: the cosine of two embeddings; identical texts are asked once and have 1.0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from airquery.output.value import Shape, misfit
from airquery.tasks.prompt import as_text
from airquery.tasks.steps import Ended, Progress, Row, answered
from airquery.tasks.task import Task


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airquery.answer import Answer, Failure
    from airquery.request import Request
    from airquery.sqlfn.call import Call
    from airquery.sqlfn.given import Given
    from airquery.tasks.steps import Known


def comparing(given: Given) -> Task:
    """Prepare a call."""
    del given
    return Task(
        endpoint_task="embeddings",
        shape=Shape(structure="FLOAT"),
        as_text=False,
        steps=Compare(),
    )


class Compare:
    """One request for each of a row's two texts."""

    repeats = False

    def advance(self, call: Call, rows: Mapping[int, Row], known: Known) -> Progress:
        """Ask for both embeddings of each row, and compare them."""
        total = Progress()
        for i, row in rows.items():
            progress, answers = answered(dict(enumerate(_requests(call, row))), known)
            if progress.ended:
                total.ended[i] = next(iter(progress.ended.values()))
            elif progress.needed:
                total.needed += progress.needed
            else:
                request, result, _ = answers[1]
                value = _value([answer for _, _, answer in answers.values()])
                total.ended[i] = Ended(value=value, result=result, key=request.key)
        return total


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine of the angle between two vectors, 0.0 where one has no direction."""
    length = math.hypot(*one) * math.hypot(*other)
    product = math.fsum(a * b for a, b in zip(one, other, strict=True))
    return max(-1.0, min(1.0, product / length)) if length else 0.0


def _requests(call: Call, row: Row) -> list[Request]:
    return [row.request(name, _asking(call, row, name)) for name in ("expr1", "expr2")]


def _asking(call: Call, row: Row, name: str) -> Callable[[], Request]:
    given = row.input if isinstance(row.input, dict) else {}
    return lambda: call.ask(row, asked=as_text(given[name]))


def _value(answers: Sequence[Answer]) -> str | Failure:
    vectors = [answer.value for answer in answers if isinstance(answer.value, list)]
    if vectors[0] == vectors[1]:
        return "1.0"
    if len(vectors[0]) != len(vectors[1]):
        problem = f"the other text's has {len(vectors[0])} numbers and this one {len(vectors[1])}"
        return misfit(answers[1], problem)
    return repr(cosine(vectors[0], vectors[1]))
