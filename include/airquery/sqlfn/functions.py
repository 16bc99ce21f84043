"""The SQL functions as their macro files declare them: names, arguments, what must be constant.

A file of `airquery_sql/functions` whose name starts with `ai_` is the one source of its function: a
comment of a summary, one line an argument and the result, then the macro.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import airquery_sql


FOLDER = "functions"
# The argument by which a plan says what a call does: "now", "ahead" or "later". Nobody else gives it.
MODE = "_mode"
_MACRO = re.compile(r"CREATE OR REPLACE TEMP MACRO (\w+)\((.*?)\) AS$", re.MULTILINE)
_ARGUMENT = re.compile(r"(\w+) ([^:(]+?)( \(constant\))?: (.+)")
_RETURNS = "Returns: "
_SENDS = "_ai_ask("


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument: `default` is SQL text, or None where it must be given."""

    name: str
    kind: str
    constant: bool
    default: str | None
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function. `asks` says whether it sends requests."""

    name: str
    summary: str
    arguments: tuple[Argument, ...]
    returns: str
    asks: bool

    @property
    def headline(self) -> str:
        """Return the first sentence of the summary."""
        return self.summary.partition(". ")[0].rstrip(".") + "."

    @property
    def required(self) -> tuple[str, ...]:
        """Return the names of the arguments that must be given."""
        return tuple(one.name for one in self.arguments if one.default is None)

    def signature(self) -> str:
        """Return how it is called, on one line."""
        parts = [
            one.name if one.default is None else f"{one.name} => {one.default}"
            for one in self.arguments
        ]
        return f"{self.name}({', '.join(parts)})"


@cache
def functions() -> dict[str, Function]:
    """Return every function by its name, in lower case."""
    names = airquery_sql.names(FOLDER)
    found = [_read(name) for name in names if name.startswith(f"{FOLDER}/ai_")]
    return {function.name: function for function in found}


@cache
def asking() -> frozenset[str]:
    """Return the names of the functions that send requests."""
    return frozenset(name for name, function in functions().items() if function.asks)


def _read(file: str) -> Function:
    text = airquery_sql.read(file)
    comment = [line[3:] for line in text.splitlines() if line.startswith("-- ")]
    name, arguments = _MACRO.findall(text)[-1]
    defaults = dict(_parameter(one) for one in _split(arguments))
    described = {found[1]: found for line in comment if (found := _ARGUMENT.fullmatch(line))}
    if list(described) != list(defaults):
        raise ValueError(f"{file} describes {list(described)}, but takes {list(defaults)}")
    first = next(i for i, line in enumerate(comment) if _ARGUMENT.fullmatch(line))
    return Function(
        name=name,
        summary=" ".join(comment[:first]),
        arguments=tuple(
            Argument(
                name=one,
                kind=described[one][2],
                constant=described[one][3] is not None,
                default=default,
                meaning=described[one][4],
            )
            for one, default in defaults.items()
        ),
        returns=next(line for line in comment if line.startswith(_RETURNS))[len(_RETURNS) :],
        asks=_SENDS in text,
    )


def _parameter(text: str) -> tuple[str, str | None]:
    name, assigned, default = (part.strip() for part in text.partition(":="))
    return name, default if assigned else None


def _split(arguments: str) -> list[str]:
    """Cut a list of parameters at its commas; no default of ours holds one."""
    return [part.strip() for part in arguments.split(",")]
