"""Make the plan of one statement: the queries that collect its requests, then its own text."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from airquery.sqlfn.calls import CallSite, call_nodes, call_sites
from airquery.sqlfn.dialects import AirqueryDuckDB
from airquery.sqlfn.functions import MODE


_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?!ANALYZE\b)(?:\([^)]*\)\s*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one statement is executed.

    `rounds` are queries to run and drain in order, each before the next: every one collects the
    requests that can be known by then. `text` is the statement itself. `sites` are its calls, and
    `note` says why nothing is collected although there are calls.
    """

    text: str
    rounds: tuple[str, ...] = ()
    sites: tuple[CallSite, ...] = ()
    note: str = ""


def build(text: str) -> Plan:
    """Plan one DuckDB statement. What cannot be parsed or collected is executed as it stands."""
    if (explain := _EXPLAIN.match(text)) is not None:
        return Plan(text=explain.group() + _without_asking(text[explain.end() :]))
    tree = parse(text)
    sites = call_sites(tree) if tree is not None else []
    if tree is None or not sites:
        return Plan(text=text)
    body = _select_body(tree)
    if body is None or len(call_nodes(body)) != len(sites):
        asks = not isinstance(tree, exp.Create)
        note = f"calls in {tree.key.upper()} are not collected" if asks else ""
        return Plan(text=text, sites=tuple(sites), note=note)
    sites = call_sites(body)
    depths = sorted({site.depth for site in sites if site.ahead})
    note = "; ".join(sorted({site.reason for site in sites if not site.ahead}))
    return Plan(
        text=text,
        rounds=tuple(_collecting(body, sites, depth) for depth in depths),
        sites=tuple(sites),
        note=note,
    )


def parse(text: str) -> exp.Expr | None:
    """Parse one DuckDB statement; None if sqlglot does not know its syntax."""
    glot = logging.getLogger("sqlglot")
    level = glot.level
    # It warns of syntax that it leaves alone; leaving it alone is what is wanted here.
    glot.setLevel(logging.ERROR)
    try:
        tree = sqlglot.parse_one(text, read=AirqueryDuckDB)
    except SqlglotError:
        return None
    finally:
        glot.setLevel(level)
    return None if isinstance(tree, exp.Command) else tree


def _select_body(tree: exp.Expr) -> exp.Expr | None:
    """Return the query whose rows a statement stores or shows."""
    body: object = tree
    if (isinstance(tree, exp.Create) and tree.kind == "TABLE") or isinstance(tree, exp.Insert):
        body = tree.args.get("expression")
    elif isinstance(tree, exp.Merge):
        # Its rows come from there under another name, which the query itself does not use.
        body = tree.args["using"]
        body = body.this if isinstance(body, exp.Subquery) else None
    elif isinstance(tree, exp.Copy):
        body = tree.this
    while isinstance(body, exp.Subquery | exp.Paren) and not body.args.get("alias"):
        body = body.this
    if not isinstance(body, exp.Query) or (body is not tree and tree.args.get("with_")):
        return None
    # Detached, so that nothing above the query is taken for a part of it.
    return body.copy()


def _collecting(body: exp.Expr, sites: list[CallSite], depth: int) -> str:
    """Write the query that collects the calls down to a depth and leaves the others NULL."""
    copy = body.copy()
    for node, site in zip(call_nodes(copy), sites, strict=True):
        ahead = site.ahead and site.depth <= depth
        _set_mode(node, "ahead" if ahead else "later")
    return copy.sql(dialect="duckdb")


def _without_asking(text: str) -> str:
    tree = parse(text)
    if tree is None:
        return text
    nodes = call_nodes(tree)
    for node in nodes:
        _set_mode(node, "later")
    return tree.sql(dialect="duckdb") if nodes else text


def _set_mode(node: exp.Anonymous, mode: str) -> None:
    node.append("expressions", exp.Kwarg(this=exp.var(MODE), expression=exp.Literal.string(mode)))
