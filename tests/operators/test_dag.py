"""What the DAG of the product reviews is, without running it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import CronDataIntervalTimetable
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from airquery.planning.build import parse
from airquery_airflow.testing import load_dag


if TYPE_CHECKING:
    from airflow.sdk import DAG

DAGS = Path(__file__).parents[2] / "dags"
PARAMS = {"partition": None, "llm": "reviews-llm", "baseline": "vader"}
CONTEXTS: dict[str, dict[str, Any]] = {
    "a data interval": {"partition_key": None, "ds": "2026-10-03", "params": PARAMS},
    "a partition key": {"partition_key": "2026-10-03", "params": PARAMS},
    "a day that somebody chose": {
        "partition_key": None,
        "ds": "2026-11-21",
        "params": {**PARAMS, "partition": "2026-10-03"},
    },
}


@pytest.fixture(scope="module")
def dag() -> DAG:
    return load_dag(DAGS, "product_reviews")


def rendered(dag: DAG, context: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = {}
    for task in dag.tasks:
        ready = task.prepare_for_execution()
        ready.render_template_fields(context, dag.get_template_env())  # type: ignore[arg-type]
        found[task.task_id] = {name: getattr(ready, name) for name in task.template_fields}
    return found


@pytest.mark.parametrize("name", CONTEXTS)
def test_every_template_renders_to_the_same_day_however_the_run_began(dag: DAG, name: str) -> None:
    fields = rendered(dag, CONTEXTS[name])

    assert {values["partition"] for values in fields.values()} == {"2026-10-03"}
    for task in ("ingest", "prepare", "infer", "evaluate"):
        sql = fields[task]["sql"]
        assert "2026-10-03'" in sql
        assert "{{" not in sql
        assert "{%" not in sql
        assert parse(sql) is not None
    assert "ai_query(\n      'reviews-llm'" in fields["infer"]["sql"]
    assert fields == rendered(dag, CONTEXTS["a data interval"])


def test_a_run_without_a_day_fails_while_it_is_rendered(dag: DAG) -> None:
    with pytest.raises(Exception, match="'ds' is undefined"):
        rendered(dag, {"partition_key": None, "params": PARAMS})


@pytest.mark.parametrize(
    ("name", "value"),
    [("llm", "a' || 'b"), ("baseline", ""), ("partition", "2026-10-03'"), ("partition", "today")],
)
def test_a_parameter_that_could_change_the_sql_is_refused(dag: DAG, name: str, value: str) -> None:
    with pytest.raises(ParamValidationError):
        dag.params.get_param(name).resolve(value)


def test_the_dag_survives_being_stored_and_read(dag: DAG) -> None:
    stored = DagSerialization.to_dict(dag)

    again = DagSerialization.from_dict(stored)

    assert [task.task_id for task in again.tasks] == [task.task_id for task in dag.tasks]
    assert again.params.dump() == PARAMS


def test_the_days_are_those_of_the_run_before_and_none_is_caught_up(dag: DAG) -> None:
    assert isinstance(dag.timetable, CronDataIntervalTimetable)
    assert dag.timetable.expression == "0 3 * * *"
    assert not dag.catchup
    assert dag.doc_md
