"""One day of the product reviews, answered by the model that the packages bring along."""

from __future__ import annotations

import json
import shutil
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

ROOT = Path(__file__).parents[2]
READ = ("dags/product_reviews.py", "sql/product_reviews", "include/expectations")
REVIEWS = "include/data/product_reviews/amazonReviewSnippets_GroundTruth.txt"
# Two go to each of the first three days: the model takes seconds for one.
KEPT = 33
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


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """Copy the DAG and what it reads, with fewer reviews."""
    for name in READ:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, tmp_path / name)
    lines = (ROOT / REVIEWS).read_text(encoding="utf-8").splitlines(keepends=True)
    numbers = sorted({int(line.partition("_")[0]) for line in lines})
    kept = [line for line in lines if int(line.partition("_")[0]) <= numbers[KEPT - 1]]
    (tmp_path / REVIEWS).parent.mkdir(parents=True)
    (tmp_path / REVIEWS).write_text("".join(kept), encoding="utf-8")
    return tmp_path / "dags"


@pytest.mark.usefixtures("metadata_database")
def test_a_day_runs_from_the_file_to_its_evaluation(served: airquery.Warehouse, dags: Path) -> None:
    ran = run_day(load_dag(dags, "product_reviews"), date(2026, 10, 3))

    assert set(ran.tasks.values()) == {"success"}
    infer, extract = ran.returned["infer"], ran.returned["extract"]
    assert infer["requests_sent"] == 4
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
    assert answered + quarantined == 2
    assert answered >= 1
    assert opinions == extract["rows"]
    assert {label for (label,) in labels} <= LABELS
    assert found == [(2, 2)]
