"""Find the calls of a parsed statement that ask, and which of them can be answered ahead.

A call is answered ahead when collecting its requests first asks nothing that plain execution would
not ask. While requests are collected an unknown answer is NULL, so a call must not be collected
where that NULL decides which other rows are evaluated. `depth` orders calls that build on each
other: a call is collected only when all it builds on is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from airquery.errors import StatementError
from airquery.sqlfn.arguments import given_arguments
from airquery.sqlfn.functions import asking, functions


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


CLAUSES = {
    "with_": 0,
    "from_": 1,
    "joins": 2,
    "laterals": 2,
    "where": 3,
    "group": 4,
    "having": 5,
    "expressions": 6,
    "windows": 6,
    "qualify": 7,
    "order": 8,
    "distinct": 8,
}
STEERING = (exp.Case, exp.Coalesce, exp.If, exp.And, exp.Or)
FILTERS = ("where", "having", "qualify", "joins")
VOLATILE = {"gen_random_uuid", "nextval", "random", "setseed", "uuid", "uuidv4", "uuidv7"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSite:
    """One call in the text.

    `index` counts the calls in the order they are found, `function` is its name in lower case,
    `endpoint` its literal argument of that name or None, `ahead` says whether it can be answered ahead, and `reason` why not.
    """

    index: int
    function: str
    endpoint: str | None
    depth: int
    ahead: bool
    reason: str = ""


def call_nodes(tree: exp.Expr) -> list[exp.Anonymous]:
    """Return the calls of a tree that send requests, always in the same order."""
    names = asking()
    return [node for node in tree.find_all(exp.Anonymous) if node.name.lower() in names]


def call_sites(tree: exp.Expr) -> list[CallSite]:
    """Describe every call of a statement that asks."""
    nodes = call_nodes(tree)
    feeders = [[t for t in nodes if t is not s and _feeds(t, s)] for s in nodes]
    everywhere = _unstable(tree)
    reasons = {id(node): everywhere or _reason(node, nodes) for node in nodes}
    depths: dict[int, int] = {}
    for _ in nodes:  # depths settle after as many rounds as the longest chain of calls
        for node, feeding in zip(nodes, feeders, strict=True):
            depths[id(node)] = 1 + max((depths.get(id(t), 1) for t in feeding), default=0)
            if any(reasons[id(t)] for t in feeding):
                reasons[id(node)] = reasons[id(node)] or "it builds on a call that is not"
    return [
        CallSite(
            index=index,
            function=node.name.lower(),
            endpoint=_endpoint(node),
            depth=depths[id(node)],
            ahead=not reasons[id(node)],
            reason=reasons[id(node)],
        )
        for index, node in enumerate(nodes)
    ]


def _endpoint(node: exp.Anonymous) -> str | None:
    """Return the endpoint's name if it is a literal."""
    try:
        given = given_arguments(node, functions()[node.name.lower()])
    except StatementError:
        # A wrong call is refused where it is checked.
        return None
    value = given.get("endpoint")
    return value.name if isinstance(value, exp.Literal) else None


def _unstable(tree: exp.Expr) -> str:
    """Say why two passes over the statement may not see the same rows."""
    for node in tree.walk():
        volatile = isinstance(node, exp.Rand | exp.Uuid | exp.TableSample)
        if volatile or (isinstance(node, exp.Anonymous) and node.name.lower() in VOLATILE):
            return "the statement holds something random"
        if isinstance(node, exp.With) and node.recursive:
            return "the statement is recursive"
    return ""


def _reason(node: exp.Anonymous, nodes: Sequence[exp.Anonymous]) -> str:
    for ancestor in _ancestors(node):
        if isinstance(ancestor, STEERING) and any(
            other is not node and _within(other, ancestor) and not _related(other, node)
            for other in nodes
        ):
            return f"it stands beside another call in {ancestor.key.upper()}"
        if _in_another_filter(node, nodes, ancestor):
            return "another condition of the same SELECT holds a call too"
    if _filters_below_limit(node):
        return "a filter on it stands below a LIMIT"
    return ""


def _in_another_filter(
    node: exp.Anonymous, nodes: Sequence[exp.Anonymous], block: exp.Expr
) -> bool:
    """Tell whether two conditions of a block hold calls: which goes first, the optimizer says."""
    mine = _condition_over(node, block)
    others = [_condition_over(other, block) for other in nodes] if mine is not None else []
    return any(other is not None and other is not mine for other in others)


def _condition_over(node: exp.Expr, block: exp.Expr) -> exp.Expr | None:
    """Return the condition of a block that holds a node: of a join, or a filter."""
    if not isinstance(block, exp.Select):
        return None
    # A join may stand inside of another, or in parentheses.
    joins = [j.args.get("on") for j in block.find_all(exp.Join) if _select(j) is block]
    filters = [
        part for name in FILTERS if name != "joins" for part in _listed(block.args.get(name))
    ]
    return next((c for c in _listed([*joins, *filters]) if _within(node, c)), None)


def _select(node: exp.Expr) -> exp.Expr | None:
    return node.find_ancestor(exp.Select)


def _filters_below_limit(node: exp.Anonymous) -> bool:
    """Tell whether the answers decide how many rows a LIMIT has to look at."""
    steers = False
    child: exp.Expr = node
    for block in _ancestors(node):
        if not isinstance(block, exp.Query) or isinstance(block, exp.Subquery):
            continue
        clause = _clause(child, block)
        own = child is node or not steers
        if clause in FILTERS:
            steers = True
        elif own and isinstance(block, exp.Select):
            steers = (
                steers or block.args.get("distinct") is not None or _used_as_filter(node, block)
            )
        if clause in ("from_", "joins", "with_") and isinstance(block, exp.Select):
            steers = steers or any(block.args.get(name) for name in (*FILTERS, "distinct"))
        complete = block.args.get("order") or block.args.get("group")
        if steers and not complete and (block.args.get("limit") or block.args.get("offset")):
            return True
        child = block
    return False


def _used_as_filter(node: exp.Expr, block: exp.Select) -> bool:
    names = _aliases_over(node, block)
    return any(
        column.name.lower() in names
        for name in FILTERS
        for clause in _listed(block.args.get(name))
        for column in clause.find_all(exp.Column)
    )


def _feeds(t: exp.Expr, s: exp.Expr) -> bool:
    """Tell whether the answer to `t` can reach the arguments, or the rows, of `s`."""
    if _within(t, s) or _steers_window_of(t, s):
        return True
    if _within(s, t):
        return False
    block = next((a for a in _ancestors(s) if isinstance(a, exp.Query) and _within(t, a)), None)
    if block is None:
        return False
    at_t, at_s = _position(t, block), _position(s, block)
    if isinstance(block, exp.Select) and _reads_alias(s, t, block):
        return True
    if at_t[0] != at_s[0]:
        return at_t[0] < at_s[0]
    return at_s[0] <= CLAUSES["joins"] and at_t[1] < at_s[1]


def _steers_window_of(t: exp.Expr, s: exp.Expr) -> bool:
    """Tell whether `t` says which rows a window function with `s` in its arguments looks at.

    DuckDB evaluates the arguments of lag and its like only for the rows that are looked at.
    """
    windows = [a for a in _ancestors(s) if isinstance(a, exp.Window)]
    return any(_within(s, w.this) and _within(t, w) and not _within(t, w.this) for w in windows)


def _reads_alias(s: exp.Expr, t: exp.Expr, block: exp.Select) -> bool:
    names = _aliases_over(t, block)
    top = next(a for a in (s, *_ancestors(s)) if a.parent is block)
    return any(column.name.lower() in names for column in top.find_all(exp.Column))


def _aliases_over(node: exp.Expr, block: exp.Select) -> set[str]:
    return {p.alias.lower() for p in block.expressions if p.alias and _within(node, p)}


def _position(node: exp.Expr, block: exp.Expr) -> tuple[int, int]:
    """Return when a clause is evaluated, and which part of it holds the node."""
    clause = _clause(node, block)
    parts = _listed(block.args.get(clause))
    if clause == "with_" and isinstance(parts[0], exp.With):
        parts = list(parts[0].expressions)
    part = next((i for i, part in enumerate(parts) if _within(node, part)), 0)
    return CLAUSES.get(clause, max(CLAUSES.values()) + 1), part


def _clause(node: exp.Expr, block: exp.Expr) -> str:
    top = next(a for a in (node, *_ancestors(node)) if a.parent is block)
    return str(top.arg_key)


def _listed(value: object) -> list[exp.Expr]:
    values = value if isinstance(value, list) else [value]
    return [v for v in values if isinstance(v, exp.Expr)]


def _ancestors(node: exp.Expr) -> Iterator[exp.Expr]:
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def _within(node: exp.Expr, outer: exp.Expr) -> bool:
    return node is outer or any(ancestor is outer for ancestor in _ancestors(node))


def _related(one: exp.Expr, other: exp.Expr) -> bool:
    return _within(one, other) or _within(other, one)
