"""The DAG of the embeddings against a scripted endpoint, by `dag.test()`."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airquery.testing import EndpointServer
from airquery_airflow.testing import load_dag, run_day


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import DAG

    from tests.operators.conftest import Rows

ROOT = Path(__file__).parents[2]
DAY = date(2026, 10, 3)
TASKS = ("ingest", "chunk", "embed", "validate", "nearest")

pytestmark = pytest.mark.usefixtures("metadata_database")


def too_long(_: Any) -> list[float]:
    """Return a vector of length 5."""
    return [3.0, 4.0]


@pytest.fixture
def dag() -> DAG:
    dag = load_dag(ROOT / "dags", "document_embeddings")
    for task in dag.tasks:
        task.retries = 0
    return dag


@pytest.fixture
def server(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EndpointServer]:
    with EndpointServer(answer=getattr(request, "param", None)) as server:
        extra = {"task": "embeddings", "model": "m"}
        known = {"conn_type": "airquery_endpoint", "host": f"{server.url}/v1", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_MINILM", json.dumps(known))
        yield server


def test_every_document_gets_vectors_and_a_nearest_other(
    dag: DAG, server: EndpointServer, rows: Rows
) -> None:
    ran = run_day(dag, DAY, {"chunk_characters": 300})

    assert ran.tasks == dict.fromkeys(TASKS, "success")
    assert {returned["partition"] for returned in ran.returned.values()} == {"2026-10-03"}
    assert ran.returned["validate"]["failed"] == []
    chunks = ran.returned["chunk"]["rows"]
    assert ran.returned["embed"]["requests_sent"] == chunks > 20
    assert 0 < server.count <= chunks
    assert rows("SELECT count(*), count(embedding) FROM documents.embeddings") == [(chunks, chunks)]
    assert rows(
        "SELECT count(DISTINCT document_id), count_if(nearest_id = document_id), "
        "count_if(similarity BETWEEN -1.0001 AND 1.0001) FROM documents.nearest"
    ) == [(10, 0, 10)]
    # No character is lost, and the chunks of a document are numbered from 1.
    assert rows(
        "SELECT count(*) FROM (SELECT document_id, string_agg(chunk, '' ORDER BY chunk_number) AS said, "
        "max(chunk_number) = count(*) AS numbered FROM documents.chunks GROUP BY document_id) "
        "JOIN documents.received USING (document_id) WHERE said = trim(content) AND numbered"
    ) == [(10,)]


@pytest.mark.parametrize("server", [too_long], indirect=True)
def test_vectors_that_are_not_normalised_stop_the_run_before_they_are_compared(
    dag: DAG, server: EndpointServer, rows: Rows, capfd: pytest.CaptureFixture[str]
) -> None:
    ran = run_day(dag, DAY, {"chunk_characters": 20_000})

    assert ran.tasks == {
        **dict.fromkeys(TASKS, "success"),
        "validate": "failed",
        "nearest": "upstream_failed",
    }
    assert ran.returned["embed"]["requests_sent"] == 10
    assert server.count > 0
    assert ran.returned["validate"]["failed"] == ["unexpected_rows_expectation (table)"]
    said = "".join(capfd.readouterr())
    assert "Every vector is normalised: its length is 1: Unexpected rows: 10" in said
    assert rows("SELECT DISTINCT embedding FROM documents.embeddings") == [([3.0, 4.0],)]
