"""Databricks SQL as its documentation prints it, run as it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.sqlfn.databricks import substitute, to_duckdb


if TYPE_CHECKING:
    import duckdb

    from airquery.testing import EndpointServer
    from tests.sqlfn.conftest import Databricks

SEEDS = Path(__file__).parents[1] / "cli" / "databricks"
WIDGETS = {
    "output_table_name": "out",
    "input_table_name": "reviews",
    "input_column_name": "text",
    "endpoint": "llm",
    "prompt": "Is it good? ",
    "num_output_tokens": "7",
    "temperature": "0.0",
    "input_num_rows": "5",
}


def test_table_in_table_out_with_widgets(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    connection.execute(
        "CREATE TABLE reviews AS SELECT 'it''s row ' || i AS text FROM range(50) AS r(i)"
    )

    run = airquery.run(
        connection,
        (SEEDS / "batch_inference.sql").read_text(),
        dialect="databricks",
        variables=WIDGETS,
    )

    rows = connection.sql("SELECT text, response FROM out").fetchall()
    assert len(rows) == run.stats.sent == server.count == 5
    assert all(response for _, response in rows)
    bodies = [request.body for request in server.requests]
    assert {str(body["max_tokens"]) for body in bodies} == {"7"}
    assert bodies[0]["messages"] == [{"role": "user", "content": f"Is it good? {rows[0][0]}"}]


def test_opinion_mining_with_its_few_shot_prompt(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, settings: airquery.Settings
) -> None:
    name = "databricks-meta-llama-3-3-70b-instruct"
    airquery.register(
        connection,
        registry=airquery.Registry.from_mapping({name: server.endpoint(name)}),
        settings=settings,
    )
    connection.execute("ATTACH ':memory:' AS catalog; CREATE SCHEMA catalog.schema")
    connection.execute(
        "CREATE TABLE catalog.schema.product_reviews AS"
        " SELECT i AS id, 'review ' || i AS REVIEW_TEXT FROM range(30) AS r(i)"
    )

    run = airquery.run(connection, (SEEDS / "opinion_mining.sql").read_text(), dialect="databricks")

    assert run.table is not None
    assert (run.table.num_rows, server.count) == (10, 10)
    assert run.table.column_names == ["id", "REVIEW_TEXT", "result"]
    prompt = json.dumps(server.requests[0].body["messages"])
    assert "You are an opinion mining service." in prompt
    assert "noises it makes when it's blending" in prompt
    assert r"\n\nRESULT\n" in prompt


def test_a_null_column_makes_the_whole_concatenated_prompt_null(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    run = airquery.run(
        connection,
        'SELECT ai_query("llm", CONCAT("Summarise: ", x)) AS r FROM VALUES (CAST(NULL AS STRING)) AS t(x)',
        dialect="databricks",
    )

    assert run.table is not None
    assert run.table.to_pylist() == [{"r": None}]
    assert server.count == 0


def test_every_name_without_a_value_is_listed_with_the_way_to_give_it() -> None:
    with pytest.raises(airquery.AirqueryError) as caught:
        substitute("SELECT ${a}, ${b}, ${c}", {"b": "1"})

    assert "No value for ${a}, ${c}" in str(caught.value)
    assert "--var a=… --var c=…" in str(caught.value)


def test_a_value_is_put_in_as_text_and_not_read_again() -> None:
    assert substitute("SELECT ${a}", {"a": "${b}", "b": "1"}) == "SELECT ${b}"


def test_nothing_in_a_comment_needs_a_value(databricks: Databricks) -> None:
    sql = "SELECT '${a} -- ' AS r -- ${b}\n/* ${c} */, \"/* ${a}\" AS s"

    assert databricks(sql, a="x") == [("x -- ", "/* x")]


def test_explain_is_translated_and_asks_nothing(
    databricks: Databricks, server: EndpointServer
) -> None:
    explain = (
        "EXPLAIN FORMATTED SELECT ai_query(\"llm\", concat('a', id, :b)) FROM range(3) AS r(id)"
    )

    (plan,) = databricks(explain, b="c")

    assert "physical_plan" in plan
    assert databricks("SHOW TABLES") == []
    assert server.count == 0


def test_text_that_is_not_sql_is_refused_with_the_place() -> None:
    with pytest.raises(airquery.AirqueryError, match="not Databricks SQL"):
        to_duckdb("SELECT FROM WHERE (")
