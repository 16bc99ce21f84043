"""One day of the product reviews, answered by the model that the packages bring along."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

import airquery
from airquery.connection import close_engines
from airquery.serve.options import ServeOptions
from airquery.serve.process import ServerProcess
from airquery_airflow.testing import load_dag, run_day


if TYPE_CHECKING:
    from collections.abc import Iterator

DAGS = Path(__file__).parents[2] / "dags"
KEY = "key-of-the-served-models"
LABELS = {"Quality", "Service", "Design", "Safety", "Efficiency", "Usability", "Price"}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[airquery.Warehouse]:
    """Serve both models, name them in a file of endpoints, and give a warehouse."""
    options = ServeOptions(models=("smollm2", "vader"), token=KEY)
    with ServerProcess(options) as server:
        endpoints = {
            "reviews-llm": {
                "task": "chat",
                "base_url": f"{server.url}/v1",
                "model": "smollm2",
                "api_key": "${SERVED_KEY}",
            },
            "vader": {"task": "custom", "base_url": server.url, "api_key": "${SERVED_KEY}"},
        }
        (tmp_path / "endpoints.yaml").write_text(json.dumps({"endpoints": endpoints}))
        monkeypatch.setenv("SERVED_KEY", KEY)
        monkeypatch.setenv("AIRQUERY_HOME", str(tmp_path))
        monkeypatch.setenv("AIRQUERY_ENDPOINTS", str(tmp_path / "endpoints.yaml"))
        yield airquery.Warehouse(tmp_path / "warehouse")
        close_engines()


@pytest.mark.usefixtures("metadata_database")
def test_a_day_runs_from_the_file_to_its_evaluation(served: airquery.Warehouse) -> None:
    ran = run_day(load_dag(DAGS, "product_reviews"), date(2026, 10, 3))

    assert set(ran.tasks.values()) == {"success"}
    infer, extract = ran.returned["infer"], ran.returned["extract"]
    assert infer["requests_sent"] == 20
    assert infer["prompt_tokens"] > 0
    with duckdb.connect() as connection:
        served.attach(connection)
        ((answered, quarantined, opinions),) = connection.sql(
            "SELECT answered, quarantined, opinions FROM reviews.evaluation"
        ).fetchall()
        labels = connection.sql("SELECT DISTINCT classification FROM reviews.opinions").fetchall()
        found = connection.sql(
            "SELECT count(*), count(baseline_sentiment) FROM reviews.answers"
        ).fetchall()
    assert answered + quarantined == 10
    assert answered >= 8
    assert opinions == extract["rows"]
    assert {label for (label,) in labels} <= LABELS
    assert found == [(10, 10)]
