"""The DAG of the entities, by `dag.test()`: against the embedded model, and against one that errs."""

from __future__ import annotations

import json
import re
import runpy
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airquery.serve.options import ServeOptions
from airquery.serve.process import ServerProcess
from airquery.testing import EndpointServer, Reply
from airquery_airflow.testing import load_dag, run_day


if TYPE_CHECKING:
    from airflow.sdk import DAG

    from tests.operators.conftest import Rows

ROOT = Path(__file__).parents[2]
DATA = ROOT / "include/data/entity_recognition"
MESSAGES = [json.loads(line) for line in (DATA / "messages.jsonl").read_text().splitlines()]
TRUTH = {message["text"]: message["entities"] for message in MESSAGES}
DAY = date(2026, 10, 1)
TASKS = (
    "ingest",
    "recognise",
    "extract",
    "quarantine",
    "validate",
    "found_by_type",
    "true_by_type",
    "evaluate",
)

pytestmark = pytest.mark.usefixtures("metadata_database")


@pytest.fixture
def dag() -> DAG:
    dag = load_dag(ROOT / "dags", "entity_recognition")
    for task in dag.tasks:
        task.retries = 0
    return dag


def know(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the endpoint of the DAG."""
    known = {"conn_type": "airquery_endpoint", "host": url, "extra": {"task": "custom"}}
    monkeypatch.setenv("AIRFLOW_CONN_BERT-NER", json.dumps(known))


def asked(body: Any) -> str:
    """Return the message that a request is about."""
    [[text]] = body["dataframe_split"]["data"]
    return str(text)


def test_the_entities_of_a_day_are_found_and_scored_by_type(
    dag: DAG, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ServerProcess(ServeOptions(models=("bert-ner",))) as server:
        know(server.url, monkeypatch)
        ran = run_day(dag, DAY)

    assert ran.tasks == dict.fromkeys(TASKS, "success")
    assert {returned["partition"] for returned in ran.returned.values()} == {"2026-10-01"}
    assert ran.returned["recognise"]["requests_sent"] == 23
    assert ran.returned["quarantine"]["rows"] == 0
    assert ran.returned["validate"]["success"]
    assert rows(
        "SELECT max(length(message)) > 2500, bool_and(error IS NULL) FROM entities.recognised"
    ) == [(True, True)]
    assert rows("SELECT bool_and(at_offsets = text), count(*) > 100 FROM entities.found") == [
        (True, True)
    ]
    true = [entity for m in MESSAGES if m["written_on"] == "2026-10-01" for entity in m["entities"]]
    scores = rows("SELECT field, expected, f1 FROM entities.evaluation")
    assert [(field, expected) for field, expected, _ in scores] == [
        *(
            (label, sum(entity["label"] == label for entity in true))
            for label in sorted({entity["label"] for entity in true})
        ),
        ("(all)", len(true)),
    ]
    # What the embedded model is known for: names yes, e-mail addresses cut short.
    f1 = {field: score for field, _, score in scores}
    assert f1["GIVEN_NAME"] > 0.8
    assert f1["EMAIL"] < 0.2
    assert 0.65 < ran.returned["evaluate"]["f1"] < 0.8


def test_a_message_without_an_answer_is_kept_with_its_reason_and_lowers_recall_alone(
    dag: DAG, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EndpointServer(answer=lambda body: sure(TRUTH[asked(body)])) as server:
        server.fail_when(lambda body: "Sofia" in asked(body), Reply(status=400))
        know(server.url, monkeypatch)
        ran = run_day(dag, DAY, {"minimum_f1": 0.5})

    failed = [text for text in TRUTH if "Sofia" in text and text in of_day()]
    missed = sum(len(TRUTH[text]) for text in failed)
    assert ran.tasks == dict.fromkeys(TASKS, "success")
    assert sorted(rows("SELECT message, error IS NOT NULL FROM entities.quarantine")) == sorted(
        (text, True) for text in failed
    )
    everything = sum(len(TRUTH[text]) for text in of_day())
    assert rows(
        "SELECT expected, predicted, correct FROM entities.evaluation WHERE field = '(all)'"
    ) == [(everything, everything - missed, everything - missed)]


def test_an_entity_that_is_not_at_its_place_stops_the_run_before_it_is_scored(
    dag: DAG, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shifted(body: Any) -> list[dict[str, Any]]:
        return [{**entity, "start": entity["start"] + 1} for entity in sure(TRUTH[asked(body)])]

    with EndpointServer(answer=shifted) as server:
        know(server.url, monkeypatch)
        ran = run_day(dag, DAY)

    assert ran.tasks["validate"] == "failed"
    assert ran.tasks["evaluate"] == "upstream_failed"
    assert rows("SELECT count(*) FROM entities.found WHERE text <> at_offsets") == [
        (sum(len(TRUTH[text]) for text in of_day()),)
    ]


def test_the_messages_are_those_that_the_generator_writes_and_their_places_are_right() -> None:
    generator = runpy.run_path(str(DATA / "generate.py"))

    assert generator["messages"]() == (DATA / "messages.jsonl").read_text(encoding="utf-8")
    for text, entities in TRUTH.items():
        assert [entity["text"] for entity in entities] == [
            text[entity["start"] : entity["end"]] for entity in entities
        ]
        assert not re.search(r"[{}]", text)


def sure(entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**entity, "score": 0.9} for entity in entities]


def of_day() -> set[str]:
    return {m["text"] for m in MESSAGES if m["written_on"] == DAY.isoformat()}
