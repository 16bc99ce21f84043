"""Each statement of Databricks' documentation through `airquery sql`, byte for byte as printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

import airquery


if TYPE_CHECKING:
    from airquery.testing import EndpointServer
    from tests.cli.conftest import Command

PRINTED = Path(__file__).parent / "databricks"
TASKS = {
    "databricks-meta-llama-3-1-8b-instruct": "chat",
    "databricks-meta-llama-3-1-70b-instruct": "chat",
    "databricks-gte-large-en": "embeddings",
    "<completions-model-endpoint>": "completions",
    "llama_3_8b": "chat",
    "llm": "chat",
}
QUESTION = "Can you explain AI in ten words?"


@pytest.fixture
def named(folder: Path, server: EndpointServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Declare the endpoints that the statements name."""
    fields = {"base_url": f"{server.url}/v1", "model": "test-model"}
    declared = {name: {"task": task, **fields} for name, task in TASKS.items()}
    file = folder / "endpoints.yaml"
    file.write_text(json.dumps({"endpoints": declared}), encoding="utf-8")
    monkeypatch.setenv("AIRQUERY_ENDPOINTS", str(file))


pytestmark = pytest.mark.usefixtures("named")


def rows_of(command: Command, *arguments: str | Path) -> list[dict[str, object]]:
    ended = command("sql", *arguments, "--dialect", "databricks", "--output", "json", "--quiet")
    assert (ended.code, ended.err) == (0, "")
    rows: list[dict[str, object]] = json.loads(ended.out)
    return rows


def test_a_question_to_a_chat_model(command: Command, server: EndpointServer) -> None:
    (row,) = rows_of(command, "-f", PRINTED / "chat.sql")

    assert list(row.values()) == [QUESTION]
    assert [one.body["messages"] for one in server.requests] == [
        [{"role": "user", "content": QUESTION}]
    ]


def test_a_question_to_an_embedding_model_is_a_vector(
    command: Command, server: EndpointServer
) -> None:
    (row,) = rows_of(command, "-f", PRINTED / "embedding.sql")

    (vector,) = row.values()
    assert isinstance(vector, list)
    assert len(vector) == 8
    assert sum(number**2 for number in vector) == pytest.approx(1)
    assert [one.body["input"] for one in server.requests] == [[QUESTION]]


def test_a_question_to_a_completion_model_whose_name_is_still_a_placeholder(
    command: Command, server: EndpointServer
) -> None:
    (row,) = rows_of(command, "-f", PRINTED / "completion.sql")

    assert list(row.values()) == [QUESTION]
    assert [one.body["prompt"] for one in server.requests] == [QUESTION]


def summarized(text: str) -> str:
    instruction = (PRINTED / "summary.sql").read_text().split('"')[3]
    return instruction + text


def test_a_summary_of_a_column_of_an_attached_catalog(
    command: Command, server: EndpointServer
) -> None:
    with duckdb.connect("uc_catalog.duckdb") as database:
        database.execute('CREATE SCHEMA schema; CREATE TABLE schema."table" (text VARCHAR)')
        database.execute("""INSERT INTO schema."table" VALUES ('it''s long'), (NULL), ('short')""")

    rows = rows_of(command, "-f", PRINTED / "summary.sql", "--database", "uc_catalog.duckdb")

    assert rows == [
        {"text": "it's long", "summary": summarized("it's long")},
        {"text": None, "summary": None},
        {"text": "short", "summary": summarized("short")},
    ]
    assert server.count == 2


def test_the_same_summary_over_a_table_of_the_warehouse(
    command: Command, server: EndpointServer
) -> None:
    with duckdb.connect() as other:
        airquery.Warehouse(airquery.Settings.read().warehouse).publish(
            "schema.table", other.sql("SELECT 'kept' AS text"), partition="p", run_number=1
        )

    rows = rows_of(command, "-f", PRINTED / "summary.sql")

    assert rows == [{"text": "kept", "summary": summarized("kept")}]
    assert server.count == 1


def test_a_table_that_is_nowhere_is_named_with_both_ways_to_mend_it(command: Command) -> None:
    ended = command("sql", "-f", PRINTED / "summary.sql", "--dialect", "databricks")

    assert (ended.code, ended.out) == (1, "")
    assert "There is no catalog 'uc_catalog' for uc_catalog.schema.table" in ended.err
    assert "--database uc_catalog.duckdb" in ended.err


def test_the_expression_of_a_spark_column_with_its_parameters(
    command: Command, server: EndpointServer
) -> None:
    # The string of a selectExpr(...), its {names} filled in as str.format does.
    expression = (
        "ai_query('{endpoint_name}', CONCAT('{prompt}', {input_column_name}), modelParameters => "
        "named_struct('max_tokens', ${num_output_tokens},'temperature', ${temperature})) as "
        "{output_column_name}"
    )
    names = {"endpoint_name": "llm", "prompt": "Is it good? ", "input_column_name": "review"}
    names["output_column_name"] = "answer"
    for name, value in names.items():
        expression = expression.replace(f"{{{name}}}", value)

    rows = rows_of(
        command,
        f"SELECT {expression} FROM VALUES ('yes'), ('no') AS t(review)",
        *("--var", "num_output_tokens=50", "--var", "temperature=0.5"),
    )

    assert rows == [{"answer": "Is it good? yes"}, {"answer": "Is it good? no"}]
    assert {(one.body["max_tokens"], one.body["temperature"]) for one in server.requests} == {
        (50, 0.5)
    }


def test_the_expression_of_a_stream_with_its_line_breaks(
    command: Command, server: EndpointServer
) -> None:
    prompt = (
        "You are provided with an enterprise document. Summarize the key points in a concise "
        "paragraph. Do not include extra commentary or suggestions. Document: "
    )
    expression = f"""
ai_query(
'llama_3_8b',
CONCAT('{prompt}', document_text)
)
"""

    rows = rows_of(
        command,
        f"SELECT document_text, {expression} AS summary FROM VALUES ('One.') AS t(document_text)",
    )

    assert rows == [{"document_text": "One.", "summary": f"{prompt}One."}]
    assert server.count == 1


def test_a_streaming_table_asks_for_new_rows_only_from_command_to_command(
    command: Command, server: EndpointServer
) -> None:
    statement = (
        "CREATE OR REFRESH STREAMING TABLE summaries AS "
        'SELECT text, ai_query("llm", text) AS summary FROM STREAM(docs)'
    )
    for text in ("one", "two"):
        with duckdb.connect("docs.duckdb") as database:
            database.execute("CREATE TABLE IF NOT EXISTS docs (text VARCHAR)")
            database.execute("INSERT INTO docs VALUES (?)", [text])
        rows_of(command, statement, "--database", "docs.duckdb")

    found = rows_of(command, "FROM summaries |> ORDER BY text", "--database", "docs.duckdb")
    assert found == [{"text": text, "summary": text} for text in ("one", "two")]
    assert [one.body["messages"][0]["content"] for one in server.requests] == ["one", "two"]  # type: ignore[index]
