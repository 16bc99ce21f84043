"""`airquery demo`: its figures are counted, its second pass pays nothing, its failures are named."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from airquery.errors import AirqueryError, InvalidSetting
from airquery.testing import EndpointServer
from airquery.warehouse import Warehouse
from airquery_airflow import demo
from airquery_airflow.demo_board import Board
from airquery_airflow.demo_figures import (
    Evaluation,
    Pass,
    evaluation_of,
    paid_again,
    write_summary,
)
from airquery_airflow.demo_place import Place
from airquery_airflow.testing import DayRun, load_dag


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.testing.answers import Body

ROOT = Path(__file__).parents[2]
CLONED = ("dags", "sql", "include/data", "include/endpoints", "include/expectations")
FIGURES = {
    "rows": 20,
    "requests_sent": 40,
    "from_journal": 0,
    "failed": 2,
    "quarantined": 3,
    "prompt_tokens": 900,
    "completion_tokens": 100,
    "seconds": 12.3,
    "accuracy": 0.5,
}
FIRST = Pass(name="first pass", **FIGURES)  # type: ignore[arg-type]
SECOND = replace(FIRST, name="second pass", requests_sent=0, from_journal=40)


def manifest(**figures: int) -> dict[str, Any]:
    counted = dict.fromkeys(FIGURES, 0) | figures
    return {name: counted[name] for name in FIGURES if name not in {"seconds", "accuracy"}}


def day_run(**extract: int) -> DayRun:
    infer = manifest(rows=10, requests_sent=20, failed=1, prompt_tokens=450, completion_tokens=50)
    returned = {
        "ingest": manifest(rows=11),
        "infer": infer,
        "extract": manifest(rows=25, **extract),
        "validate": {"failed": ["a name"], "success": False},
    }
    return DayRun(state="success", tasks={}, returned=returned)


def test_a_pass_is_the_sum_of_what_its_tasks_returned() -> None:
    counted = Pass.of(
        "first pass", [day_run(quarantined=1), day_run(quarantined=2)], seconds=12.34, accuracy=0.5
    )

    assert counted == FIRST


def test_the_summary_holds_each_figure_of_each_pass_and_nothing_else(tmp_path: Path) -> None:
    write_summary([FIRST, SECOND], tmp_path / "summary.json")

    assert json.loads((tmp_path / "summary.json").read_text(encoding="utf-8")) == {
        "passes": [FIGURES, FIGURES | {"requests_sent": 0, "from_journal": 40}]
    }


def test_a_second_pass_that_sends_requests_is_told_with_the_reason() -> None:
    assert paid_again([FIRST, SECOND]) is None

    assert paid_again([FIRST, replace(SECOND, requests_sent=2)]) == (
        "The second pass sent 2 requests, and should have sent none. 2 requests of the first pass "
        "failed: a failure is not remembered, so those are asked again."
    )
    assert paid_again([replace(FIRST, failed=0), replace(SECOND, requests_sent=2)]) == (
        "The second pass sent 2 requests, and should have sent none."
    )


def test_days_are_weighed_by_their_rated_reviews(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    with duckdb.connect() as connection:
        for day, values in {
            "2026-10-01": "10, 20",
            "2026-10-02": "30, 60",
            "2026-10-09": "5, 5",
        }.items():
            share = "0.9" if day == "2026-10-02" else "0.1"
            rows = connection.sql(
                f"SELECT *, {share} AS llm_accuracy, {share} AS baseline_accuracy, {share} AS "
                f"majority_accuracy, {share} AS verbatim_share FROM (VALUES ({values})) AS t(rated, opinions)"
            )
            warehouse.publish("reviews.evaluation", rows, partition=day, run_number=1)

    found = evaluation_of(tmp_path, [date(2026, 10, 1), date(2026, 10, 2)])

    assert found.rated == 40
    assert found.model == pytest.approx(0.7)
    assert found.verbatim == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("model", "baseline", "majority", "said"),
    [
        (0.60, 0.75, 0.70, "Always giving the commoner answer would have been at least as good"),
        (0.72, 0.75, 0.70, "The lexicon is at least as good"),
        (0.80, 0.75, 0.70, "The model is better than both."),
        (None, None, None, "No review had a rating to compare with."),
    ],
)
def test_the_verdict_is_as_good_as_the_figures(
    model: float | None, baseline: float | None, majority: float | None, said: str
) -> None:
    evaluation = Evaluation(
        rated=20, model=model, baseline=baseline, majority=majority, verbatim=None
    )

    assert said in evaluation.verdict()


def test_the_place_is_the_clone_of_the_named_folder_or_of_the_package(tmp_path: Path) -> None:
    assert Place.find(None).root == ROOT
    assert Place.find(ROOT / "dags").root == ROOT
    with pytest.raises(InvalidSetting, match="--dags-folder"):
        Place.find(tmp_path)


def test_a_second_demo_in_the_same_clone_is_refused(tmp_path: Path) -> None:
    place = Place(root=tmp_path)
    with place.locked(), pytest.raises(InvalidSetting, match="already"), place.locked():
        pass

    with place.locked():
        assert (tmp_path / ".airflow").is_dir()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Copy what the demo reads, and install its command in a folder."""
    root = tmp_path / "clone"
    for folder in CLONED:
        shutil.copytree(ROOT / folder, root / folder)
    information = tmp_path / "site" / "demo-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Name: demo\nVersion: 1.0\n", encoding="utf-8")
    (information / "entry_points.txt").write_text(
        "[airquery.commands]\ndemo = airquery_airflow.demo:demo\n", encoding="utf-8"
    )
    return root


def run_demo(clone: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in the clone, with settings of another installation around it."""
    paths = [clone.parent / "site", *(ROOT / layer for layer in ("include", "operators", "sql"))]
    return subprocess.run(
        [sys.executable, "-m", "airquery.cli", "demo"],
        cwd=clone,
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////not/this/one.db",
            "AIRQUERY_JOURNAL": "sqlite:////not/this/one/either.db",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def opinion(body: Body) -> Mapping[str, object]:
    """Answer as the model or as the lexicon, whoever is asked."""
    if "dataframe_split" in body:
        return {"compound": 0.5, "sentiment": "Positive"}
    found = {"classification": "Price", "comment": "good", "sentiment": "Positive"}
    return {"opinions": [found]}


def test_the_demo_asks_once_and_writes_what_it_counted(clone: Path) -> None:
    with EndpointServer(answer=opinion) as server:
        file = clone / "include" / "endpoints" / "local.yaml"
        text = file.read_text(encoding="utf-8").replace("${AIRQUERY_SERVE_URL}", server.url)
        file.write_text(text, encoding="utf-8")

        ended = run_demo(clone)

        assert ended.returncode == 0, ended.stderr
        assert server.count == 40
    build = clone / "build" / "demo"
    first, second = json.loads((build / "summary.json").read_text(encoding="utf-8"))["passes"]
    assert {name: first[name] for name in ("rows", "requests_sent", "from_journal")} == {
        "rows": 20,
        "requests_sent": 40,
        "from_journal": 0,
    }
    assert (second["requests_sent"], second["from_journal"]) == (0, 40)
    assert second["accuracy"] == first["accuracy"] > 0
    assert "second pass, 2026-10-02: " in ended.stderr
    assert "requests sent" in ended.stdout
    assert str(build / "report.html") in ended.stdout
    assert "SmolLM2-135M-Instruct" in (build / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("metadata_database")
def test_a_failed_task_fails_the_demo_with_its_name_and_reason(clone: Path) -> None:
    (clone / "sql" / "product_reviews" / "prepare.sql").write_text("SELECT no_such_column")
    place, terminal = Place(root=clone), io.StringIO()
    dag = load_dag(place.dags, "product_reviews")
    board = Board(terminal, place.journal)
    board.watch(dag)

    with pytest.raises(AirqueryError) as problem:
        demo._run_day(dag, "first pass", date(2026, 10, 1), place, board)

    said = str(problem.value)
    assert said.startswith("Task prepare of product_reviews failed on 2026-10-01: ")
    assert "no_such_column" in said
    assert said.endswith(f"Airflow's log is in {clone / 'build' / 'demo' / 'airflow.log'}.")
    assert terminal.getvalue().splitlines()[-1] == "first pass, 2026-10-01: prepare"
