"""`airquery sql` with requests in it: what is asked, what is told on stderr, and how it fails."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from airquery.connection import close_engines
from airquery.testing import EndpointServer, Reply


if TYPE_CHECKING:
    from tests.cli.conftest import Command

DATABRICKS = Path(__file__).parent / "databricks"
ASK = "SELECT i, ai_query('llm', 'row ' || i) AS a FROM range(3) AS r(i)"
pytestmark = pytest.mark.usefixtures("endpoints")


def without_time(line: str) -> str:
    return re.sub(r"in [\d.]+ s", "in S", line)


def test_answers_are_on_stdout_and_the_summary_is_on_stderr(command: Command) -> None:
    ended = command("sql", ASK, "--output", "csv")

    assert ended.code == 0
    assert ended.out == "i,a\n0,row 0\n1,row 1\n2,row 2\n"
    summary, named = without_time(ended.err).splitlines()
    assert summary == "3 requests in S: 3 sent, 0 from the journal, 0 failed; 6+6 tokens"
    assert named.startswith("run ")


def test_a_second_command_takes_every_answer_from_the_journal(
    command: Command, server: EndpointServer
) -> None:
    first = command("sql", ASK, "--output", "csv")
    second = command("sql", ASK, "--output", "csv")

    assert second.out == first.out
    assert "0 sent, 3 from the journal" in second.err
    assert server.count == 3


def test_another_journal_knows_nothing(command: Command, server: EndpointServer) -> None:
    command("sql", ASK, "--journal", "mine.db")
    command("sql", ASK, "--journal", f"sqlite:///{Path.cwd() / 'other.db'}")

    assert server.count == 6
    assert Path("mine.db").exists()
    assert Path("other.db").exists()


def test_quiet_says_nothing_but_errors(command: Command) -> None:
    assert command("sql", ASK, "--quiet", "--output", "json").err == ""
    assert command("sql", "SELECT nothing", "--quiet").err != ""


def test_failed_rows_under_fail_on_error_false_are_counted_and_the_first_is_shown(
    command: Command, server: EndpointServer
) -> None:
    server.fail_when(lambda body: "row 1" in str(body), Reply(status=400))

    ended = command(
        "sql",
        "SELECT ai_query('llm', 'row ' || i, failOnError => false).result AS a FROM range(3) AS r(i)",
        "--output",
        "csv",
    )

    assert ended.code == 0
    assert ended.out == "a\nrow 0\n\nrow 2\n"
    summary, failure, _ = ended.err.splitlines()
    assert "3 sent, 0 from the journal, 1 failed" in summary
    assert failure.startswith("first failure: [AI_FUNCTION_HTTP_REQUEST_ERROR")
    assert "Scripted failure 400" in failure


def test_a_failed_row_otherwise_fails_the_command_in_one_line(
    command: Command, server: EndpointServer
) -> None:
    server.fail_when(lambda body: "row 1" in str(body), Reply(status=400))

    ended = command("sql", ASK)

    assert (ended.code, ended.out) == (1, "")
    (line,) = ended.err.splitlines()
    assert line.startswith("airquery: [AI_FUNCTION_HTTP_REQUEST_ERROR")


def test_the_statement_comes_from_a_file_or_from_stdin(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("ask.sql").write_text("\ufeff-- a comment\nSELECT 1 AS a;\n", encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"SELECT 2 AS a")))

    assert command("sql", "-f", "ask.sql", "--output", "csv").out == "a\n1\n"
    assert command("sql", "-f", "-", "--output", "csv").out == "a\n2\n"


def test_databricks_batch_inference_runs_as_it_stands(
    command: Command, server: EndpointServer
) -> None:
    with duckdb.connect("reviews.duckdb") as database:
        database.execute(
            "CREATE TABLE received AS SELECT 'text ' || i AS body FROM range(9) AS r(i)"
        )
    values = {
        "output_table_name": "answers",
        "input_column_name": "body",
        "endpoint": "llm",
        "prompt": "Summarize: ",
        "num_output_tokens": "50",
        "temperature": "0.0",
        "input_table_name": "received",
        "input_num_rows": "4",
    }
    variables = [word for name, value in values.items() for word in ("--var", f"{name}={value}")]

    ended = command(
        *("sql", "-f", DATABRICKS / "batch_inference.sql", "--dialect", "databricks"),
        *("--database", "reviews.duckdb", *variables),
    )

    assert ended.code == 0, ended.err
    assert server.count == 4
    assert {(one.body["max_tokens"], one.body["temperature"]) for one in server.requests} == {
        (50, 0.0)
    }
    with duckdb.connect("reviews.duckdb") as database:
        assert database.sql("FROM answers ORDER BY body").fetchall() == [
            (f"text {i}", f"Summarize: text {i}") for i in range(4)
        ]


def test_databricks_opinion_mining_runs_as_it_stands_on_a_database_named_like_its_catalog(
    command: Command, server: EndpointServer
) -> None:
    with duckdb.connect("catalog.duckdb") as database:
        database.execute("CREATE SCHEMA schema")
        database.execute(
            "CREATE TABLE schema.product_reviews AS "
            "SELECT i AS id, 'It''s good, ' || i AS REVIEW_TEXT FROM range(30) AS r(i)"
        )

    ended = command(
        *("sql", "-f", DATABRICKS / "opinion_mining.sql", "--dialect", "databricks"),
        *("--database", "catalog.duckdb", "--output", "csv"),
    )

    assert ended.code == 0, ended.err
    assert ended.out.startswith("id,REVIEW_TEXT,result\n")
    asked = sorted(str(one.body["messages"]) for one in server.requests)
    prompts = [one.body["messages"][-1]["content"] for one in server.requests]  # type: ignore[index]
    assert len(asked) == len(set(asked)) == 10
    for prompt in prompts:
        assert prompt.startswith("You are an opinion mining service. Given a piece of text")
        assert "'noises it makes when it's blending are somewhat terrifying'" in prompt
        assert re.search(r"\n\n\nDOCUMENT\nIt's good, \d+\n\nRESULT\n\Z", prompt)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["SELECT ai_query('lm', 'x')"], "Endpoint 'lm' is not registered. Did you mean 'llm'?"),
        (["SELECT ${a}", "--dialect", "databricks"], "No value for ${a}. Give it as --var a="),
        (["-f", "missing.sql"], "missing.sql: No such file or directory."),
        (["-f", "latin.sql"], "latin.sql is not UTF-8 text"),
        (["SELECT 1", "--endpoints", "missing.yaml"], "missing.yaml"),
        (["SELECT 1", "--endpoints", "malformed.yaml"], "malformed.yaml"),
        (["SELECT 1", "--database", "malformed.yaml"], "malformed.yaml"),
        (["SELECT 1", "--journal", "malformed.yaml"], "malformed.yaml"),
        (["SELECT 1", "--journal", "postgresql://u:geheim@127.0.0.1:1/d"], "AIRQUERY_JOURNAL"),
        (["SELEC 1"], "syntax error"),
        (["SELECT x FROM nowhere"], "nowhere"),
        ([""], "There is no statement"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_1(
    command: Command, arguments: list[str], message: str
) -> None:
    Path("malformed.yaml").write_text("endpoints: [\n", encoding="utf-8")
    Path("latin.sql").write_bytes("SELECT 'ä'".encode("latin-1"))

    ended = command("sql", *arguments)

    assert (ended.code, ended.out) == (1, "")
    first, *place = ended.err.splitlines()
    assert first.startswith("airquery: ")
    assert message in first
    # DuckDB shows the line of SQL and an arrow below it.
    assert place == [] or re.match(r"LINE \d+: ", place[0])
    assert "Traceback" not in ended.err
    assert "geheim" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give the SQL either as an argument or with -f."),
        (["SELECT 1", "-f", "ask.sql"], "Give the SQL either as an argument or with -f."),
        (["SELECT 1", "--var", "name"], "--var wants NAME=VALUE, not 'name'."),
        (["SELECT 1", "--dialect", "mysql"], "mysql"),
        (["SELECT 1", "--max-rows", "-1"], "--max-rows"),
        (["SELECT 1", "--nonsense"], "--nonsense"),
    ],
)
def test_wrong_usage_is_exit_code_2(command: Command, arguments: list[str], message: str) -> None:
    ended = command("sql", *arguments)

    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_a_budget_stops_a_command_with_an_exit_code_of_its_own_and_the_next_one_goes_on(
    command: Command, server: EndpointServer
) -> None:
    ask = (
        "SELECT ai_query('llm', 'row ' || i, failOnError => false).result AS a"
        " FROM range(5) AS r(i) ORDER BY i"
    )

    stopped = command("sql", ask, "--output", "csv", "--budget-requests", "2")
    went_on = command("sql", ask, "--output", "csv", "--budget-requests", "3")

    assert (stopped.code, stopped.out.count("row")) == (3, 2)
    assert stopped.err.splitlines()[1] == (
        "stopped by its budget: 3 requests were not sent. The same command with a larger budget "
        "asks only for them"
    )
    assert (went_on.code, went_on.out.count("row"), server.count) == (0, 5, 5)


def test_a_days_budget_is_shared_by_the_commands_that_name_it_and_can_be_looked_at(
    command: Command, server: EndpointServer
) -> None:
    daily = ("--budget-requests", "7", "--budget-per-day", "reviews")

    def ask(first: int) -> str:
        return (
            f"SELECT ai_query('llm', 'row ' || i, failOnError => false).result AS a"
            f" FROM range({first}, {first + 5}) AS r(i)"
        )

    ended = [command("sql", ask(first), "--output", "csv", *daily).code for first in (0, 5)]
    close_engines()
    shown = command("journal", "stats").out

    assert (ended, server.count) == ([0, 3], 7)
    assert [line.replace("│", "").split() for line in shown.splitlines() if "USD" in line] == [
        ["endpoint:llm", "7", "28", "0.000000", "USD"],
        ["reviews", "7", "28", "0.000000", "USD"],
    ]


@pytest.mark.parametrize("option", ["--budget-requests", "--budget-tokens"])
def test_a_budget_under_fail_on_error_ends_the_command_with_the_same_code(
    command: Command, option: str
) -> None:
    ended = command("sql", ASK, option, "2")

    assert (ended.code, ended.out) == (3, "")
    assert "AI_FUNCTION_BUDGET_EXCEEDED" in ended.err
