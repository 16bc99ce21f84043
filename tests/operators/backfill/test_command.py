"""`airquery backfill` against an API by script: what it makes, follows, refuses and ends with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.operators.backfill.scripted_api import BACKFILL, Reply, listed, planned, run


if TYPE_CHECKING:
    from tests.operators.backfill.conftest import Backfill
    from tests.operators.backfill.scripted_api import ScriptedApi

DAYS = ("2026-11-01", "2026-11-02", "2026-11-03")
RUNS = "GET /dags/daily/dagRuns"
CREATE = "POST /backfills"
ALL_GOOD = listed("dag_runs", *(run(day, "success") for day in DAYS))
RUNNING = listed("dag_runs", run(DAYS[0], "success"), run(DAYS[1], "running"))
CONFLICT = Reply(409, {"detail": "There is already a running backfill"})
TASKS = "/dags/daily/dagRuns/backfill__2026-11-02/taskInstances"


def open_backfill(api: ScriptedApi, **more: object) -> None:
    """Let a new backfill be made, which stays open."""
    api.script(CREATE, Reply(200, {**BACKFILL, **more}))
    api.script("GET /backfills/7", Reply(200, {**BACKFILL, **more}))


def test_a_good_range_is_planned_made_and_followed_to_its_end(
    api: ScriptedApi, backfill: Backfill
) -> None:
    api.script("POST /backfills/dry_run", planned(*DAYS))
    open_backfill(api)
    api.script(RUNS, RUNNING, ALL_GOOD)

    ended = backfill("--reprocess", "failed", "--conf", '{"llm": "x"}', "--max-active-runs", "2")

    assert ended.code == 0
    assert ended.out.splitlines()[-1] == "daily: 3 days: 3 success"
    assert ended.err.splitlines()[1:] == [
        "3 days: 1 success, 1 running, 1 missing",
        "3 days: 3 success",
    ]
    assert api.requests(CREATE) == [
        {
            "dag_id": "daily",
            "from_date": "2026-11-01T00:00:00+00:00",
            "to_date": "2026-11-03T23:59:59+00:00",
            "reprocess_behavior": "failed",
            "max_active_runs": 2,
            "dag_run_conf": {"llm": "x"},
        }
    ]


def test_a_failed_day_ends_with_4_and_names_its_tasks_and_their_logs(
    api: ScriptedApi, backfill: Backfill
) -> None:
    api.script("POST /backfills/dry_run", planned(*DAYS[:2]))
    open_backfill(api)
    api.script(RUNS, listed("dag_runs", run(DAYS[0], "success"), run(DAYS[1], "failed")))
    its = {"dag_run_id": "backfill__2026-11-02"}
    failed = [
        {**its, "task_id": "infer", "map_index": -1, "try_number": 3},
        {**its, "task_id": "ask", "map_index": 4, "try_number": 1},
    ]
    api.script(f"GET {TASKS}", listed("task_instances", *failed))

    ended = backfill("--output", "markdown")

    assert ended.code == 4
    tasks = f"{api.url}/dags/daily/runs/backfill__2026-11-02/tasks"
    assert ended.out.rstrip().splitlines()[-2:] == [
        f"* [infer (try 3)]({tasks}/infer?try_number=3)",
        f"* [ask\\[4\\] (try 1)]({tasks}/ask/mapped/4?try_number=1)",
    ]


def test_a_run_that_failed_without_a_task_is_said_to_have_been_stopped(
    api: ScriptedApi, backfill: Backfill
) -> None:
    api.script("POST /backfills/dry_run", planned(DAYS[1]))
    open_backfill(api)
    api.script(RUNS, listed("dag_runs", run(DAYS[1], "failed")))
    api.script(f"GET {TASKS}", listed("task_instances"))

    assert "no task failed: the run was stopped, or took too long" in backfill().out


def test_a_dry_run_says_the_days_and_their_price_and_makes_nothing(
    api: ScriptedApi, backfill: Backfill
) -> None:
    api.script("POST /backfills/dry_run", planned(*DAYS))
    earlier = {"dag_run_id": "old", "task_id": "infer", "map_index": -1}
    api.script("GET /dags/daily/dagRuns/~/taskInstances", listed("task_instances", earlier))
    paid = {"requests_sent": 10, "from_journal": 0, "price": 0.5, "currency": "USD"}
    entry = "GET /dags/daily/dagRuns/old/taskInstances/infer/xcomEntries/return_value"
    api.script(entry, Reply(200, {"value": paid}))

    ended = backfill("--dry-run", "--output", "json")

    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out) == {
        "dag_id": "daily",
        "planned": [f"{day} 03:00" for day in DAYS],
        "forecast": {"days": 3, "runs": 1, "requests": 30, "prices": {"USD": 1.5}},
    }
    assert api.requests(CREATE) == []


def test_who_may_not_read_what_tasks_returned_still_gets_the_plan(
    api: ScriptedApi, backfill: Backfill
) -> None:
    api.script("POST /backfills/dry_run", planned(DAYS[0]))
    api.script("GET /dags/daily/dagRuns/~/taskInstances", Reply(403, {"detail": "Forbidden"}))

    ended = backfill("--dry-run")

    assert ended.code == 0
    assert ended.err.startswith("the price is not known. Airflow does not allow it (403)")
    assert "1 to run of daily" in ended.out


def test_nothing_to_run_ends_with_the_state_of_what_has_run(
    api: ScriptedApi, backfill: Backfill
) -> None:
    api.script("POST /backfills/dry_run", planned())
    api.script(RUNS, ALL_GOOD)
    assert backfill().code == 0

    api.script(RUNS, listed("dag_runs", run(DAYS[0], "failed")))
    ended = backfill()

    assert ended.code == 4
    assert "run again with --reprocess failed" in ended.err
    assert api.requests(CREATE) == []


def test_the_same_backfill_that_runs_already_is_followed(
    api: ScriptedApi, backfill: Backfill
) -> None:
    api.script("GET /backfills", listed("backfills", BACKFILL))
    api.script("GET /backfills/7", Reply(200, {**BACKFILL, "completed_at": "2026-11-10T01:00:00Z"}))
    api.script(RUNS, RUNNING, ALL_GOOD)

    ended = backfill()

    assert ended.code == 0
    assert "runs already: following it" in ended.err
    assert api.requests(CREATE) == []


def test_one_that_was_made_between_plan_and_order_is_followed(
    api: ScriptedApi, backfill: Backfill
) -> None:
    api.script("GET /backfills", listed("backfills"), listed("backfills", BACKFILL))
    api.script("POST /backfills/dry_run", planned(*DAYS))
    api.script(CREATE, CONFLICT)
    api.script("GET /backfills/7", Reply(200, {**BACKFILL, "completed_at": "2026-11-10T01:00:00Z"}))
    api.script(RUNS, RUNNING, ALL_GOOD)

    assert backfill().code == 0


def test_another_backfill_that_runs_is_in_the_way(api: ScriptedApi, backfill: Backfill) -> None:
    api.script("GET /backfills", listed("backfills", {**BACKFILL, "reprocess_behavior": "failed"}))
    api.script(RUNS, RUNNING)

    ended = backfill()

    assert ended.code == 1
    assert "Backfill 7 of daily" in ended.err
    assert "airquery backfill --dag daily --cancel" in ended.err


def test_one_without_a_run_left_is_waited_for_until_it_is_closed(
    api: ScriptedApi, backfill: Backfill
) -> None:
    api.script("GET /backfills", listed("backfills", BACKFILL), listed("backfills"))
    api.script("POST /backfills/dry_run", planned(*DAYS))
    open_backfill(api)
    api.script(RUNS, ALL_GOOD)

    ended = backfill()

    assert ended.code == 0
    assert "has no run left: waiting until Airflow closes it" in ended.err
    assert len(api.requests(CREATE)) == 1


def test_a_backfill_that_lost_its_runs_ends_when_it_is_closed(
    api: ScriptedApi, backfill: Backfill
) -> None:
    api.script("POST /backfills/dry_run", planned(*DAYS))
    api.script(CREATE, Reply(200, BACKFILL))
    closed = Reply(200, {**BACKFILL, "completed_at": "2026-11-10T01:00:00Z"})
    api.script("GET /backfills/7", Reply(200, BACKFILL), closed)

    ended = backfill()

    assert ended.code == 4
    assert "Airflow made no run for it" in ended.out


def test_a_backfill_that_somebody_paused_is_said_once(api: ScriptedApi, backfill: Backfill) -> None:
    api.script("POST /backfills/dry_run", planned(DAYS[0]))
    open_backfill(api, is_paused=True)
    api.script(RUNS, RUNNING, RUNNING, ALL_GOOD)

    assert backfill().err.count("is paused: somebody has to unpause it") == 1


def test_the_time_allowed_ends_looking_and_not_the_runs(
    api: ScriptedApi, backfill: Backfill
) -> None:
    api.script("POST /backfills/dry_run", planned(*DAYS))
    open_backfill(api)
    api.script(RUNS, RUNNING)

    ended = backfill("--timeout-minutes", "0")

    assert ended.code == 5
    assert "Backfill 7 of daily (2026-11-01 00:00 to 2026-11-03 23:59:59) goes on" in ended.err


@pytest.mark.parametrize(
    ("waited_for", "said"),
    [
        ("POST /backfills/dry_run", "if a backfill was made, it goes on in Airflow"),
        (CREATE, "if a backfill was made, it goes on in Airflow"),
        (
            "GET /backfills/7",
            "Backfill 7 of daily (2026-11-01 00:00 to 2026-11-03 23:59:59) goes on",
        ),
        ("GET /dags/daily/details", "nothing was begun"),
    ],
)
def test_whatever_it_waits_for_a_signal_ends_it_with_130_and_what_goes_on(
    api: ScriptedApi, backfill: Backfill, waited_for: str, said: str
) -> None:
    api.script("POST /backfills/dry_run", planned(*DAYS))
    open_backfill(api)
    api.script(RUNS, RUNNING)
    api.script(waited_for, Reply(200, BACKFILL, delay_s=0.2, stops=True))

    ended = backfill()

    assert (ended.code, ended.out) == (130, "")
    assert f"interrupted: {said}" in ended.err


def test_a_plan_that_is_too_long_is_refused(api: ScriptedApi, backfill: Backfill) -> None:
    api.script("POST /backfills/dry_run", planned(*DAYS))

    ended = backfill("--max-days", "2")

    assert ended.code == 1
    assert "3 runs are planned, more than --max-days 2." in ended.err
    assert api.requests(CREATE) == []


def test_a_paused_dag_is_refused_and_planned_with_a_note(
    api: ScriptedApi, backfill: Backfill
) -> None:
    paused = {"is_paused": True, "timezone": "UTC", "timetable_partitioned": False}
    api.script("GET /dags/daily/details", Reply(200, paused))
    api.script("POST /backfills/dry_run", planned(DAYS[0]))

    assert "DAG 'daily' is paused" in backfill("--dry-run").err
    ended = backfill()

    assert (ended.code, api.requests(CREATE)) == (1, [])
    assert "would wait for ever" in ended.err


def test_a_dag_that_is_not_there_is_named(api: ScriptedApi, backfill: Backfill) -> None:
    api.script("GET /dags/daily/details", Reply(404, {"detail": "not found"}))

    assert f"There is no DAG 'daily' at {api.url}." in backfill().err


def test_partitions_are_followed_by_their_dates(api: ScriptedApi, backfill: Backfill) -> None:
    partitioned = {"is_paused": False, "timezone": "UTC", "timetable_partitioned": True}
    api.script("GET /dags/daily/details", Reply(200, partitioned))
    api.script("POST /backfills/dry_run", Reply(200, {"backfills": [{"partition_key": "11-01"}]}))
    open_backfill(api)
    mine = {
        "logical_date": None,
        "partition_key": "11-01",
        "partition_date": "2026-11-01T00:00:00Z",
    }
    outside = {**mine, "partition_key": "11-04", "partition_date": "2026-11-04T00:00:00Z"}
    found = [run("a", "success", **mine), run("b", "failed", **outside)]
    api.script(RUNS, listed("dag_runs", *found))

    ended = backfill()

    assert (ended.code, ended.out.splitlines()[0]) == (0, "11-01  success")
    queries = [query for what, query, _, _ in api.asked if what == RUNS]
    assert queries[0]["partition_date_lte"] == ["2026-11-03"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--conf", "[1]"], "--conf must be a JSON object."),
        (["--conf", "{"], "--conf is not JSON"),
        (["--to", "2026-10-01"], "Change them over."),
        (["--reprocess", "all"], "--reprocess"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage_before_anything_is_asked(
    api: ScriptedApi, backfill: Backfill, arguments: list[str], said: str
) -> None:
    ended = backfill(*arguments)

    assert (ended.code, api.asked) == (2, [])
    assert said in ended.err


def test_cancelling_ends_the_running_backfill(api: ScriptedApi, backfill: Backfill) -> None:
    assert backfill("--cancel").err == "No backfill of daily is running.\n"

    api.script("GET /backfills", listed("backfills", BACKFILL))
    api.script("PUT /backfills/7/cancel", Reply(200, BACKFILL), Reply(409))
    for _ in range(2):
        ended = backfill("--cancel")
        assert (ended.code, "is cancelled: its queued runs fail" in ended.err) == (0, True)
