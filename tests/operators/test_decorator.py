"""`@task.ai_query`: a function whose text is the statement."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, literal, task
from airflow.sdk.exceptions import AirflowFailException

import airquery_airflow
from airquery.testing import EndpointServer
from airquery_airflow import ai_query_task
from airquery_airflow.testing import run_day
from tests.operators.conftest import task_instance


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airquery_airflow.decorator import AIQueryDecoratedOperator
    from tests.operators.conftest import Execute, Rows

DAY = date(2026, 10, 3)
HOSTILE = "{{ 7 * 191 }}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    with EndpointServer() as server:
        declared = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m"}
        monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))
        yield server


@pytest.mark.usefixtures("metadata_database")
def test_functions_of_a_dag_write_the_statements_of_tasks(
    server: EndpointServer, rows: Rows
) -> None:
    with DAG("decorated", schedule=None, start_date=datetime(2026, 10, 1, tzinfo=UTC)) as dag:

        @task
        def texts() -> list[str]:
            return ["one", HOSTILE]

        @task
        def one_text() -> str:
            return HOSTILE

        @task.ai_query(
            table="s.single",
            variables={"text": one_text()},
            multiple_outputs=True,
            max_error_ratio=0.5,
        )
        def single(greeting: str, ds: str | None = None) -> str:
            assert ds == "2026-10-03"
            return f"SELECT ai_query('llm', '{greeting} {{{{ ds }}}}') AS said, '${{text}}' AS text"

        @task.ai_query(table="s.mapped", partition="{{ ds }}/{{ ti.map_index }}")
        def mapped(text: str) -> Any:
            return literal(f"SELECT ai_query('llm', '{text}') AS said")

        @task
        def counted(rows: int) -> int:
            return rows

        asked: Any = single("Hello")
        counted(asked["rows"])
        mapped.expand(text=texts())

    ran = run_day(dag, DAY)

    assert set(ran.tasks.values()) == {"success"}
    assert ran.returned["counted"] == 1
    assert ran.returned["single"]["table"] == "s.single"
    assert rows("SELECT said, text FROM s.single") == [("Hello 2026-10-03", HOSTILE)]
    assert rows("SELECT partition_key, said FROM s.mapped ORDER BY ALL") == [
        ("2026-10-03/0", "one"),
        ("2026-10-03/1", HOSTILE),
    ]
    assert server.count == 3


def test_the_short_examples_of_the_reference_are_sound() -> None:
    text = (Path(__file__).parents[2] / "docs/reference/airflow.md").read_text()
    examples = [one for one in re.findall(r"```python\n([^`]*)```", text) if "with DAG" not in one]
    known = {name: getattr(airquery_airflow, name) for name in airquery_airflow.__all__}

    made = []
    for example in examples:
        with DAG("example", schedule=None, start_date=datetime(2026, 10, 1, tzinfo=UTC)) as dag:
            exec(example, known | {"task": task})  # noqa: S102 - our own document
        made += dag.task_ids

    assert sum("@task.ai_query" in example for example in examples) == 1
    assert made == ["infer", "infer", "infer", "ask.split", "ask.ask", "ask.merge"]


def made(function: Callable[..., object], *args: object, **given: Any) -> AIQueryDecoratedOperator:
    """Make the task of a function outside a DAG."""
    decorated: Any = ai_query_task(**{"table": "s.answers", **given})
    operator: AIQueryDecoratedOperator = decorated(function)(*args).operator
    return operator


def test_what_the_function_was_given_is_not_rendered_a_second_time(
    server: EndpointServer, execute: Execute, rows: Rows
) -> None:
    def select(text: str) -> str:
        return "SELECT ai_query('llm', '{{ ds }} ' || '${text}') AS said, " + f"{len(text)} AS n"

    returned = execute(
        made(select, literal(HOSTILE), variables={"text": literal(HOSTILE)}),
        ti=task_instance(),
    )

    assert returned["requests_sent"] == server.count == 1
    assert rows("SELECT said, n FROM s.answers") == [(f"2026-10-03 {HOSTILE}", len(HOSTILE))]


@pytest.mark.parametrize("returned", [None, "", "  ", 7, ["SELECT 1"]])
def test_a_function_that_returns_no_statement_fails_at_once(
    execute: Execute, returned: object
) -> None:
    with pytest.raises(AirflowFailException, match="must return the SELECT as text"):
        execute(
            made(lambda: returned, task_id="a"),
            ti=task_instance(),
        )


def test_instances_that_would_overwrite_each_other_ask_nothing(
    execute: Execute, server: EndpointServer
) -> None:
    asked = made(lambda: "SELECT ai_query('llm', 'a')", task_id="a")

    with pytest.raises(AirflowFailException, match="all its instances would write the partition"):
        execute(asked, ti=task_instance(map_index=0))

    assert server.count == 0


def test_a_statement_as_an_argument_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(TypeError, match="the function returns the statement"):
        made(lambda: "SELECT 1", task_id="a", sql="SELECT 1")
