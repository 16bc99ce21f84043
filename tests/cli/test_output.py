"""What `airquery sql` writes: rows on stdout and nothing else there."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import duckdb
import pytest


if TYPE_CHECKING:
    from tests.cli.conftest import Command

VALUES = """
SELECT * FROM (VALUES
  (1, 'plain', 1.50::DECIMAL(9, 2), DATE '2026-01-02', TIMESTAMP '2026-01-02 03:04:05', [1, NULL], {'k': 'v'}, true),
  (NULL, '', NULL, NULL, NULL, NULL, NULL, NULL),
  (3, 'a "quoted", text' || chr(10) || 'of two lines', -0.01, DATE '0001-01-01', TIMESTAMP '1999-12-31 23:59:59.5', [], {'k': NULL}, false)
) AS t(i, s, d, day, moment, l, o, b)
"""


def test_csv_has_empty_nulls_quoted_empty_texts_and_nested_values_as_json(command: Command) -> None:
    ended = command("sql", VALUES, "--output", "csv")

    assert ended.err == ""
    assert ended.out == (
        "i,s,d,day,moment,l,o,b\n"
        '1,plain,1.50,2026-01-02,2026-01-02 03:04:05,"[1,null]","{""k"":""v""}",true\n'
        ',"",,,,,,\n'
        '3,"a ""quoted"", text\nof two lines",-0.01,0001-01-01,1999-12-31 23:59:59.5,[],'
        '"{""k"":null}",false\n'
    )


def test_csv_is_read_back_as_it_was(command: Command) -> None:
    text = command("sql", "--output", "csv", "SELECT 'a,b' AS x, e'c\r\nd\"' AS y, ' e ' AS z").out

    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["x", "y", "z"],
        ["a,b", 'c\r\nd"', " e "],
    ]


def test_json_is_one_array_of_objects_with_values_of_their_types(command: Command) -> None:
    ended = command("sql", VALUES, "--output", "json")

    assert ended.err == ""
    assert json.loads(ended.out) == [
        {
            "i": 1,
            "s": "plain",
            "d": 1.5,
            "day": "2026-01-02",
            "moment": "2026-01-02 03:04:05",
            "l": [1, None],
            "o": {"k": "v"},
            "b": True,
        },
        dict.fromkeys(["i", "d", "day", "moment", "l", "o", "b"]) | {"s": ""},
        {
            "i": 3,
            "s": 'a "quoted", text\nof two lines',
            "d": -0.01,
            "day": "0001-01-01",
            "moment": "1999-12-31 23:59:59.5",
            "l": [],
            "o": {"k": None},
            "b": False,
        },
    ]


def test_json_keeps_the_digits_of_large_whole_numbers(command: Command) -> None:
    ended = command(
        "sql", "--output", "json", "SELECT 170141183460469231731687303715884105727 AS n"
    )

    assert ended.out == '[\n{"n":170141183460469231731687303715884105727}\n]\n'


def test_json_has_null_where_it_has_no_number(command: Command) -> None:
    ended = command(
        "sql", "--output", "json", "SELECT 'nan'::DOUBLE AS a, ['-inf'::FLOAT, 2] AS b, 'NaN' AS c"
    )

    assert ended.out == '[\n{"a":null,"b":[null,2.0],"c":"NaN"}\n]\n'


def test_json_of_two_columns_of_one_name_keeps_both(command: Command) -> None:
    ended = command("sql", "--output", "json", "SELECT 1 AS a, 2 AS a, 3 AS airquery_result")

    assert json.loads(ended.out) == [{"a": 1, "a_1": 2, "airquery_result": 3}]


@pytest.mark.parametrize(
    ("sql", "form", "expected"),
    [
        ("SELECT 1 AS a WHERE false", "json", "[]\n"),
        ("SELECT 1 AS a WHERE false", "csv", "a\n"),
        ("SET threads = 1", "json", "[]\n"),
        ("SET threads = 1", "csv", ""),
        ("SET threads = 1", "table", ""),
        ("CREATE TABLE t AS SELECT 1 AS a; SELECT a + 1 AS b FROM t", "csv", "b\n2\n"),
    ],
)
def test_a_statement_without_rows_and_the_last_of_several(
    command: Command, sql: str, form: str, expected: str
) -> None:
    assert command("sql", sql, "--output", form).out == expected


def test_many_rows_come_whole_and_in_order(command: Command) -> None:
    text = command("sql", "--output", "json", "SELECT i FROM range(5000) AS r(i)").out

    assert [row["i"] for row in json.loads(text)] == list(range(5000))


def test_a_table_is_cut_and_stderr_says_so(command: Command) -> None:
    ended = command("sql", "SELECT i FROM range(1000) AS r(i)", "--max-rows", "2")

    assert ended.out.splitlines()[3:] == ["│ 0 │", "│ 1 │", "└───┘"]
    assert ended.err == "1,000 rows, the first 2 are shown (--max-rows 0 shows all)\n"


def test_a_table_aligns_numbers_and_names_null(command: Command) -> None:
    ended = command("sql", "SELECT * FROM (VALUES (1, 'x'), (10, NULL)) AS t(n, s)")

    assert ended.out.splitlines() == [
        "┏━━━━┳━━━━━━┓",
        "┃  n ┃ s    ┃",
        "┡━━━━╇━━━━━━┩",
        "│  1 │ x    │",
        "│ 10 │ NULL │",
        "└────┴──────┘",
    ]


def test_a_table_sends_no_commands_of_a_text_to_the_terminal(command: Command) -> None:
    ended = command("sql", "SELECT chr(27) || '[31m' || chr(7) AS s, '[bold]x[/]' AS markup")

    assert r"\x1b[31m\x07" in ended.out
    assert "[bold]x[/]" in ended.out
    assert "\x1b" not in ended.out


def test_rows_go_into_the_database_that_is_named(command: Command) -> None:
    assert command("sql", "CREATE TABLE t AS SELECT 7 AS a", "--database", "new.duckdb").code == 0

    with duckdb.connect("new.duckdb", read_only=True) as database:
        assert database.sql("FROM t").fetchall() == [(7,)]


def test_a_database_opened_for_reading_is_not_written(command: Command) -> None:
    command("sql", "CREATE TABLE t AS SELECT 7 AS a", "--database", "new.duckdb")

    refused = command("sql", "DROP TABLE t", "--database", "new.duckdb", "--read-only")
    assert refused.code == 1
    assert "read-only" in refused.err
    assert command("sql", "FROM t", "--database", "new.duckdb", "--read-only").code == 0


@pytest.mark.parametrize("name", ["x\"'; DROP TABLE t; --", 'a" FROM t --', 'ü\'\n""', "$$;"])
def test_a_hostile_name_of_a_column_is_only_a_name(command: Command, name: str) -> None:
    quoted = name.replace('"', '""')
    rows = command("sql", "--output", "json", f'SELECT 1 AS "{quoted}"').out
    lines = command("sql", "--output", "csv", f'SELECT 1 AS "{quoted}"').out

    assert json.loads(rows) == [{name: 1}]
    assert list(csv.reader(io.StringIO(lines, newline=""))) == [[name], ["1"]]
