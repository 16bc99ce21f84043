"""No name from outside reaches SQL unquoted: by its source, and by hostile names."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from hypothesis import given, settings, strategies as st

from airquery.quoting import literal, quoted


if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
# What takes SQL as its first argument.
METHODS = {"execute", "executemany", "filter", "from_query", "project", "query", "sql"}
STATEMENT = re.compile(
    r"\s*(SELECT|WITH|FROM|INSERT|UPDATE|DELETE|CREATE|DROP|ATTACH|COPY|ALTER|SET|PRAGMA|CAST|CASE|"
    r"WHEN|MERGE|DESCRIBE|LOAD|CALL|read_\w+\()\b"
)
# These write names and texts; `.sql` of a table's name is quoted by its class.
QUOTING = {"duckdb_text", "literal", "marks", "quoted", "_literal"}
# Every other value that stands in SQL, and where it comes from. Look before you add one.
REVIEWED = {
    # Numbers.
    "READER_CACHE_KIB",
    "self.number - 1",
    # Constants of the journal's lookup.
    "_BY_INDEX",
    "_BY_KEY",
    "len(MIGRATIONS)",
    "limit",
    "number",
    "self._number",
    # Constants of ours.
    "BATCH",
    "CATALOG",
    "EARLIER",
    "PARTITION_COLUMN",
    "_VIEW",
    "definition",
    "definition.partition('(')[0]",
    # Names of settings, from our own tables of them.
    "name",
    # Types that DuckDB or our own parser of types has written.
    "kind",
    "stored(where, column, kind, variant='JSON')",
    "target",
    # Names of another database, quoted as its hook quotes.
    "column",
    "names",
    "self._table",
    # SQL that was put together by the same rule.
    "call",
    "columns",
    "elements",
    "error",
    "fields",
    "' '.join(cases)",
    "fit",
    "options",
    "place",
    "reason",
    "select",
    "trimmed",
    "_reader(path, kind)",
    # Of the column of days that was quoted, and a day that DuckDB gave.
    "day",
    "first",
    "source",
    "value",
    "whole",
}


def sources() -> list[Path]:
    found = [
        path
        for folder in ("include", "operators", "dags", "sql")
        for path in (ROOT / folder).rglob("*.py")
        if "testing" not in path.parts
    ]
    assert len(found) > 100
    return found


def texts(tree: ast.Module) -> Iterator[ast.JoinedStr | ast.BinOp]:
    """Yield every text put together of parts that is SQL, by how it begins or where it goes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            given = node.args[0] if node.args and node.func.attr in METHODS else None
            if isinstance(given, ast.JoinedStr | ast.BinOp):
                yield given
        if isinstance(node, ast.JoinedStr) and STATEMENT.match(_beginning(node)):
            yield node
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
            left = node.left
            if isinstance(left, ast.Constant) and STATEMENT.match(str(left.value)):
                yield node


def _beginning(text: ast.JoinedStr) -> str:
    first = text.values[0]
    return str(first.value) if isinstance(first, ast.Constant) else ""


def unquoted(text: ast.JoinedStr | ast.BinOp) -> Iterator[str]:
    """Yield the parts of a text that nothing quotes."""
    if isinstance(text, ast.BinOp):
        yield ast.unparse(text)
        return
    for part in text.values:
        if isinstance(part, ast.FormattedValue):
            yield from _unquoted(part.value)


def _unquoted(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Attribute) and value.attr == "sql":
        return
    if isinstance(value, ast.IfExp):
        yield from _unquoted(value.body)
        yield from _unquoted(value.orelse)
    elif isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in QUOTING:
        return
    elif isinstance(value, ast.Call) and ast.unparse(value.func) == "', '.join":
        yield from _joined(value.args[0])
    elif not isinstance(value, ast.Constant):
        yield ast.unparse(value)


def _joined(value: ast.expr) -> Iterator[str]:
    """Look at what is joined: `map(quoted, ...)`, or texts that are looked at where they are made."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "map":
        if ast.unparse(value.args[0]) not in QUOTING:
            yield ast.unparse(value)
    elif isinstance(value, ast.GeneratorExp):
        if isinstance(value.elt, ast.JoinedStr):
            yield from unquoted(value.elt)
        else:
            yield from _unquoted(value.elt)
    elif not isinstance(value, ast.Name):
        yield ast.unparse(value)


def test_no_sql_is_put_together_of_what_nobody_has_quoted_or_looked_at() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{text.lineno}: {part}": part
        for path in sources()
        for text in texts(ast.parse(path.read_text(encoding="utf-8")))
        for part in unquoted(text)
    }

    assert {where for where, part in found.items() if part not in REVIEWED} == set()
    assert REVIEWED - set(found.values()) == set()


def test_only_one_module_doubles_quotes_for_sql() -> None:
    doubling = re.compile(r"""replace\(("'", "''"|'"', '""')\)""")
    found = {
        str(path.relative_to(ROOT))
        for path in sources()
        if doubling.search(path.read_text(encoding="utf-8"))
    }

    # A field of CSV is quoted alike.
    assert found == {"include/airquery/quoting.py", "include/airquery/cli/rows.py"}


def test_every_value_of_a_dags_template_ends_no_string() -> None:
    for path in (ROOT / "sql").glob("*/*.sql"):
        if path.parent.name == "airquery_sql":
            continue
        text = path.read_text(encoding="utf-8")
        escaped = '| replace("\'", "\'\'")'
        for inserted in re.findall(r"\{\{(.*?)\}\}|\{% set \w+ = (.*?)%\}", text):
            value = "".join(inserted).strip()
            assert value == "day" or value.endswith(escaped), f"{path.name}: {value}"


NAMES = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20
)


@given(NAMES, NAMES)
@settings(max_examples=50, deadline=None, derandomize=True, database=None)
def test_any_name_and_any_text_come_back_as_they_are(name: str, text: str) -> None:
    with duckdb.connect() as connection:
        found = connection.sql(f"SELECT {literal(text)} AS {quoted(name)}")
        assert (found.columns, found.fetchall()) == ([name], [(text,)])


HOSTILE = [
    'x"; DROP TABLE kept; --',
    "x'; DROP TABLE kept; --",
    'a" FROM kept UNION SELECT secret AS "b',
    "x'||(SELECT secret FROM kept)||'",
    "$$; DROP TABLE kept; $$",
    'x" -- ',
    "ünïcode / * \\ % {} ${a} {{ b }} :c ?",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_name(name: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 's' AS secret")
        connection.execute(f"CREATE TABLE {quoted(name)} ({quoted(name)} VARCHAR)")
        connection.execute(f"INSERT INTO {quoted(name)} VALUES ({literal(name)})")
        assert connection.sql(f"FROM {quoted(name)}").fetchall() == [(name,)]
        assert connection.sql("FROM kept").fetchall() == [("s",)]
