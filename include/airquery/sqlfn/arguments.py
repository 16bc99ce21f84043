"""Check the arguments of the calls in a parsed statement by name, before DuckDB sees it.

DuckDB only says that a macro "does not support the supplied arguments"; here the message names the
one that is wrong.
"""

from __future__ import annotations

from sqlglot import exp

from airquery.errors import StatementError, suggestion
from airquery.sqlfn.calls import call_nodes


ARGUMENTS = (
    "endpoint",
    "request",
    "returnType",
    "failOnError",
    "modelParameters",
    "responseFormat",
)
REQUIRED = ("endpoint", "request")
_KNOWN = {name.lower(): name for name in ARGUMENTS}


def check_arguments(tree: exp.Expr) -> None:
    """Refuse calls with wrong arguments. Raises `StatementError`."""
    for node in call_nodes(tree):
        given = _given(node)
        for name in REQUIRED:
            if name not in given:
                raise _wrong(f"the argument {name!r} is missing")
        for name, value in given.items():
            if name != "request" and value.find(exp.Column, exp.Query) is not None:
                raise _wrong(
                    f"{name} must be a constant, not {value.sql(dialect='duckdb')!r}: it cannot "
                    "depend on the row"
                )


def _given(node: exp.Anonymous) -> dict[str, exp.Expr]:
    given: dict[str, exp.Expr] = {}
    named = False
    for position, argument in enumerate(node.expressions):
        if isinstance(argument, exp.Kwarg | exp.PropertyEQ):
            named = True
            name = _canonical(argument.name)
            value = argument.expression
        elif named:
            raise _wrong("arguments without a name must come before those with one")
        elif position >= len(ARGUMENTS):
            raise _wrong(f"it takes at most {len(ARGUMENTS)} arguments")
        else:
            name, value = ARGUMENTS[position], argument
        if name in given:
            raise _wrong(f"the argument {name!r} is given twice")
        given[name] = value
    return given


def _canonical(name: str) -> str:
    known = _KNOWN.get(name.lower())
    if known is None:
        raise _wrong(f"it has no argument {name!r}. {suggestion(name, ARGUMENTS).rstrip('.')}")
    return known


def _wrong(problem: str) -> StatementError:
    return StatementError(
        "AI_FUNCTION_COMPILATION_ERROR",
        f"ai_query: {problem.rstrip('?')}{'?' if problem.endswith('?') else '.'} It is called as ai_query(endpoint, request, returnType => …, "
        "failOnError => …, modelParameters => …, responseFormat => …).",
    )
