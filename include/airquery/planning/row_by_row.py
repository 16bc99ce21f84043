"""Whether a SELECT makes its rows one by one, so that parts of a table give the parts of its result.

What is not known to do so is refused before anything is paid for: a window or a limit over a part
would give a wrong row, and no error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from airquery.errors import StatementError
from airquery.planning.build import parse


if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import duckdb


_OVER_ROWS: dict[type[exp.Expr], str] = {
    exp.SetOperation: "UNION, EXCEPT or INTERSECT",
    exp.Group: "GROUP BY",
    exp.Having: "HAVING",
    exp.Distinct: "DISTINCT",
    exp.Qualify: "QUALIFY",
    exp.Window: "a window",
    exp.Limit: "LIMIT",
    exp.Fetch: "FETCH",
    exp.Offset: "OFFSET",
    exp.TableSample: "a sample",
    exp.AggFunc: "an aggregate",
}


def check_row_by_row(con: duckdb.DuckDBPyConnection, sql: str, *, sources: Collection[str]) -> None:
    """Refuse a statement that cannot be run on parts. Raises `StatementError`.

    Args:
        con: The connection it will run on, which knows the aggregates.
        sql: The statement.
        sources: The names of the relation that is cut into parts, in lower case.
    """
    tree = parse(sql)
    if tree is None:
        raise _refused("its syntax cannot be looked into")
    reads = sum(_name(table) in sources for table in tree.find_all(exp.Table))
    if reads != 1:
        raise _refused(f"it reads {' or '.join(sorted(sources))} {reads} times, not once")
    if found := next(_over_rows(con, tree), None):
        raise _refused(f"{found} would see one part only")


def _over_rows(con: duckdb.DuckDBPyConnection, tree: exp.Expr) -> Iterator[str]:
    for kind, said in _OVER_ROWS.items():
        if tree.find(kind) is not None:
            yield said
    called = {node.name.lower() for node in tree.find_all(exp.Anonymous)}
    if called:
        known = con.execute(
            "SELECT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'"
        ).fetchall()
        aggregates = {str(name) for (name,) in known} | {"ai_agg", "ai_summarize_agg"}
        yield from (f"the aggregate {name}" for name in sorted(called & aggregates))


def _name(table: exp.Table) -> str:
    name = f"{table.db}.{table.name}" if table.db else table.name
    return name.lower()


def _refused(reason: str) -> StatementError:
    return StatementError(
        "AI_FUNCTION_COMPILATION_ERROR",
        f"The statement cannot be run on parts of its source: {reason}. Do that in a task before "
        "the split or after the merge, or run the statement without a split.",
    )
