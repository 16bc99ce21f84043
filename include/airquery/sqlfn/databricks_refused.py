"""What Databricks SQL has and airquery does not do, each with what to write instead.

Nothing is dropped in silence: a construct is translated, or refused here by its name before the
first request.
"""

from __future__ import annotations

import re

from airquery.errors import StatementError
from airquery.sqlfn.offered import check_offered_names


INSTEAD = {
    "INSERT OVERWRITE ... PARTITION": (
        "Overwrite the whole table, or DELETE the partition's rows and INSERT them again."
    ),
    "INSERT ... REPLACE WHERE": "DELETE the rows that match and INSERT the new ones.",
    "VERSION AS OF": "Keep the version that you need in a table of its own.",
    "COPY INTO": "INSERT INTO t SELECT ... FROM read_files(...).",
    "ALTER TABLE ... SET": "Leave it out: it changes no row.",
    "LOCATION": "Leave it out: a table lives in its database.",
    "CREATE FUNCTION ... LANGUAGE": "Write its body in SQL, after RETURN.",
    "CREATE FUNCTION ... DEFAULT": "Give every argument where the function is called.",
    "get_json_object with [*]": "Read the array with from_json(x, 'ARRAY<...>') and explode it.",
    "from_json with options": "Give the text and its schema only.",
    "from_json without a literal schema": (
        "Write the schema out, for example 'a INT, b STRING', or schema_of_json('...')."
    ),
    "schema_of_json of an expression": "Give it a literal: its type must be known beforehand.",
    "format_string": "Give it a literal of %s, %d, %f and their like, or join the parts with ||.",
    "read_files of an expression": "Name one path or pattern as a literal.",
    "IDENTIFIER": "Give it a name such as 'catalog.schema.table', as a literal or as :name.",
    "IDENTIFIER as a function": "Write the function's name.",
    "the marker ?": "Name it: write :name and give its value in `variables`.",
    "STREAM outside a streaming table": (
        "Write CREATE OR REFRESH STREAMING TABLE t AS SELECT ... FROM STREAM(source)."
    ),
    "STREAM over files": "Read the files with read_files(...) in an ordinary statement.",
    "CREATE STREAMING TABLE": (
        "Write CREATE OR REFRESH STREAMING TABLE name AS SELECT ... FROM STREAM(source), with one "
        "STREAM and without a list of columns."
    ),
    "a streaming table over more than single rows": (
        "Let the SELECT decide row by row, with STREAM(source) in its FROM: without GROUP BY, "
        "aggregates, DISTINCT, window functions, ORDER BY, LIMIT, WITH, UNION, or a RIGHT or FULL "
        "JOIN. Aggregate in a second statement over the streaming table."
    ),
    "WATERMARK": "Leave it out: each refresh reads every row that is new.",
    "EXPECT constraints": "Filter with WHERE, or check the table with a ValidateOperator.",
    "APPLY CHANGES": "Use MERGE INTO.",
    "LIVE TABLE": "Write CREATE OR REFRESH STREAMING TABLE, or MATERIALIZED VIEW.",
    "REFRESH": "Run the table's CREATE OR REFRESH statement again.",
}
# How sqlglot marks the place, for a terminal.
_UNDERLINED = re.compile(r"\x1b\[[0-9]+m")
# What the parser does not read, so that it is found in the text.
_UNREAD = {
    "APPLY CHANGES": r"\bAPPLY\s+CHANGES\s+INTO\b|\bAUTO\s+CDC\b",
    "EXPECT constraints": r"\bCONSTRAINT\s+\S+\s+EXPECT\b",
    "WATERMARK": r"\bWATERMARK\b",
    "LIVE TABLE": r"\bLIVE\s+(TABLE|VIEW)\b",
    "REFRESH": r"\A\s*REFRESH\b",
    "IDENTIFIER": r"\b(TABLE|VIEW|INTO|OVERWRITE)\s+IDENTIFIER\s*\(",
    "IDENTIFIER as a function": r"\bIDENTIFIER\s*\([^()]*\)\s*\(",
}


def refused(construct: str) -> StatementError:
    """Return the error for one of the constructs above."""
    return StatementError(
        "AI_FUNCTION_COMPILATION_ERROR",
        f"airquery does not translate {construct} of Databricks SQL. {INSTEAD[construct]}",
    )


def unread(text: str, problem: object) -> StatementError:
    """Return the error for text that is no statement to the parser, with the construct if known."""
    check_offered_names(text)
    for construct, pattern in _UNREAD.items():
        if re.search(pattern, text, re.IGNORECASE):
            return refused(construct)
    shown = _UNDERLINED.sub("", str(problem))
    return StatementError(
        "AI_FUNCTION_COMPILATION_ERROR",
        f"The statement is not Databricks SQL that airquery can translate: {shown} "
        "What DuckDB alone understands runs with the dialect 'duckdb'.",
    )
