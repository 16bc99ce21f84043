"""Streaming tables: each refresh adds what the SELECT gives for the rows that are new in its source.

Rows and the mark of what was read change in one transaction. A source is a DuckDB table that only
grows; one that changed otherwise is refused, never read in part.
"""

from __future__ import annotations

from sqlglot import exp, parse_one

import airquery_sql
from airquery.sqlfn.databricks_refused import refused
from airquery.sqlfn.databricks_tables import refuse_expectations
from airquery.sqlfn.databricks_text import duckdb_text, statements_of
from airquery.sqlfn.dialects import AirqueryDuckDB


_LIVE = "live"
_STATE = "airquery_streams"
# A result over several rows would be one over the new ones only.
_OVER_ROWS = (exp.AggFunc, exp.Window, exp.Distinct, exp.Group, exp.Having, exp.Order, exp.Limit)
_NO_STREAM = "a streaming table over more than single rows"


def refresh_texts(tree: exp.Expr) -> tuple[str, ...] | None:
    """Write the statements of one refresh, for one transaction; None for any other statement."""
    if not isinstance(tree, exp.Create) or tree.find(exp.StreamingTableProperty) is None:
        return None
    streams = list(tree.find_all(exp.Stream))
    target, query = tree.this, tree.expression
    if isinstance(target, exp.Schema):
        refuse_expectations(target)
    if not (tree.args.get("refresh") and isinstance(target, exp.Table) and len(streams) == 1):
        raise refused("CREATE STREAMING TABLE")
    _check_row_by_row(streams[0], tree)
    source, alias = _source(streams[0])
    names = {"target": duckdb_text(target), "source": duckdb_text(source)}
    where = {"target": _key(target), "source": _key(source)}
    state = duckdb_text(_beside(target))
    texts = airquery_sql.read("databricks/refresh.sql").format(
        state=state,
        target=names["target"],
        source=names["source"],
        target_key=where["target"],
        source_key=where["source"],
        target_parts=_parts(target),
        source_parts=_parts(source),
        target_shown=_literal(names["target"]),
        source_shown=_literal(names["source"]),
        empty=_query(query, exp.select("*").from_(source).where(exp.false()), alias),
        fresh=_query(query, _new_rows(state, names["source"], where["target"]), alias),
    )
    return statements_of(texts)


def refuse_other_streams(tree: exp.Expr) -> None:
    """Refuse STREAM in any other statement."""
    if tree.find(exp.Stream) is not None:
        raise refused("STREAM outside a streaming table")


def _check_row_by_row(stream: exp.Expr, tree: exp.Expr) -> None:
    """Refuse a query whose result over the new rows is not what they add to the whole."""
    node, parent = stream, stream.parent
    while parent is not None and parent is not tree:
        if not isinstance(parent, exp.From | exp.Select | exp.Subquery):
            raise refused(_NO_STREAM)
        if isinstance(parent, exp.Select):
            sides = {str(join.args.get("side")) for join in parent.args.get("joins") or ()}
            if node.arg_key != "from_" or parent.args.get("with_") or sides & {"RIGHT", "FULL"}:
                raise refused(_NO_STREAM)
            _check_block(parent)
        node, parent = parent, parent.parent


def _check_block(block: exp.Select) -> None:
    inner = {id(one) for query in _inner(block) for one in query.walk()}
    if any(id(one) not in inner for one in block.find_all(*_OVER_ROWS)):
        raise refused(_NO_STREAM)


def _inner(block: exp.Select) -> list[exp.Expr]:
    """Return the queries inside of a block, which are blocks of their own."""
    return [one for one in block.find_all(exp.Query) if one is not block]


def _source(stream: exp.Expr) -> tuple[exp.Table, str]:
    """Return the table that a STREAM names, and what it is called in its query."""
    named = stream.this
    table = named.this if isinstance(named, exp.Subquery) else named
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        raise refused("STREAM over files")
    alias = named.alias or table.alias or table.name
    source = exp.Table(**{key: table.args.get(key) for key in ("this", "db", "catalog")}).copy()
    if source.db.lower() == _LIVE:
        source.set("db", None)
    return source, alias


def _query(query: exp.Expr, rows: exp.Expr, alias: str) -> str:
    """Write the query with these rows in the place of its STREAM."""
    copy = query.copy()
    for stream in list(copy.find_all(exp.Stream)):
        named = exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
        stream.replace(exp.Subquery(this=rows.copy(), alias=named))
    return duckdb_text(copy)


def _new_rows(state: str, source: str, key: str) -> exp.Expr:
    text = airquery_sql.read("databricks/new_rows.sql")
    filled = text.format(state=state, source=source, target_key=key)
    return parse_one(filled, read=AirqueryDuckDB)


def _beside(target: exp.Table) -> exp.Table:
    """Name the table of marks in the database of a target."""
    named = {"this": exp.to_identifier(_STATE), "db": exp.to_identifier("main")}
    return exp.Table(**named, catalog=target.args.get("catalog")).copy()


def _key(table: exp.Table) -> str:
    """Write the expression under which a table is remembered."""
    schema = _literal(table.db.lower()) if table.db else "lower(current_schema())"
    return f"{schema} || {_literal('.' + table.name.lower())}"


def _parts(table: exp.Table) -> str:
    """Write the condition that finds a table in DuckDB's lists of them."""
    catalog = _literal(table.catalog.lower()) if table.catalog else "lower(current_database())"
    schema = _literal(table.db.lower()) if table.db else "lower(current_schema())"
    return (
        f"lower(database_name) = {catalog} AND lower(schema_name) = {schema} "
        f"AND lower(table_name) = {_literal(table.name.lower())}"
    )


def _literal(text: str) -> str:
    return duckdb_text(exp.Literal.string(text))
