"""Every attempt of a task leaves a record of what it did, how it ended, and what it found."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.log import mask_secret

import airquery
from airquery.records import Origin, records_of
from airquery.records.record import LONGEST_CELL, MOST_ROWS
from airquery.testing import EndpointServer, Reply
from airquery_airflow import (
    AIQueryOperator,
    EvaluateOperator,
    ExtractJSONOperator,
    TransformOperator,
)
from tests.operators.conftest import task_instance


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operators.conftest import Execute, Recorded

ASK = (
    "SELECT n, ai_query('llm', 'Say ' || n, failOnError => {strict}) AS said"
    " FROM (SELECT unnest(range(3)) AS n)"
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    with EndpointServer() as server:
        declared = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m"}
        price = {"input_per_million": 1_000_000, "output_per_million": 1_000_000}
        monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps({**declared, "price": price}))
        yield server


def ask(**given: Any) -> AIQueryOperator:
    strict = given.pop("strict", "false")
    return AIQueryOperator(task_id="ask", sql=ASK.format(strict=strict), table="s.answers", **given)


@pytest.mark.usefixtures("server")
def test_a_task_that_is_done_has_its_manifest_and_its_run(
    execute: Execute, recorded: Recorded, home: Path
) -> None:
    task = ask(approve_above={"requests": 3}, partition="{{ ds }}/{{ ti.map_index }}")

    returned = execute(task, ti=task_instance(map_index=3, try_number=2))

    [record] = recorded()
    [run] = records_of(airquery.Settings.read(home=home)).runs(dag_id="pipeline", run_id="manual")
    assert record.origin == Origin(
        source="airflow",
        dag_id="pipeline",
        run_id="manual",
        task_id="ask",
        map_index=3,
        try_number=2,
    )
    assert (record.operator, record.state, record.error) == ("AIQueryOperator", "done", None)
    assert record.manifest == returned
    assert record.runs == (run.id,)
    assert run.origin == record.origin
    assert record.began_at <= run.began_at <= run.ended_at <= record.ended_at
    [planned] = run.estimate
    assert planned.price is not None


def test_a_task_that_failed_and_its_retry_have_a_record_each(
    execute: Execute, recorded: Recorded, server: EndpointServer
) -> None:
    server.script(Reply(status=400, body="No."))
    with pytest.raises(AirflowFailException) as failed:
        execute(ask(strict="true"))
    execute(ask(strict="true"), ti=task_instance(try_number=2))

    first, second = recorded()

    assert (first.state, first.error, len(first.runs)) == ("failed", str(failed.value), 1)
    assert (second.state, second.error, second.origin.try_number) == ("done", None, 2)


def test_rows_in_quarantine_and_scores_are_kept_a_few_and_short(
    execute: Execute, recorded: Recorded
) -> None:
    sql = f"SELECT n AS id, repeat('x', {2 * LONGEST_CELL}) AS answer FROM range(30) AS t(n)"
    execute(TransformOperator(task_id="a", sql=sql, table="s.answers", log_column="id"))
    execute(
        ExtractJSONOperator(
            task_id="extract",
            source="s.answers",
            column="answer",
            schema="STRUCT<label: STRING>",
            table="s.labels",
            quarantine="s.quarantine",
        )
    )

    logged, extracted = recorded()

    [evaluation] = logged.tables
    assert (evaluation.kind, evaluation.columns) == ("evaluation", ("id", "answer"))
    [quarantine] = extracted.tables
    assert (quarantine.kind, quarantine.caption) == ("quarantine", "s.quarantine")
    assert quarantine.columns[:1] == ("id",)
    assert (quarantine.total, len(quarantine.rows)) == (30, MOST_ROWS)
    raw = quarantine.columns.index("raw")
    assert {len(str(row[raw])) for row in quarantine.rows} == {LONGEST_CELL}


def test_a_task_whose_scores_are_too_bad_is_never_done(
    execute: Execute, recorded: Recorded
) -> None:
    for table in ("found", "truth"):
        sql = f"SELECT 1 AS id, '{table}' AS label"
        execute(TransformOperator(task_id=table, sql=sql, table=f"s.{table}"))
    ti = task_instance("evaluate", xcom_push=lambda **_: None)
    scores = EvaluateOperator(
        task_id="evaluate",
        source="s.found",
        truth="s.truth",
        key="id",
        fields=["label"],
        table="s.scores",
        minimum_f1=0.5,
    )
    with pytest.raises(AirflowFailException, match="below the minimum"):
        execute(scores, ti=ti)

    record = recorded()[-1]

    assert (record.state, record.manifest["f1"]) == ("failed", 0.0)
    [evaluation] = record.tables
    assert [row[0] for row in evaluation.rows] == ["label", "(all)"]


def test_an_error_keeps_out_what_airflow_masks_and_the_text_of_the_statement(
    execute: Execute, recorded: Recorded
) -> None:
    mask_secret("a_secret_of_somebody")
    sql = "SELECT 'my prompt' AS a, a_secret_of_somebody AS b"
    with pytest.raises(AirflowException):
        execute(TransformOperator(task_id="a", sql=sql, table="s.t"))

    [record] = recorded()

    assert record.state == "failed"
    assert "cannot be run" in str(record.error)
    assert "a_secret_of_somebody" not in str(record.error)
    assert "my prompt" not in str(record.error)


def test_a_record_that_cannot_be_written_fails_no_task(
    execute: Execute, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home.mkdir(parents=True)
    (home / "usage.db").write_bytes(b"this is no database at all, " * 100)

    with caplog.at_level(logging.WARNING):
        returned = execute(TransformOperator(task_id="a", sql="SELECT 1 AS n", table="s.t"))

    assert returned["rows"] == 1
    assert "is in no report" in caplog.text
