"""A DAG whose endpoints repeat the key of the connection: it is in no log, no XCom and no table."""

from __future__ import annotations

import json
import logging
import os
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airquery.testing import EndpointServer
from airquery_airflow.testing import load_dag, run_day
from tests.security.echoes import echoes_of
from tests.security.searching import files_below, found_in


if TYPE_CHECKING:
    from tests.operators.conftest import Rows

ROOT = Path(__file__).parents[2]
KEY = "sk-of-the-connection/0123+456"

pytestmark = pytest.mark.usefixtures("metadata_database")


def test_a_run_with_echoes_of_the_key_keeps_it_out_of_everything(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    rows: Rows,
    home: Path,
) -> None:
    with EndpointServer(api_key=KEY) as server, caplog.at_level(logging.DEBUG):
        echoes = echoes_of(KEY, sent=f"Bearer {KEY}")
        # Without those that are waited for.
        server.script(*(one for one in echoes if one.status in (200, 400, 403)))
        for name, host, extra in [
            ("REVIEWS-LLM", f"{server.url}/v1", {"model": "m", "max_attempts": 1}),
            ("VADER", server.url, {"task": "custom", "max_attempts": 1}),
        ]:
            connection = {"conn_type": "airquery_endpoint", "host": host, "password": KEY}
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps({**connection, "extra": extra}))
        dag = load_dag(ROOT / "dags", "product_reviews")
        for task in dag.tasks:
            task.retry_delay, task.retry_policy = timedelta(0), None
        ran = run_day(dag, date(2026, 10, 3))
    out, err = capfd.readouterr()
    answers = rows("SELECT * FROM reviews.answers ORDER BY ALL")
    said: dict[str, str | bytes] = {
        "stdout": out,
        "stderr": err,
        "logs": "\n".join(f"{one.getMessage()} {one.exc_text}" for one in caplog.records),
        "xcom": json.dumps(ran.returned, default=str),
        "answers": repr(answers),
    }

    assert ran.tasks["infer"] == "success"
    assert ran.returned["infer"]["failed"] > 0
    assert "***" in said["answers"]
    said |= files_below(home)
    said |= files_below(Path(os.environ["AIRFLOW_HOME"]))
    assert found_in(said, [KEY]) == []
