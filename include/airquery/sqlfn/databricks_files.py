"""read_files(...) as the DuckDB reader of its format."""

from __future__ import annotations

from pathlib import PurePosixPath

import sqlglot
from sqlglot import exp

import airquery_sql
from airquery.errors import StatementError, suggestion
from airquery.sqlfn.databricks_refused import refused
from airquery.sqlfn.dialects import AirqueryDuckDB


# The options of each format that are translated.
OPTIONS = {
    "binaryfile": (),
    "csv": ("header", "sep", "delimiter"),
    "json": (),
    "parquet": (),
    "text": (),
}
_SUFFIXES = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".parquet": "parquet",
    ".txt": "text",
}


def read_files(tree: exp.Expr) -> exp.Expr:
    """Replace each read_files by the query that gives its rows."""
    for table in list(tree.find_all(exp.Table)):
        call = table.this
        if not isinstance(call, exp.Anonymous) or call.name.lower() != "read_files":
            continue
        if table.find_ancestor(exp.Stream) is not None:
            raise refused("STREAM over files")
        rows = exp.Subquery(this=_reader(call), alias=table.args.get("alias"))
        for key in ("joins", "laterals", "pivots"):
            rows.set(key, table.args.get(key))
        table.replace(rows)
    return tree


def _reader(call: exp.Anonymous) -> exp.Expr:
    path, *rest = call.expressions or [None]
    if not isinstance(path, exp.Literal | exp.RawString):
        raise refused("read_files of an expression")
    options = dict(_option(one) for one in rest)
    suffix = PurePosixPath(path.name).suffix.lower()
    kind = options.pop("format", _SUFFIXES.get(suffix, "")).lower()
    if not kind:
        raise _wrong(f"{path.name!r} without a format", tuple(OPTIONS))
    if kind not in OPTIONS:
        raise _wrong(f"the format {kind!r}", tuple(OPTIONS))
    for name in options:
        if name not in OPTIONS[kind]:
            raise _wrong(f"the option {name!r} of {kind}", ("format", *OPTIONS[kind]))
    query = sqlglot.parse_one(airquery_sql.read(f"databricks/read_{kind}.sql"), read=AirqueryDuckDB)
    values = {"path": path.name, "separator": options.get("sep", options.get("delimiter", ","))}
    if kind == "csv" and options.get("header", "false").lower() != "true":
        raise _wrong("csv without header => true", ("header",))
    for parameter in list(query.find_all(exp.Parameter, exp.Placeholder)):
        parameter.replace(exp.Literal.string(values[parameter.name]))
    return query


def _option(argument: exp.Expr) -> tuple[str, str]:
    if not isinstance(argument, exp.Kwarg):
        raise refused("read_files of an expression")
    value = argument.expression
    if isinstance(value, exp.Boolean):
        return argument.name.lower(), str(value.this).lower()
    if not isinstance(value, exp.Literal):
        raise refused("read_files of an expression")
    return argument.name.lower(), value.name


def _wrong(what: str, known: tuple[str, ...]) -> StatementError:
    return StatementError(
        "AI_FUNCTION_COMPILATION_ERROR",
        f"read_files: airquery does not read {what}. {suggestion('', known)}",
    )
