"""What OpenLineage's own provider is told of a finished task."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.openlineage.extractors.manager import ExtractorManager
from airflow.sdk.exceptions import AirflowFailException
from airflow.utils.state import TaskInstanceState
from openlineage.client.serde import Serde

from airquery.testing import EndpointServer, Reply
from airquery_airflow import AIQueryOperator, IngestOperator, TransformOperator, ValidateOperator
from airquery_airflow.lineage import Place, place_of
from tests.operators.conftest import task_instance


if TYPE_CHECKING:
    from pathlib import Path

    from airquery_airflow.told_task import ToldTask

DAY = "2026-10-03"
KEY = "sk-key-of-the-endpoint"


def executed(task: ToldTask) -> None:
    """Run a task whose fields hold no templates."""
    task.execute({"ti": task_instance(task.task_id, xcom_push=dict)})  # type: ignore[typeddict-item]


def told(task: ToldTask, state: TaskInstanceState = TaskInstanceState.SUCCESS) -> dict[str, Any]:
    """Return what the provider extracts, as the JSON it would send, without who produced it."""
    run: Any = SimpleNamespace(run_id="r")
    manager: Any = ExtractorManager
    found = manager().extract_metadata(run, task, state, SimpleNamespace(task=task))
    sent = json.dumps(
        {
            "inputs": [Serde.to_dict(one) for one in found.inputs],
            "outputs": [Serde.to_dict(one) for one in found.outputs],
            "run": {name: Serde.to_dict(one) for name, one in found.run_facets.items()},
        }
    )
    assert KEY not in sent
    return json.loads(sent, object_hook=_plain)  # type: ignore[no-any-return]


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in found.items() if k not in {"_producer", "_schemaURL"} and v != {}}


def columns(**kinds: str) -> dict[str, Any]:
    return {"fields": [{"name": name, "type": kind, "fields": []} for name, kind in kinds.items()]}


def test_a_statement_reads_tables_and_writes_one_for_a_price(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed(
        TransformOperator(task_id="a", sql="SELECT 'Hi' AS text", table="s.docs", partition=DAY)
    )
    with EndpointServer(api_key=KEY) as server:
        declared = {
            "task": "chat",
            "base_url": f"{server.url}/v1",
            "model": "m",
            "api_key": KEY,
            "price": {"input_per_million": 1_000_000, "currency": "EUR"},
        }
        monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))
        ask = AIQueryOperator(
            task_id="ask",
            sql="SELECT text, ai_query('llm', text) AS said FROM s.docs",
            table="s.answers",
            partition=DAY,
        )
        executed(ask)

    assert told(ask) == {
        "inputs": [{"namespace": "file", "name": f"{home}/warehouse/s/docs"}],
        "outputs": [
            {
                "namespace": "file",
                "name": f"{home}/warehouse/s/answers",
                "facets": {"schema": columns(text="VARCHAR", said="VARCHAR")},
                "outputFacets": {"outputStatistics": {"rowCount": 1}},
            }
        ],
        "run": {
            "airquery": {
                "rows": 1,
                "requests_sent": 1,
                "from_journal": 0,
                "failed": 0,
                "quarantined": 0,
                "prompt_tokens": 1,
                "completion_tokens": 1,
                "price": 1.0,
                "currency": "EUR",
            }
        },
    }


def test_files_are_inputs_without_what_follows_a_question_mark(tmp_path: Path, home: Path) -> None:
    (tmp_path / "a.csv").write_text("n\n1\n2\n")
    task = IngestOperator(
        task_id="ingest", source=str(tmp_path / "*.csv"), table="s.raw", partition=DAY
    )
    executed(task)

    found = told(task)

    assert found["inputs"] == [{"namespace": "file", "name": f"{tmp_path}/*.csv"}]
    assert found["outputs"] == [
        {
            "namespace": "file",
            "name": f"{home}/warehouse/s/raw",
            "facets": {"schema": columns(n="BIGINT")},
            "outputFacets": {"outputStatistics": {"rowCount": 2}},
        }
    ]


def test_a_check_is_the_quality_of_what_it_read_also_when_it_fails(
    tmp_path: Path, home: Path
) -> None:
    executed(TransformOperator(task_id="a", sql="SELECT 1 AS n", table="s.t", partition=DAY))
    counts = [
        {
            "type": "expect_table_row_count_to_equal",
            "kwargs": {"value": value},
            "severity": severity,
        }
        for value, severity in ((1, "warning"), (2, "critical"))
    ]
    suite = tmp_path / "suite.json"
    suite.write_text(json.dumps({"name": "s", "expectations": counts}))
    task = ValidateOperator(task_id="v", table="s.t", suite=str(suite), partition=DAY)

    with pytest.raises(AirflowFailException):
        executed(task)

    name = "expect_table_row_count_to_equal"
    assert told(task, TaskInstanceState.FAILED) == {
        "inputs": [
            {
                "namespace": "file",
                "name": f"{home}/warehouse/s/t",
                "inputFacets": {
                    "dataQualityAssertions": {
                        "assertions": [
                            {"assertion": name, "success": True, "severity": "warn"},
                            {"assertion": name, "success": False, "severity": "error"},
                        ]
                    }
                },
            }
        ],
        "outputs": [],
    }


def test_a_failed_statement_tells_what_it_paid_and_that_nothing_was_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with EndpointServer(answer=lambda _: Reply(status=400)) as server:
        declared = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m"}
        monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))
        ask = AIQueryOperator(
            task_id="ask", sql="SELECT ai_query('llm', 'Hi')", table="s.t", partition=DAY
        )
        with pytest.raises(AirflowFailException, match=r"\(1 of 1 requests answered, 1 failed\)"):
            executed(ask)

    found = told(ask, TaskInstanceState.FAILED)
    assert found["outputs"] == []
    assert (found["run"]["airquery"]["requests_sent"], found["run"]["airquery"]["failed"]) == (1, 1)


@pytest.mark.parametrize(
    ("address", "namespace", "name"),
    [
        ("file:///w/s/t", "file", "/w/s/t"),
        ("/data/*.csv", "file", "/data/*.csv"),
        ("s3://bucket/w/s/t", "s3://bucket", "w/s/t"),
        ("s3://bucket", "s3://bucket", "/"),
        ("abfss://box@account.dfs.example/w/s/t", "abfss://box@account.dfs.example", "w/s/t"),
        (
            "https://me:secret@example.com:8443/a.csv?key=secret",
            "https://example.com:8443",
            "/a.csv",
        ),
        ("https://example.com", "https://example.com", "/"),
    ],
)
def test_a_place_has_the_name_that_other_tools_give_it(
    address: str, namespace: str, name: str
) -> None:
    assert place_of(address) == Place(namespace=namespace, name=name)
