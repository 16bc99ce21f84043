"""ai_decide: questions about one state, each a request of its own, answered by a symbol."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from airquery.answer import Answer, Failure
from airquery.output.value import Shape, misfit
from airquery.tasks.options import read_options, version_of
from airquery.tasks.probabilities import probabilities
from airquery.tasks.prompt import filled, prompt
from airquery.tasks.questions import Question, read_questions
from airquery.tasks.steps import Ended, Progress, Row, answered
from airquery.tasks.task import Task


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airquery.execute.answers import Result
    from airquery.request import Request
    from airquery.sqlfn.call import Call
    from airquery.sqlfn.given import Given
    from airquery.tasks.steps import Known


VERSIONS = ("1.0",)
# As many as the OpenAI format gives.
TOP_LOGPROBS = 20
_WORD = re.compile(r"\w+")


def deciding(given: Given) -> Task:
    """Prepare a call. Raises `StatementError`."""
    options = read_options(given, ("version",))
    version = version_of(given, options, VERSIONS, default="1.0")
    questions = read_questions(given)
    told = given.model_parameters.get("logprobs") is not False
    return Task(
        endpoint_task="chat",
        shape=Shape(structure="VARCHAR"),
        steps=Decide(
            version=version,
            asked=tuple((one, _prompt(prompt(given), one)) for one in questions),
        ),
        parameters={"logprobs": True, "top_logprobs": TOP_LOGPROBS} if told else {},
        envelope="response and metadata",
    )


def _prompt(template: str, question: Question) -> str:
    return filled(
        template,
        {
            "instructions": question.instructions,
            "criteria": question.criteria(),
            "symbols": ", ".join(question.options),
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """One request for each question of a row; `asked` has the questions with their prompts."""

    version: str
    asked: tuple[tuple[Question, str], ...]
    repeats = False

    def advance(self, call: Call, rows: Mapping[int, Row], known: Known) -> Progress:
        """Ask every question of each row, and put its answers together."""
        total = Progress()
        for i, row in rows.items():
            requests = {
                n: row.request(question.id, _asking(call, row, system))
                for n, (question, system) in enumerate(self.asked)
            }
            progress, answers = answered(requests, known)
            if progress.needed:
                total.needed += progress.needed
            elif progress.ended:
                total.ended[i] = self._failed(*next(iter(progress.ended.items())))
            else:
                total.ended[i] = self._decided([answers[n] for n in range(len(self.asked))])
        return total

    def _decided(self, answers: list[tuple[Request, Result, Answer]]) -> Ended:
        found: dict[str, object] = {}
        for n, (request, result, answer) in enumerate(answers):
            question = self.asked[n][0]
            value = decision(question, answer)
            if isinstance(value, Failure):
                return self._failed(n, Ended(value=value, result=result, key=request.key))
            found[question.id] = value
        return Ended(
            value=orjson.dumps({"answers": found}).decode(),
            metadata=orjson.dumps({"version": self.version}).decode(),
        )

    def _failed(self, n: int, ended: Ended) -> Ended:
        if not isinstance(ended.value, Failure):
            return ended
        message = f"Question {self.asked[n][0].id!r}: {ended.value.message}"
        return replace(ended, value=replace(ended.value, message=message))


def decision(question: Question, answer: Answer) -> dict[str, object] | Failure:
    """Return what an answer decides, or why it decides nothing."""
    symbol = _symbol(question, str(answer.value))
    if symbol is None:
        return misfit(answer, f"it is none of {', '.join(question.options)}")
    shares = probabilities(answer.logprobs, question.options)
    if shares is not None:
        symbol = max(shares, key=shares.__getitem__)
    confidence = None if shares is None else shares[symbol]
    if question.kind == "choice":
        return {
            "type": "choice",
            "choice": question.options[symbol],
            "probabilities": _named(shares, question.options),
            "confidence": confidence,
        }
    if question.kind == "noul":
        probability = None if shares is None else shares["true"]
        return {"type": "noul", "noul": symbol == "true", "probability": probability}
    return {
        "type": "score",
        "score": float(symbol) if shares is None else _mean(shares),
        "probabilities": shares,
        "legend": dict(question.options),
        "confidence": confidence,
    }


def _mean(shares: Mapping[str, float]) -> float:
    return math.fsum(int(level) * share for level, share in shares.items())


def _named(
    shares: Mapping[str, float] | None, options: Mapping[str, str]
) -> dict[str, float] | None:
    return None if shares is None else {options[one]: share for one, share in shares.items()}


def _symbol(question: Question, text: str) -> str | None:
    """Find the symbol a model wrote: the option itself, or the first word of its answer."""
    said = text.strip().casefold()
    by_name = {option.casefold(): symbol for symbol, option in question.options.items()}
    if said in by_name:
        return by_name[said]
    first = _WORD.search(said)
    by_symbol = {symbol.casefold(): symbol for symbol in question.options}
    return by_symbol.get(first.group()) if first else None


def _asking(call: Call, row: Row, system: str) -> Callable[[], Request]:
    return lambda: call.ask(row, system=system)
