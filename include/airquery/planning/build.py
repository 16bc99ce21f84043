"""Make the plan of one statement: the queries that collect its requests, then its own text.

The queries may run beside the text, each some way ahead of it, on connections of their own; or one
after another before it, on the statement's own, where only that sees its rows.
"""

from __future__ import annotations

import logging
import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from airquery.planning.plan import Plan
from airquery.sqlfn.calls import CallSite, call_nodes, call_sites
from airquery.sqlfn.dialects import AirqueryDuckDB
from airquery.sqlfn.functions import MODE


# What a transaction, or a connection, has of its own.
_MOMENTS = (
    exp.CurrentTimestamp,
    exp.CurrentDate,
    exp.CurrentTime,
    exp.CurrentDatetime,
    exp.Localtime,
    exp.Localtimestamp,
)
_OF_ONE_CONNECTION = {
    "age",
    "current_localtime",
    "current_localtimestamp",
    "current_query",
    "currval",
    "get_current_time",
    "get_current_timestamp",
    "getvariable",
    "now",
    "today",
    "transaction_timestamp",
    "txid_current",
}
_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?!ANALYZE\b)(?:\([^)]*\)\s*)?", re.IGNORECASE)


def build(text: str) -> Plan:
    """Plan one DuckDB statement. What cannot be parsed or collected is executed as it stands."""
    if (explain := _EXPLAIN.match(text)) is not None:
        explained = build(text[explain.end() :])
        return Plan(
            text=explain.group() + _without_asking(explained.text),
            note="; ".join(explained.decisions()),
        )
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
    # A query that reads nothing has one row, of which nothing is to be read ahead.
    reads = body.find(exp.From) is not None
    depths = sorted({site.depth for site in sites if site.ahead and reads})
    note = "; ".join(sorted({site.reason for site in sites if not site.ahead}))
    return Plan(
        text=text,
        rounds=tuple(_collecting(body, sites, depth, below="ahead") for depth in depths),
        readers=tuple(_collecting(body, sites, depth, below="now") for depth in depths),
        counting=_collecting(body, sites, 1, below="later") if any(s.ahead for s in sites) else "",
        sites=tuple(sites),
        note=note,
        tables=frozenset(table.name.lower() for table in body.find_all(exp.Table)),
        own=_needs_own_transaction(body),
    )


def parse(text: str) -> exp.Expr | None:
    """Parse one DuckDB statement; None if sqlglot does not know its syntax."""
    glot = logging.getLogger("sqlglot")
    level = glot.level
    # It warns of syntax that it leaves alone; leaving it alone is what is wanted here.
    glot.setLevel(logging.ERROR)
    try:
        tree = sqlglot.parse_one(text, read=AirqueryDuckDB)
    except (SqlglotError, RecursionError):
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


def _collecting(body: exp.Expr, sites: list[CallSite], depth: int, *, below: str) -> str:
    """Write the query that collects the calls of a depth and leaves deeper ones NULL.

    `below` is the mode of those that they build on.
    """
    copy = body.copy()
    for node, site in zip(call_nodes(copy), sites, strict=True):
        mode = "ahead" if site.depth == depth else below
        _set_mode(node, mode if site.ahead and site.depth <= depth else "later")
    return copy.sql(dialect="duckdb")


def _needs_own_transaction(body: exp.Expr) -> str:
    """Say what of a query means something else on another connection; nothing if all is the same."""
    for node in body.walk():
        if isinstance(node, _MOMENTS):
            return "the time of its transaction is part of it"
        if isinstance(node, exp.Anonymous) and node.name.lower() in _OF_ONE_CONNECTION:
            return f"{node.name.lower()}() is part of it"
        if isinstance(node, exp.Parameter | exp.SessionParameter | exp.Placeholder):
            return "a variable is part of it"
    return ""


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
