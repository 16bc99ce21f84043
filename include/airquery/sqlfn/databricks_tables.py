"""Tables of Databricks SQL: how they are stored, overwritten and refreshed."""

from __future__ import annotations

from sqlglot import exp

import airquery_sql
from airquery.sqlfn.databricks_refused import refused
from airquery.sqlfn.databricks_text import duckdb_text, statements_of


# They say how a table is stored, described or computed, and change none of its rows.
_WITHOUT_EFFECT = (
    exp.FileFormatProperty,
    exp.PartitionedByProperty,
    exp.ClusterProperty,
    exp.ClusteredByProperty,
    exp.SchemaCommentProperty,
    exp.LanguageProperty,
    exp.StabilityProperty,
    exp.Property,
)

_REFUSED = (
    ("LOCATION", exp.LocationProperty),
    ("VERSION AS OF", exp.Version),
    ("COPY INTO", exp.Copy),
    ("ALTER TABLE ... SET", exp.AlterSet),
)


def without_storage(tree: exp.Expr) -> exp.Expr:
    """Leave out USING, TBLPROPERTIES, CLUSTER BY, PARTITIONED BY and COMMENT."""
    for construct, kind in _REFUSED:
        if tree.find(kind) is not None:
            raise refused(construct)
    properties = tree.args.get("properties")
    if isinstance(properties, exp.Properties):
        kept = [one for one in properties.expressions if type(one) not in _WITHOUT_EFFECT]
        properties.set("expressions", kept)
    for constraint in list(tree.find_all(exp.ColumnConstraint)):
        if isinstance(constraint.args.get("kind"), exp.CommentColumnConstraint):
            constraint.pop()
    return tree


def use_name(tree: exp.Expr) -> exp.Expr:
    """Write USE CATALOG c and USE SCHEMA s as USE and the name."""
    if isinstance(tree, exp.Use):
        tree.set("kind", None)
    return tree


def materialized_view(tree: exp.Expr) -> exp.Expr:
    """Make a materialized view a table that each refresh replaces."""
    if not isinstance(tree, exp.Create) or tree.kind != "VIEW":
        return tree
    properties = tree.args.get("properties")
    found = properties.find(exp.MaterializedProperty) if properties else None
    if found is None:
        return tree
    found.pop()
    tree.set("kind", "TABLE")
    tree.set("replace", bool(tree.args.get("replace") or tree.args.get("refresh")))
    tree.set("refresh", False)
    if isinstance(tree.this, exp.Schema):
        refuse_expectations(tree.this)
        names = [exp.to_identifier(one.name, quoted=True) for one in tree.this.expressions]
        tree.set("this", exp.Schema(this=tree.this.this, expressions=names))
    return tree


def refuse_expectations(columns: exp.Schema) -> None:
    """Refuse what stands beside the columns of a refreshed table: rules that rows must meet."""
    if not all(isinstance(one, exp.ColumnDef | exp.Identifier) for one in columns.expressions):
        raise refused("EXPECT constraints")


def overwrite_texts(tree: exp.Expr) -> tuple[str, ...] | None:
    """Write INSERT OVERWRITE as the statements of one transaction; None for another statement."""
    if not isinstance(tree, exp.Insert):
        return None
    if tree.args.get("where") is not None:
        raise refused("INSERT ... REPLACE WHERE")
    if not tree.args.get("overwrite"):
        return None
    if tree.find(exp.Partition) is not None:
        raise refused("INSERT OVERWRITE ... PARTITION")
    target, columns = tree.this, "BY NAME" if tree.args.get("by_name") else ""
    if isinstance(target, exp.Schema):
        columns = f"({', '.join(duckdb_text(one) for one in target.expressions)})"
        target = target.this
    text = airquery_sql.read("databricks/overwrite.sql")
    return statements_of(
        text.format(target=duckdb_text(target), query=_rows(tree), columns=columns)
    )


def _rows(tree: exp.Insert) -> str:
    """Return the query whose rows are to be the table's."""
    query, source = tree.expression, tree.args.get("source")
    if isinstance(source, exp.Table):
        query = exp.select("*").from_(source.copy())
    if isinstance(query, exp.Values):
        query = exp.select("*").from_(query.copy())
    while isinstance(query, exp.Subquery) and not query.alias:
        query = query.this
    if (above := tree.args.get("with_")) is not None:
        query.set("with_", above.copy())
    return duckdb_text(query)
