"""Which values of a column do not conform to a JSON Schema, as a function of a DuckDB connection.

The schema is checked by the code that checks answers. DuckDB hands the values over as Arrow
batches, so a column is never in memory as a whole.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson
from duckdb.func import ARROW, SPECIAL

from airquery.errors import QualityError, StatementError
from airquery.output.structure import json_schema, parse_ddl
from airquery.output.value import Shape
from airquery_sql import read


if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb


_CREATE = read("quality/misfit_macro.sql")


def read_schema(given: object) -> Mapping[str, object]:
    """Return the JSON Schema that an expectation was given.

    It may be the schema itself, a `response_format` object that holds it, or a type such as
    `STRUCT<label: STRING>`. Raises `QualityError` for what is none of these.
    """
    if isinstance(given, str) and given:
        try:
            return json_schema(parse_ddl(given, argument="json_schema"))
        except StatementError as error:
            raise QualityError(str(error)) from error
    match given:
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            found = schema
        case dict() if given:
            found = given
        case _:
            raise QualityError(
                "'json_schema' must be a JSON Schema, a response_format object with one, or a type "
                "such as 'STRUCT<label: STRING>'."
            )
    _check(found)
    return found


def misfit_function(con: duckdb.DuckDBPyConnection, schema: Mapping[str, object]) -> str:
    """Name the function that says why a value breaks the schema, or gives NULL; make it if need be.

    Text is read as JSON, any other value is made JSON of.
    """
    digest = hashlib.sha256(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    name = f"airquery_misfit_{digest}"
    known = con.execute(
        "SELECT 1 FROM duckdb_functions() WHERE function_name = ? LIMIT 1", [name]
    ).fetchall()
    if not known:
        import pyarrow as pa  # noqa: PLC0415  (only this function needs it)

        shape = Shape(structure="VARCHAR", json_kind="any", schema=schema)

        def misfits(texts: Any) -> Any:
            found = [None if text is None else _misfit(text, shape) for text in texts.to_pylist()]
            return pa.array(found, pa.string())

        con.create_function(
            f"_{name}", misfits, ["VARCHAR"], "VARCHAR", type=ARROW, null_handling=SPECIAL
        )
        con.execute(_CREATE.format(name=name))
    return name


def _misfit(text: str, shape: Shape) -> str | None:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "it is not JSON"
    return shape.problem(value)


def _check(schema: Mapping[str, object]) -> None:
    import jsonschema_rs  # noqa: PLC0415  (only suites with a schema need it)

    try:
        jsonschema_rs.validator_for(dict(schema))
    except (ValueError, jsonschema_rs.ValidationError) as problem:
        raise QualityError(f"'json_schema' is no valid JSON Schema: {problem}") from problem
