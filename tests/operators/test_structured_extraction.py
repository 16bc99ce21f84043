"""The DAG of the invoices against a scripted endpoint, by `dag.test()`."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airquery.testing import EndpointServer, Reply
from airquery_airflow.testing import load_dag, run_day


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import DAG

    from tests.operators.conftest import Rows

ROOT = Path(__file__).parents[2]
MAILS = ROOT / "include/data/structured_extraction/invoices.jsonl"
TRUTH = {mail["text"]: mail for mail in map(json.loads, MAILS.read_text().splitlines())}
FIELDS = ("vendor", "invoice_number", "issued_on", "total", "currency")
DAY = date(2026, 10, 1)
TASKS = ("ingest", "infer", "extract", "validate", "evaluate")

pytestmark = pytest.mark.usefixtures("metadata_database")


def asked(body: Any) -> str:
    """Return the mail that a request is about."""
    prompt: str = body["messages"][0]["content"]
    return prompt.rpartition("MAIL\n")[2].removesuffix("\nFIELDS")


def answer(body: Any) -> object:
    """Read every mail rightly, but take net for gross, and write in capitals."""
    truth = TRUTH[asked(body)]
    found = {name: truth[name] for name in FIELDS}
    if "VAT" in truth["text"]:
        found["total"] = 680
    return {**found, "vendor": found["vendor"].upper()}


@pytest.fixture
def dag() -> DAG:
    dag = load_dag(ROOT / "dags", "structured_extraction")
    for task in dag.tasks:
        task.retries = 0
    return dag


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    with EndpointServer(answer=answer) as server:
        llm = {
            "conn_type": "airquery_endpoint",
            "host": f"{server.url}/v1",
            "extra": {"model": "m"},
        }
        monkeypatch.setenv("AIRFLOW_CONN_REVIEWS-LLM", json.dumps(llm))
        yield server


def test_the_fields_of_a_day_are_extracted_and_scored(
    dag: DAG, server: EndpointServer, rows: Rows
) -> None:
    ran = run_day(dag, DAY, {"minimum_f1": 0.97})

    assert ran.tasks == dict.fromkeys(TASKS, "success")
    assert {returned["partition"] for returned in ran.returned.values()} == {"2026-10-01"}
    assert ran.returned["infer"]["requests_sent"] == server.count == 10
    assert (ran.returned["extract"]["rows"], ran.returned["extract"]["quarantined"]) == (10, 0)
    assert ran.returned["validate"]["success"]
    assert rows("SELECT field, expected, predicted, correct FROM invoices.evaluation") == [
        ("vendor", 10, 10, 10),
        ("invoice_number", 9, 9, 9),
        ("issued_on", 9, 9, 9),
        ("total", 10, 10, 9),
        ("currency", 10, 10, 10),
        ("(all)", 48, 48, 47),
    ]
    assert ran.returned["evaluate"]["f1"] == 47 / 48


def test_a_bad_day_is_written_in_full_and_stops_at_the_gate(
    dag: DAG, server: EndpointServer, rows: Rows, capfd: pytest.CaptureFixture[str]
) -> None:
    server.fail_when(lambda body: "Kessler" in asked(body), Reply(status=400))
    server.fail_when(
        lambda body: "Kessler" not in asked(body), Reply(body=chat('{"issued_on": "2026-02-31"}'))
    )

    ran = run_day(dag, DAY)

    assert ran.state == "failed"
    assert ran.tasks == {**dict.fromkeys(TASKS, "success"), "evaluate": "failed"}
    assert ran.returned["extract"]["quarantined"] == 10
    assert rows("SELECT count(*), count(reason) FROM invoices.quarantine") == [(10, 10)]
    assert rows(
        "SELECT expected, predicted, f1 FROM invoices.evaluation WHERE field = '(all)'"
    ) == [(48, 0, 0.0)]
    assert ran.returned["evaluate"]["f1"] == 0.0
    assert "F1 over all fields is 0.000" in "".join(capfd.readouterr())


def chat(content: str) -> object:
    """Return the body of a chat reply."""
    return {"choices": [{"message": {"role": "assistant", "content": content}}]}
