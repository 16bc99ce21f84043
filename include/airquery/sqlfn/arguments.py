"""Check the arguments of the calls in a parsed statement by name, before DuckDB sees it.

DuckDB only says that a macro "does not support the supplied arguments"; here the message names the
one that is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from airquery.errors import StatementError, suggestion
from airquery.sqlfn.functions import Function, functions


if TYPE_CHECKING:
    from collections.abc import Iterator


def check_arguments(tree: exp.Expr) -> None:
    """Refuse calls with wrong arguments. Raises `StatementError`."""
    for node, function in _calls(tree):
        given = given_arguments(node, function)
        for name in function.required:
            if name not in given:
                raise _wrong(function, f"the argument {name!r} is missing")
        constants = {one.name for one in function.arguments if one.constant}
        for name, value in given.items():
            if name in constants and value.find(exp.Column, exp.Query) is not None:
                raise _wrong(
                    function,
                    f"{name} must be a constant, not {value.sql(dialect='duckdb')!r}: it cannot "
                    "depend on the row",
                )


def given_arguments(node: exp.Anonymous, function: Function) -> dict[str, exp.Expr]:
    """Return what a call gives, by the arguments' names. Raises `StatementError`."""
    names = [one.name for one in function.arguments]
    given: dict[str, exp.Expr] = {}
    named = False
    for position, argument in enumerate(node.expressions):
        if isinstance(argument, exp.Kwarg | exp.PropertyEQ):
            named = True
            name = _canonical(function, argument.name)
            value = argument.expression
        elif named:
            raise _wrong(function, "arguments without a name must come before those with one")
        elif position >= len(names):
            raise _wrong(function, f"it takes at most {len(names)} arguments")
        else:
            name, value = names[position], argument
        if name in given:
            raise _wrong(function, f"the argument {name!r} is given twice")
        given[name] = value
    return given


def _calls(tree: exp.Expr) -> Iterator[tuple[exp.Anonymous, Function]]:
    for node in tree.find_all(exp.Anonymous):
        function = functions().get(node.name.lower())
        if function is not None:
            yield node, function


def _canonical(function: Function, name: str) -> str:
    known = {one.name.lower(): one.name for one in function.arguments}
    if name.lower() not in known:
        hint = suggestion(name, known.values()).rstrip(".")
        raise _wrong(function, f"it has no argument {name!r}. {hint}")
    return known[name.lower()]


def _wrong(function: Function, problem: str) -> StatementError:
    called = function.signature() if function.name != "ai_query" else _AI_QUERY
    stop = "" if problem.endswith("?") else "."
    return StatementError(
        "AI_FUNCTION_COMPILATION_ERROR",
        f"{function.name}: {problem}{stop} It is called as {called}.",
    )


_AI_QUERY = (
    "ai_query(endpoint, request, returnType => …, failOnError => …, modelParameters => …, "
    "responseFormat => …, files => …)"
)
