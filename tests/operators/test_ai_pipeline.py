"""`ai_pipeline` builds the tasks from files to validated columns, by `dag.test()`."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, Asset, TaskGroup

import airquery
from airquery.testing import EndpointServer
from airquery_airflow import ai_pipeline
from airquery_airflow.testing import load_dag, run_day


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.operators.conftest import Rows

DAY = date(2026, 10, 3)
START = datetime(2026, 10, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
MOODS = {
    "type": "expect_column_values_to_be_in_set",
    "kwargs": {"column": "mood", "value_set": ["fine", "poor"]},
    "severity": "critical",
}
SUITE = "include/expectations/product_reviews.json"


def answer(body: Any) -> object:
    """Return the last word of the prompt, as JSON."""
    word = body["messages"][0]["content"].split()[-1]
    return {"word": word, "mood": word}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    with EndpointServer(answer=answer) as server:
        declared = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m"}
        monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))
        yield server


@pytest.mark.usefixtures("metadata_database")
def test_two_pipelines_of_one_dag_write_tables_named_for_their_groups(
    server: EndpointServer, rows: Rows, tmp_path: Path
) -> None:
    file = tmp_path / "docs.csv"
    file.write_text("id,text\n1,one word\n2,two words\n3,\n")
    sql = "SELECT id, ai_query('llm', text) AS answer FROM source"
    extract = "STRUCT<word: STRING>"
    with DAG("two", schedule=None, start_date=START) as dag:
        first = ai_pipeline("first", source=str(file), sql=sql, extract=extract)
        second = ai_pipeline(
            "second",
            source={"source": str(file), "columns": {"id": "BIGINT", "text": "VARCHAR"}},
            prepare="SELECT * FROM source WHERE text IS NOT NULL",
            sql=sql,
            extract={"schema": extract},
            tables={"extracted": "s.words"},
            splits=2,
            split_key="text",
            default_args={"warehouse": str(tmp_path / "other")},
            budget={"per_day": {"requests": 2}},
        )
        first >> second

    ran = run_day(dag, DAY)

    assert {name: state for name, state in ran.tasks.items() if state != "success"} == {}
    assert sorted(ran.tasks) == [
        "first.ask",
        "first.extract",
        "first.ingest",
        "second.ask.ask[0]",
        "second.ask.merge",
        "second.ask.split",
        "second.extract",
        "second.ingest",
        "second.prepare",
    ]
    assert (server.count, ran.returned["second.ask.merge"]["from_journal"]) == (2, 2)
    assert rows("SELECT id, word FROM first.extracted ORDER BY id") == [(1, "word"), (2, "words")]
    assert rows("SELECT id FROM first.quarantine") == [(3,)]
    assert (first.table, first.asset) == ("first.extracted", Asset("first.extracted"))
    assert second.tables == {
        "received": "second.received",
        "prepared": "second.prepared",
        "answers": "second.answers",
        "extracted": "s.words",
        "quarantine": "second.quarantine",
    }
    assert airquery.Warehouse(tmp_path / "other").tables() == [
        "s.words",
        "second.answers",
        "second.answers__parts",
        "second.prepared",
        "second.quarantine",
        "second.received",
    ]


@pytest.mark.usefixtures("metadata_database")
def test_the_dag_of_the_documentation_runs(
    server: EndpointServer, rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs/reference/airflow.md").read_text()
    (program,) = re.findall(r"```python\n([^`]*with DAG[^`]*)```", text)
    declared = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m"}
    monkeypatch.setenv("AIRQUERY_ENDPOINT_REVIEWS_LLM", json.dumps(declared))
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "dags/reviews.py": program,
        "data/2026-10-03.csv": "id,text\n1, fine \n2,\n3,poor\n",
        "suites/reviews.json": json.dumps({"name": "reviews", "expectations": [MOODS]}),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)

    ran = run_day(load_dag(tmp_path / "dags", "reviews"), DAY)

    assert set(ran.tasks.values()) == {"success"}
    assert rows("SELECT id, mood FROM reviews.extracted ORDER BY id") == [(1, "fine"), (3, "poor")]
    assert server.count == 2


def test_steps_that_are_not_given_are_left_out_and_the_last_one_updates_the_asset() -> None:
    with DAG("least", schedule=None, start_date=START) as dag, TaskGroup("eu"):
        group = ai_pipeline("reviews", source="a.csv", sql="SELECT 1", max_error_ratio=0.5)

    ask: Any = dag.get_task("eu.reviews.ask")
    assert dag.task_ids == ["eu.reviews.ingest", "eu.reviews.ask"]
    assert group.tables == {
        "received": "eu_reviews.received",
        "answers": "eu_reviews.answers",
    }
    assert ask.outlets == [group.asset] == [Asset("eu_reviews.answers")]
    assert ask.upstream_task_ids == {"eu.reviews.ingest"}
    assert ask.max_error_ratio == 0.5


def test_a_suite_checks_the_result_and_its_task_updates_the_asset() -> None:
    with DAG("checked", schedule=None, start_date=START) as dag:
        group = ai_pipeline("a", source="a.csv", sql="SELECT 1", extract="INT", suite=SUITE)

    found = {task.task_id: (task.downstream_task_ids, task.outlets) for task in dag.tasks}
    validate: Any = dag.get_task("a.validate")
    assert found == {
        "a.ingest": ({"a.ask"}, []),
        "a.ask": ({"a.extract"}, []),
        "a.extract": ({"a.validate"}, []),
        "a.validate": (set(), [group.asset]),
    }
    assert (validate.table, validate.suite) == (group.table, SUITE)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"schema": "a-b"}, "'a-b' cannot name a schema"),
        ({"tables": {"answer": "s.t"}}, "no table 'answer'. Did you mean 'answers'"),
        ({"tables": {"prepared": "s.t"}}, "no table 'prepared'"),
        ({"tables": {"answers": "other.answers"}}, "'other.ask' writes already"),
        ({"prepare": {"dialect": "duckdb"}}, "prepare is a dictionary without 'sql'"),
        ({"extract": {"schema": "INT", "table": "s.t"}}, "extract has 'table'"),
        ({"outlets": []}, "ai_pipeline has 'outlets'"),
        ({"splits": 65}, "from 1 to 64"),
        ({"splits": True}, "from 1 to 64"),
        ({"budgets": {}}, "budgets"),
        ({"splits": 2, "dry_run": True}, "without a split"),
    ],
)
def test_wrong_arguments_are_told_when_the_dag_is_parsed(wrong: dict[str, Any], said: str) -> None:
    with DAG("wrong", schedule=None, start_date=START):
        ai_pipeline("other", source="a.csv", sql="SELECT 1")

        with pytest.raises((TypeError, ValueError)) as caught:
            ai_pipeline("reviews", **{"source": "a.csv", "sql": "SELECT 1", **wrong})

    assert said in str(caught.value)
