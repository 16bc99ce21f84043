from __future__ import annotations

import json
import logging
import threading
from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery_airflow import TransformOperator, ValidateOperator, testing
from tests.operators.conftest import DAY, task_instance


if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import DAG

    from tests.operators.conftest import Execute, Recorded, Rows

LABELS = (
    "SELECT * FROM (VALUES (1, 'good'), (2, 'bad'), (3, NULL), (3, 'odd')) AS labels (id, label)"
)


def suite(path: Path, *expectations: dict[str, Any]) -> str:
    path.write_text(json.dumps({"name": "labels", "expectations": expectations}))
    return str(path)


def not_null(severity: str) -> dict[str, Any]:
    return {
        "type": "expect_column_values_to_not_be_null",
        "kwargs": {"column": "label"},
        "severity": severity,
    }


def in_set(severity: str) -> dict[str, Any]:
    return {
        "type": "expect_column_values_to_be_in_set",
        "kwargs": {"column": "label", "value_set": ["good", "bad"]},
        "severity": severity,
    }


@pytest.fixture
def labels(execute: Execute) -> None:
    execute(TransformOperator(task_id="labels", sql=LABELS, table="s.labels"))


@pytest.mark.usefixtures("labels")
def test_a_partition_that_meets_its_suite_succeeds(execute: Execute, tmp_path: Path) -> None:
    holds = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 4}}
    asset = Asset("labels")
    events: dict[Asset, Any] = {asset: SimpleNamespace()}
    task = ValidateOperator(
        task_id="validate",
        table="s.labels",
        suite=suite(tmp_path / "suite.json", holds),
        outlets=[asset],
    )

    returned = execute(task, events=events)

    assert events[asset].extra == returned
    assert returned == {
        "suite": "labels",
        "table": "s.labels",
        "partition": "2026-10-03",
        "success": True,
        "worst_severity": None,
        "expectations": 1,
        "failed_by_severity": {},
        "failed": [],
        "quarantined": None,
    }


@pytest.mark.usefixtures("labels")
def test_a_warning_is_logged_with_its_counts_and_the_task_succeeds(
    execute: Execute, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = ValidateOperator(
        task_id="validate",
        table="s.labels",
        suite=suite(tmp_path / "suite.json", not_null("warning"), in_set("info")),
    )

    with caplog.at_level(logging.INFO):
        returned = execute(task)

    assert returned["worst_severity"] == "warning"
    assert returned["failed_by_severity"] == {"warning": 1, "info": 1}
    said = {
        record.levelname: record.message for record in caplog.records if "1 of 4" in record.message
    }
    assert said.keys() == {"WARNING", "INFO"}
    assert said["WARNING"].startswith("warning: expect_column_values_to_not_be_null (label): ")
    assert said["INFO"].startswith("info: expect_column_values_to_be_in_set (label): ")


@pytest.mark.usefixtures("labels")
def test_a_critical_failure_fails_the_task_at_once_and_names_what_does_not_hold(
    execute: Execute, recorded: Recorded, tmp_path: Path
) -> None:
    pushed: list[tuple[str, Any]] = []
    ti = task_instance("validate", xcom_push=lambda *, key, value: pushed.append((key, value)))
    task = ValidateOperator(
        task_id="validate",
        table="s.labels",
        suite=suite(tmp_path / "suite.json", not_null("critical"), in_set("warning")),
    )

    with pytest.raises(AirflowFailException) as caught:
        execute(task, ti=ti)

    message = str(caught.value)
    assert message.startswith(
        "Partition '2026-10-03' of 's.labels' does not meet the suite 'labels': "
        "expect_column_values_to_not_be_null (label): "
    )
    assert "1 of 4" in message
    assert "in_set" not in message
    ((key, summary),) = pushed
    assert key == "return_value"
    assert summary["failed"] == [
        "expect_column_values_to_not_be_null (label)",
        "expect_column_values_to_be_in_set (label)",
    ]
    record = recorded()[-1]
    assert (record.state, record.error) == ("failed", message)
    assert record.manifest == summary


@pytest.mark.usefixtures("labels")
def test_the_summary_stays_small_however_much_fails(execute: Execute, tmp_path: Path) -> None:
    task = ValidateOperator(
        task_id="validate",
        table="s.labels",
        suite=suite(tmp_path / "suite.json", *[not_null("warning")] * 40),
    )

    returned = execute(task)

    assert returned["failed_by_severity"] == {"warning": 40}
    assert len(json.dumps(returned)) < 1024


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no JSON"),
        ('{"name": "s", "expectations": []}', "at least one expectation"),
    ],
)
@pytest.mark.usefixtures("labels")
def test_a_suite_that_cannot_be_read_fails_at_once(
    execute: Execute, tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "suite.json"
    path.write_text(content)

    with pytest.raises(AirflowFailException, match=said):
        execute(ValidateOperator(task_id="validate", table="s.labels", suite=str(path)))


@pytest.mark.usefixtures("labels")
def test_a_killed_check_stops_what_duckdb_is_doing(tmp_path: Path) -> None:
    endless = {
        "type": "unexpected_rows_expectation",
        "kwargs": {
            "unexpected_rows_query": "SELECT a.range FROM range(1000000) AS a, range(1000000) AS b, "
            "{batch} WHERE a.range + b.range = -1"
        },
    }
    task = ValidateOperator(
        task_id="validate",
        table="s.labels",
        suite=suite(tmp_path / "suite.json", endless, endless),
        partition="2026-10-03",
    )
    caught: list[BaseException] = []

    def run() -> None:
        try:
            task.execute({"ti": task_instance("validate")})  # type: ignore[typeddict-item]
        except AirflowException as error:
            caught.append(error)

    running = threading.Thread(target=run)
    running.start()
    while running.is_alive() and not task._interrupts:
        running.join(timeout=0.01)
    task.on_kill()
    running.join(timeout=60)

    assert not running.is_alive()
    assert "was cancelled" in str(caught[0])
    assert not isinstance(caught[0], AirflowFailException)


def test_a_partition_without_a_name_is_refused(execute: Execute) -> None:
    task = ValidateOperator(task_id="v", table="s.t", suite="s.json", partition="{{ params.day }}")

    with pytest.raises(AirflowFailException, match="No partition is named"):
        execute(task, params={"day": None})


@pytest.mark.usefixtures("labels")
def test_failing_rows_go_to_quarantine_by_their_key_and_what_was_found_is_kept(
    execute: Execute, rows: Rows, recorded: Recorded, tmp_path: Path
) -> None:
    task = ValidateOperator(
        task_id="validate",
        table="s.labels",
        suite=suite(tmp_path / "suite.json", not_null("warning"), in_set("info")),
        key="id",
    )

    assert execute(task)["quarantined"] == 2
    assert rows(
        "SELECT id, column_name, severity, raw, partition_key FROM s.labels_quarantine ORDER BY ALL"
    ) == [(3, "label", "info", "odd", DAY), (3, "label", "warning", None, DAY)]
    assert rows(
        "SELECT dag_id, run_id, task_id, try_number, table_name, checked_partition, expectation, "
        "severity, success, unexpected_count FROM airquery.validation_results ORDER BY position"
    ) == [
        ("pipeline", "manual", "validate", 1, "s.labels", DAY, kind["type"], severity, False, 1)
        for kind, severity in ((not_null(""), "warning"), (in_set(""), "info"))
    ]
    validation, quarantine = recorded()[-1].tables
    assert (validation.kind, validation.caption) == ("validation", "s.labels")
    assert [row[3:] for row in validation.rows] == [("does not hold", None, "1", "4")] * 2
    assert (quarantine.kind, quarantine.caption) == ("quarantine", "s.labels_quarantine")
    assert (quarantine.total, len(quarantine.rows)) == (2, 2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"quarantine": "s.bad"}, r"The quarantine 's\.bad' needs a key"),
        ({"key": ["idd"]}, r"no column 'idd'\. Did you mean 'id'"),
    ],
)
@pytest.mark.usefixtures("labels")
def test_a_quarantine_without_a_key_that_the_table_has_fails_at_once(
    execute: Execute, tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    path = suite(tmp_path / "suite.json", not_null("warning"))
    with pytest.raises(AirflowFailException, match=said):
        execute(ValidateOperator(task_id="validate", table="s.labels", suite=path, **given))


@pytest.mark.parametrize("actions", [{"fatal": "fail"}, {"warning": "stop"}])
def test_an_action_that_there_is_not_is_refused_when_the_dag_is_parsed(
    actions: dict[Any, Any],
) -> None:
    with pytest.raises(ValueError, match="A severity is one of info, warning, critical, an action"):
        ValidateOperator(task_id="validate", table="s.t", suite="s.json", actions=actions)


@pytest.mark.usefixtures("metadata_database")
def test_a_severity_may_skip_what_follows_and_fail_nothing(
    dag: DAG, rows: Rows, tmp_path: Path
) -> None:
    path = suite(tmp_path / "suite.json", not_null("warning"), in_set("critical"))
    with dag:
        labels = TransformOperator(task_id="labels", sql=LABELS, table="s.labels")
        kinder = ValidateOperator(
            task_id="warn", table="s.labels", suite=path, actions={"critical": "warn"}
        )
        skips = ValidateOperator(
            task_id="skip",
            table="s.labels",
            suite=path,
            actions={"warning": "skip", "critical": "log"},
        )
        after = TransformOperator(task_id="after", sql="SELECT 1 AS a", table="s.after")
        labels >> kinder >> skips >> after

    ran = testing.run_day(dag, date(2026, 10, 3))

    assert (ran.state, ran.tasks) == (
        "success",
        {"labels": "success", "warn": "success", "skip": "skipped", "after": "skipped"},
    )
    assert ran.returned["skip"]["failed_by_severity"] == {"warning": 1, "critical": 1}
    assert rows("SELECT DISTINCT task_id FROM airquery.validation_results ORDER BY ALL") == [
        ("skip",),
        ("warn",),
    ]
