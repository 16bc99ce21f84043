"""What every DAG of this repository is, without running it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import CronDataIntervalTimetable
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from airquery.planning.build import parse
from airquery_airflow import retry_policy
from airquery_airflow.failures import RateLimited
from airquery_airflow.testing import load_dag


if TYPE_CHECKING:
    from airflow.sdk import DAG

ROOT = Path(__file__).parents[2]
DAGS = sorted(path.stem for path in (ROOT / "dags").glob("*.py"))
# Each gives the variables of a run, but for its parameters.
RUNS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "a data interval": (
        {"partition_key": None, "ds": "2026-10-03", "ts_nodash": "20261003T000000"},
        {},
    ),
    "a partition key": ({"partition_key": "2026-10-03"}, {}),
    "a day that somebody chose": (
        {"partition_key": None, "ds": "2026-11-21", "ts_nodash": "20261121T141500"},
        {"partition": "2026-10-03"},
    ),
}
PARAMS: dict[str, dict[str, Any]] = {
    "document_embeddings": {"partition": None, "embedder": "minilm", "chunk_characters": 600},
    "document_summaries": {"partition": None, "llm": "reviews-llm", "most_commits": None},
    "endpoint_benchmark": {
        "partition": None,
        "endpoint": "reviews-llm",
        "task": "Summarize this sentence in five words:",
        "max_tokens": 16,
        "requests": 32,
        "most_concurrency": 64,
    },
    "entity_recognition": {
        "partition": None,
        "recogniser": "bert-ner",
        "minimum_score": 0,
        "minimum_f1": 0.65,
    },
    "product_reviews": {"partition": None, "llm": "reviews-llm", "baseline": "vader"},
    "structured_extraction": {"partition": None, "llm": "reviews-llm", "minimum_f1": 0.3},
}


@pytest.fixture(params=DAGS)
def dag(request: pytest.FixtureRequest) -> DAG:
    return load_dag(ROOT / "dags", request.param)


def rendered(dag: DAG, run: str) -> dict[str, dict[str, Any]]:
    """Render all templates of all tasks, as the task runner would."""
    variables, given = RUNS[run]
    context = {
        **variables,
        "dag_run": SimpleNamespace(partition_key=variables["partition_key"]),
        "params": {**PARAMS[dag.dag_id], **given},
    }
    found = {}
    for task in dag.tasks:
        ready = task.prepare_for_execution()
        ready.render_template_fields(context, dag.get_template_env())  # type: ignore[arg-type]
        found[task.task_id] = {name: getattr(ready, name) for name in task.template_fields}
    return found


@pytest.mark.parametrize("run", RUNS)
def test_every_template_renders_to_the_same_day_however_the_run_began(dag: DAG, run: str) -> None:
    fields = rendered(dag, run)

    partitions = {values["partition"] for values in fields.values()}
    assert "2026-10-03" in partitions
    # A batch is named for the run that takes it, and nothing else is.
    named = RUNS[run][0].get("ts_nodash", "2026-10-03")
    batches = {named} if dag.dag_id == "document_summaries" else set()
    assert partitions == {"2026-10-03"} | batches
    statements = [values["sql"] for values in fields.values() if "sql" in values]
    assert statements
    for sql in statements:
        assert any(f"{partition}'" in sql for partition in partitions)
        assert "{{" not in sql
        assert "{%" not in sql
        assert parse(sql) is not None
    assert batches or fields == rendered(dag, "a data interval")


def test_a_run_without_a_day_fails_while_it_is_rendered(
    dag: DAG, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RUNS, "no day", ({"partition_key": None}, {}))

    with pytest.raises(Exception, match="'ds' is undefined"):
        rendered(dag, "no day")


@pytest.mark.parametrize("value", ["a' || 'b", "", "2026-10-03'", "today'"])
def test_a_parameter_that_could_change_the_sql_is_refused(dag: DAG, value: str) -> None:
    params = [dag.params.get_param(name) for name in dag.params]
    texts = [param for param in params if "string" in param.schema["type"]]

    assert texts
    for param in texts:
        with pytest.raises(ParamValidationError):
            param.resolve(value)


def test_every_parameter_tells_the_trigger_form_what_it_is(dag: DAG) -> None:
    for name in dag.params:
        param = dag.params.get_param(name)
        assert param.schema["title"], name
        assert param.description, name


def test_the_page_of_every_task_says_what_it_does(dag: DAG) -> None:
    for task in dag.tasks:
        assert task.doc_md is not None
        assert task.doc_md.startswith(f"`{task.task_type}`: ")
        assert "Args:" not in task.doc_md


def test_every_suite_that_a_dag_names_is_there(dag: DAG) -> None:
    suites = [Path(task.suite) for task in dag.tasks if hasattr(task, "suite")]

    assert [suite.name for suite in suites] == [f"{dag.dag_id}.json"]
    assert all(suite.is_file() for suite in suites)


def test_the_dag_survives_being_stored_and_read(dag: DAG) -> None:
    stored = DagSerialization.to_dict(dag)

    again = DagSerialization.from_dict(stored)

    assert [task.task_id for task in again.tasks] == [task.task_id for task in dag.tasks]
    assert again.params.dump() == PARAMS[dag.dag_id]


@pytest.mark.skipif(retry_policy() is None, reason="Airflow 3.2 has no retry policies")
def test_a_rate_limit_is_waited_for_longer_than_anything_else(dag: DAG) -> None:
    policies = {task.retry_policy for task in dag.tasks}

    if dag.dag_id == "endpoint_benchmark":
        # A measurement pays every time, so it is not tried again.
        assert policies == {None}
    else:
        (policy,) = policies
        assert policy is not None
        decision = policy.evaluate(RateLimited("429"), try_number=1, max_tries=2)
        assert decision.retry_delay is not None
        assert all(decision.retry_delay > task.retry_delay for task in dag.tasks)


def test_the_days_are_those_of_the_run_before_and_none_is_caught_up(dag: DAG) -> None:
    # A measurement pays every time, so it is started by hand.
    if dag.dag_id == "endpoint_benchmark":
        assert dag.schedule is None
    else:
        assert isinstance(dag.timetable, CronDataIntervalTimetable)
        assert dag.timetable.expression == "0 3 * * *"
    assert not dag.catchup
    assert dag.doc_md
    assert "example" in dag.tags
