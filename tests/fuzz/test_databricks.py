"""Whatever a notebook holds: it is translated, or refused in our words."""

from __future__ import annotations

from pathlib import Path

import duckdb
from hypothesis import example, given, strategies as st

from airquery.errors import StatementError
from airquery.sqlfn.script import read_script
from tests.fuzz.drawing import cut_and_mixed, examples


FILES = sorted((Path(__file__).parents[1] / "cli" / "databricks").glob("*.sql"))
REAL = [
    *(file.read_text(encoding="utf-8")[-600:] for file in FILES),
    "INSERT OVERWRITE a.b.c BY NAME SELECT * FROM read_files('x.csv', format => 'csv', header => true)",
    "CREATE OR REFRESH STREAMING TABLE t AS SELECT ai_query('m', s) AS r FROM STREAM(u)",
    "SELECT from_json(v, 'STRUCT<a: INT>').a, v:b[0].c, format_string('%s', :p) FROM t -- ${x}",
    "CREATE OR REPLACE FUNCTION f(a STRING) RETURNS STRING RETURN concat(a, IDENTIFIER(:n))",
    "CREATE MATERIALIZED VIEW v AS SELECT named_struct('a', schema_of_json('{}')); USE CATALOG c",
]


@given(st.sampled_from(REAL).flatmap(cut_and_mixed) | st.text(max_size=40))
@example("SELECT " + "(" * 300)
@examples(25)
def test_any_notebook_is_translated_or_refused(text: str) -> None:
    try:
        units = read_script(text, dialect="databricks", variables={"p": "'", "n": 'a"b', "x": "1"})
    except (StatementError, duckdb.ParserException) as problem:
        assert str(problem)
    else:
        assert all(statement for unit in units for statement in unit)
