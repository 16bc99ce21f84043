"""Random statements with calls of ai_query in all places where one may stand.

A strategy makes an expression of one kind over the columns that are in scope; `depth` bounds how
much is inside of it. Every answer is one of few short words, so that filters, groups and joins on
answers match, and every third row of `v` is NULL.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Literal, TypeAlias

from hypothesis import strategies as st


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Kind: TypeAlias = Literal["text", "number"]

TABLES = """
CREATE TABLE t AS SELECT i::INTEGER AS i, 'row ' || i AS s, (i % 3)::INTEGER AS g,
  CASE WHEN i % 3 = 0 THEN NULL ELSE 'v' || i % 4 END AS v FROM range(9) AS r(i);
CREATE TABLE u AS SELECT i::INTEGER AS i, 'row ' || (i * 2) AS s, (i % 2)::INTEGER AS g,
  CASE WHEN i % 3 = 1 THEN NULL ELSE 'v' || i % 4 END AS v FROM range(5) AS r(i);
"""
COLUMNS: tuple[tuple[str, Kind], ...] = (
    ("i", "number"),
    ("s", "text"),
    ("g", "number"),
    ("v", "text"),
)


# What an expression is made of; those that are asked for more often stand more often.
LEAF = "{leaf}"
_ASKED = "ai_query('llm', {asked})"
TEXTS = (
    LEAF,
    LEAF,
    *[_ASKED] * 4,
    "ai_query('llm', {asked}, failOnError => false).result",
    "ai_query('shaky', {asked}, failOnError => false).result",
    "concat('x', {text})",
    "({text} || {less})",
    "coalesce({text}, {more})",
    "CASE WHEN {whether} THEN {text} ELSE {more} END",
    "(SELECT min({inside}) FROM {source})",
    "upper({text})",
)
CONDITIONS = (
    LEAF,
    "{text} LIKE '%{digit}%'",
    "{asked} LIKE '%{digit}%'",
    "{text} IS NULL",
    "{more} IS NULL",
    "{text} = {less}",
    "NOT ({whether})",
    "({whether} AND {or_whether})",
    "({whether} OR {or_whether})",
    "EXISTS (SELECT 1 FROM {source} WHERE {where})",
    "NOT EXISTS (SELECT 1 FROM {source} WHERE {where})",
    "{text} IN (SELECT {of_it} FROM {source})",
    "{text} NOT IN (SELECT {of_it} FROM {source})",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The columns an expression may name, and where new aliases come from."""

    names: Iterator[int]
    columns: tuple[tuple[str, Kind], ...] = ()
    ctes: tuple[tuple[str, tuple[tuple[str, Kind], ...]], ...] = ()

    def of(self, kind: Kind) -> list[str]:
        """Return the columns of one kind."""
        return [name for name, its in self.columns if its == kind]

    def plus(self, columns: tuple[tuple[str, Kind], ...]) -> Scope:
        """Return the scope with further columns."""
        return Scope(names=self.names, columns=self.columns + columns, ctes=self.ctes)

    def only(self, columns: tuple[tuple[str, Kind], ...]) -> Scope:
        """Return the scope with these columns instead."""
        return Scope(names=self.names, columns=columns, ctes=self.ctes)

    def alias(self, prefix: str) -> str:
        """Return a name that nobody has."""
        return f"{prefix}{next(self.names)}"


@st.composite
def texts(draw: st.DrawFn, scope: Scope, depth: int) -> str:
    """Draw an expression of type VARCHAR."""
    leaves = st.sampled_from([*scope.of("text"), "'a'", "NULL::VARCHAR"])
    template = draw(st.sampled_from(TEXTS)) if depth > 0 else LEAF
    return draw(leaves if template == LEAF else _filled(template, scope, depth))


@st.composite
def conditions(draw: st.DrawFn, scope: Scope, depth: int) -> str:
    """Draw an expression of type BOOLEAN."""
    number = draw(st.sampled_from(scope.of("number") or ["1"]))
    template = draw(st.sampled_from(CONDITIONS)) if depth > 0 else LEAF
    if template == LEAF:
        return f"{number} < {draw(st.integers(0, 5))}"
    return draw(_filled(template, scope, depth))


@st.composite
def _filled(draw: st.DrawFn, template: str, scope: Scope, depth: int) -> str:
    """Draw what a template has places for."""
    source, columns = draw(sources(scope, depth - 2)) if "{source}" in template else ("", ())
    fillings: dict[str, st.SearchStrategy[object]] = {
        "asked": texts(scope, depth - 1).map(lambda text: _row_of(scope, text)),
        "text": texts(scope, depth - 1),
        "more": texts(scope, depth - 1),
        "less": texts(scope, depth - 2),
        "whether": conditions(scope, depth - 1),
        "or_whether": conditions(scope, depth - 1),
        "inside": texts(scope.plus(columns), depth - 1),
        "of_it": texts(scope.only(columns), depth - 1) if columns else st.just(""),
        "where": conditions(scope.plus(columns), depth - 1),
        "digit": st.integers(0, 3),
    }
    wanted = {name: it for name, it in fillings.items() if f"{{{name}}}" in template}
    return template.format(source=source, **{name: draw(it) for name, it in wanted.items()})


@st.composite
def sources(draw: st.DrawFn, scope: Scope, depth: int) -> tuple[str, tuple[tuple[str, Kind], ...]]:
    """Draw what may stand after FROM, and the columns it brings."""
    free = scope.only(())
    shape = draw(st.sampled_from("ttttqjlc" if depth > 0 else "tttc"))
    if shape == "q":
        text, columns = draw(queries(free, depth - 1))
        alias = scope.alias("q")
        return f"({text}) AS {alias}", _under(alias, columns)
    if shape in "jl":
        left, of_left = draw(sources(free, depth - 1))
        right, of_right = draw(sources(free, depth - 1))
        on = draw(conditions(free.only(of_left + of_right), draw(st.integers(0, depth))))
        word = draw(st.sampled_from(["JOIN", "LEFT JOIN"]))
        return f"{left} {word} {right} ON {on}", of_left + of_right
    if shape == "c" and scope.ctes:
        name, columns = draw(st.sampled_from(scope.ctes))
        alias = scope.alias("c")
        return f"{name} AS {alias}", _under(alias, columns)
    alias = scope.alias("t")
    return f"{draw(st.sampled_from('tu'))} AS {alias}", _under(alias, COLUMNS)


@st.composite
def selects(draw: st.DrawFn, scope: Scope, depth: int) -> tuple[str, tuple[tuple[str, Kind], ...]]:
    """Draw a SELECT: plain, grouped or with a window; text columns only, and one number."""
    source, columns = draw(sources(scope, depth))
    inside = scope.plus(columns)
    where = f" WHERE {draw(conditions(inside, depth))}" if draw(st.booleans()) else ""
    shape = draw(st.sampled_from("ppppgwa"))
    make: dict[str, Callable[[], st.SearchStrategy[tuple[list[str], str]]]] = {
        "p": lambda: _plain(inside, depth),
        "g": lambda: _grouped(inside, depth),
        "w": lambda: _windowed(inside, depth),
        "a": lambda: _aliased(inside, depth),
    }
    values, tail = draw(make[shape]())
    number = "count(*)" if shape == "g" else draw(st.sampled_from([*inside.of("number"), "7"]))
    named = [(value, scope.alias("x")) for value in values]
    as_number = scope.alias("n")
    listed = ", ".join([f"{v} AS {n}" for v, n in named] + [f"{number} AS {as_number}"])
    distinct = "DISTINCT " if draw(st.integers(0, 5)) == 0 else ""
    text = f"SELECT {distinct}{listed} FROM {source}{where}{tail}"
    made: tuple[tuple[str, Kind], ...] = tuple((n, "text") for _, n in named)
    return text, (*made, (as_number, "number"))


@st.composite
def _plain(draw: st.DrawFn, scope: Scope, depth: int) -> tuple[list[str], str]:
    return draw(st.lists(texts(scope, depth), min_size=1, max_size=2)), ""


@st.composite
def _aliased(draw: st.DrawFn, scope: Scope, depth: int) -> tuple[list[str], str]:
    """Draw a value that reads another one of the same SELECT by its alias."""
    alias = scope.alias("y")
    first = draw(texts(scope, depth))
    second = draw(texts(scope.plus(((alias, "text"),)), depth - 1))
    return [f"{first} AS {alias}, {second}"], ""


@st.composite
def _grouped(draw: st.DrawFn, scope: Scope, depth: int) -> tuple[list[str], str]:
    key = draw(texts(scope, depth))
    listed = f"string_agg({draw(texts(scope, depth - 1))}, ',' ORDER BY {_first(scope)})"
    asked = draw(st.sampled_from([listed, f"ai_query('llm', {listed})"]))
    having = draw(st.sampled_from(["", " HAVING count(*) > 1", f" HAVING {asked} LIKE '%1%'"]))
    return [key, asked], f" GROUP BY {key}{having}"


@st.composite
def _windowed(draw: st.DrawFn, scope: Scope, depth: int) -> tuple[list[str], str]:
    over = f"(PARTITION BY {draw(texts(scope, depth))} ORDER BY {_order(scope)})"
    lag = f"lag({draw(texts(scope, depth - 1))}) OVER {over}"
    tail = draw(st.sampled_from(["", f" QUALIFY row_number() OVER {over} = 1"]))
    return [draw(st.sampled_from([lag, f"ai_query('llm', {lag})"]))], tail


def _row_of(scope: Scope, text: str) -> str:
    """Return a text that depends on the row.

    DuckDB asks a constant while it plans, and what it plans then depends on the answer.
    """
    if any(name in text for name, _ in scope.columns):
        return text
    return f"concat({text}, {scope.columns[0][0]})"


def _first(scope: Scope) -> str:
    return (scope.of("text") or ["'a'"])[0]


def _order(scope: Scope) -> str:
    return ", ".join(name for name, _ in scope.columns)


@st.composite
def queries(draw: st.DrawFn, scope: Scope, depth: int) -> tuple[str, tuple[tuple[str, Kind], ...]]:
    """Draw a query: a SELECT or a UNION of two of one width, in an order, with a limit."""
    text, columns = draw(selects(scope, depth))
    if draw(st.integers(0, 4)) == 0:
        more, others = draw(selects(scope, depth - 1))
        shared = min(len(columns), len(others)) - 1
        both = draw(st.sampled_from(["UNION ALL", "UNION"]))
        kept = (*columns[:shared], columns[-1])
        left, right = (
            f"SELECT {', '.join(n for n, _ in (*its[:shared], its[-1]))} FROM ({body})"
            for its, body in ((columns, text), (others, more))
        )
        text, columns = f"{left} {both} {right}", kept
    match draw(st.sampled_from("------lob")):
        case "l":
            text = f"{text} LIMIT {draw(st.integers(0, 4))}"
        case "o":
            text = f"{text} ORDER BY {', '.join(name for name, _ in columns)}"
        case "b":
            order = ", ".join(name for name, _ in columns)
            text = f"{text} ORDER BY {order} LIMIT {draw(st.integers(0, 4))}"
    return text, columns


@st.composite
def statements(draw: st.DrawFn, depth: int = 3) -> str:
    """Draw a whole statement, some with a CTE before it."""
    scope = Scope(names=count())
    if draw(st.integers(0, 2)):
        return draw(queries(scope, depth))[0]
    text, columns = draw(queries(scope, depth - 1))
    name = scope.alias("w")
    with_cte = Scope(names=scope.names, ctes=((name, columns),))
    materialized = draw(st.sampled_from(["", "MATERIALIZED ", "NOT MATERIALIZED "]))
    return f"WITH {name} AS {materialized}({text}) {draw(queries(with_cte, depth))[0]}"


def _under(alias: str, columns: tuple[tuple[str, Kind], ...]) -> tuple[tuple[str, Kind], ...]:
    return tuple((f"{alias}.{name}", kind) for name, kind in columns)
