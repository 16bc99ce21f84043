"""The questions of ai_decide: what is asked, and by which symbols it can be answered.

A symbol is as short as it can be, so that one token of the model decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import orjson

from airquery.errors import suggestion
from airquery.sqlfn.given import invalid
from airquery.tasks.prompt import as_text


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.sqlfn.given import Given


Kind: TypeAlias = Literal["choice", "noul", "score"]

MOST_OPTIONS = 255
LEVELS = range(2, 11)
EXAMPLE = '{"urgent": {"type": "noul", "instructions": "Must it be answered today?"}}'
_FIELDS = ("id", "type", "instructions", "criteria")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. `options` maps each symbol to what it stands for, `about` says more of it."""

    id: str
    kind: Kind
    instructions: str
    options: Mapping[str, str]
    about: Mapping[str, str]

    def criteria(self) -> str:
        """Return what the symbols stand for, as lines of a prompt."""
        lines = []
        for symbol, option in self.options.items():
            parts = [part for part in (option, self.about.get(symbol, "")) if part != symbol]
            text = " - ".join(filter(None, parts))
            lines.append(f"{symbol}: {text}" if text else symbol)
        return "\n".join(lines)


def read_questions(given: Given) -> tuple[Question, ...]:
    """Read `questions`: JSON text, an object by id or an array. Raises `StatementError`."""
    value = given.more.get("questions")
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as problem:
            raise invalid(
                given.function, f"questions is not JSON ({problem}). Write {EXAMPLE}."
            ) from problem
    reader = _Reader(given)
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [(one.get("id") if isinstance(one, Mapping) else None, one) for one in value]
    else:
        pairs = []
    if not pairs:
        raise invalid(given.function, f"questions has none. Write {EXAMPLE}.")
    questions = tuple(reader.question(name, one) for name, one in pairs)
    ids = [one.id for one in questions]
    doubled = [name for name in ids if ids.count(name) > 1]
    if doubled:
        raise invalid(given.function, f"the id {doubled[0]!r} is given twice.")
    return questions


class _Reader:
    """Reads questions, and names the one that cannot be read."""

    def __init__(self, given: Given) -> None:
        self._function = given.function

    def question(self, name: object, value: object) -> Question:
        if not isinstance(name, str) or not name:
            raise invalid(self._function, 'every question needs an "id", text that is not empty.')
        if not isinstance(value, Mapping):
            raise invalid(self._function, f"question {name!r} must be an object. Write {EXAMPLE}.")
        for one in value:
            if one not in _FIELDS:
                raise self._wrong(name, f"has {one!r}. {suggestion(str(one), _FIELDS)}")
        kind = self._kind(name, value.get("type"))
        instructions = value.get("instructions")
        if not instructions:
            raise self._wrong(name, "has no instructions: say what is to be judged.")
        options, about = self._options(name, kind, value.get("criteria"))
        return Question(
            id=name,
            kind=kind,
            instructions=as_text(instructions),
            options=options,
            about=about,
        )

    def _kind(self, name: str, value: object) -> Kind:
        for known in get_args(Kind):
            if value == known:
                kind: Kind = known
                return kind
        raise self._wrong(name, f"has type {value!r}. {suggestion(str(value), get_args(Kind))}")

    def _options(
        self, name: str, kind: Kind, criteria: object
    ) -> tuple[dict[str, str], dict[str, str]]:
        if kind == "choice":
            return self._choice(name, criteria)
        return self._noul(name, criteria) if kind == "noul" else self._score(name, criteria)

    def _choice(self, name: str, criteria: object) -> tuple[dict[str, str], dict[str, str]]:
        described = dict.fromkeys(criteria) if isinstance(criteria, list) else criteria
        if not isinstance(described, Mapping) or not 1 <= len(described) <= MOST_OPTIONS:
            raise self._wrong(name, f"needs criteria of 1 to {MOST_OPTIONS} options.")
        if not all(isinstance(option, str) and option.strip() for option in described):
            raise self._wrong(name, "has an option that is no text, or empty.")
        symbols = _symbols(len(described))
        about = zip(symbols, described.values(), strict=True)
        return (
            dict(zip(symbols, described, strict=True)),
            {symbol: as_text(text) for symbol, text in about if text is not None},
        )

    def _noul(self, name: str, criteria: object) -> tuple[dict[str, str], dict[str, str]]:
        described = {} if criteria is None else criteria
        if not isinstance(described, Mapping) or not described.keys() <= {"true", "false"}:
            raise self._wrong(name, 'takes criteria of "true" and "false" only, or none.')
        about = {symbol: as_text(text) for symbol, text in described.items() if text is not None}
        return {"true": "true", "false": "false"}, about

    def _score(self, name: str, criteria: object) -> tuple[dict[str, str], dict[str, str]]:
        if not isinstance(criteria, list) or len(criteria) not in LEVELS:
            raise self._wrong(
                name,
                f"needs criteria of {LEVELS.start} to {LEVELS.stop - 1} levels, an array with the "
                "lowest first.",
            )
        return {str(level): as_text(text) for level, text in enumerate(criteria)}, {}

    def _wrong(self, name: str, problem: str) -> Exception:
        return invalid(self._function, f"question {name!r} {problem}")


def _symbols(count: int) -> Sequence[str]:
    if count <= len(ascii_uppercase):
        return ascii_uppercase[:count]
    return [str(number) for number in range(1, count + 1)]
