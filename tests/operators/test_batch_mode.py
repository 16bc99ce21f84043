"""A task that asks in batches leaves its worker while they are out, and comes back to read them."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred

from airquery.connection import close_engines
from airquery.testing import BatchScript, EndpointServer, Reply
from airquery_airflow import AIQueryOperator
from airquery_airflow.batch_mode import MOST_RETURNS
from airquery_airflow.batch_trigger import BatchJobsTrigger
from airquery_airflow.testing import run_day
from tests.operators.conftest import task_instance


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import DAG

    from tests.operators.conftest import Execute, Recorded, Rows

KEY = "sk-0123456789-of-the-endpoint"
QUICK = {"quiet_s": 0.05, "first_poll_s": 0.01, "longest_poll_s": 0.02}
ASK = (
    "SELECT n, ai_query('llm', 'Say ' || n, failOnError => false) AS said"
    " FROM (SELECT unnest(range(3)) AS n)"
)
SAID = [(0, "Say 0"), (1, "Say 1"), (2, "Say 2")]
ROWS = "SELECT n, said.result FROM s.answers ORDER BY n"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    with EndpointServer(api_key=KEY) as server:
        declare(monkeypatch, server)
        server.hold_batches()
        yield server


def declare(monkeypatch: pytest.MonkeyPatch, server: EndpointServer, **fields: object) -> None:
    declared: dict[str, object] = {
        "task": "chat",
        "base_url": f"{server.url}/v1",
        "model": "m",
        "api_key": KEY,
        "mode": "batch",
        "batch": QUICK,
        "price": {"input_per_million": 1_000_000},
        **fields,
    }
    given = {name: value for name, value in declared.items() if value is not None}
    monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(given))


def ask(sql: str = ASK, **given: Any) -> AIQueryOperator:
    return AIQueryOperator(
        task_id="ask", sql=sql, table="s.answers", **{"deferrable": True, **given}
    )


def left_by(execute: Execute, task: AIQueryOperator) -> BatchJobsTrigger:
    """Execute a task that leaves its worker, as its process would; return who waits for it."""
    with pytest.raises(TaskDeferred) as left:
        execute(task)
    close_engines()
    assert left.value.method_name == "resume"
    assert isinstance(left.value.trigger, BatchJobsTrigger)
    return left.value.trigger


def fired(trigger: BatchJobsTrigger) -> dict[str, Any]:
    """Run a trigger as the triggerer makes it, and return what it says."""
    path, given = trigger.serialize()
    assert path == "airquery_airflow.batch_trigger.BatchJobsTrigger"
    again = BatchJobsTrigger(**json.loads(json.dumps(given)))

    async def first() -> dict[str, Any]:
        event = await anext(again.run())
        payload: dict[str, Any] = event.payload
        return payload

    return asyncio.run(first())


def resume(task: AIQueryOperator, event: dict[str, Any]) -> dict[str, Any]:
    task.partition = "2026-10-03"
    context: Any = {"ti": task_instance()}
    return task.resume(context, event)


def sizes(server: EndpointServer) -> list[int]:
    return [len(one.bodies) for one in server.batches]


class WhenLeaving(logging.Handler):
    """Lets the batches of a server end once a task says that it leaves its worker."""

    def __init__(self, server: EndpointServer) -> None:
        super().__init__()
        self._server = server

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("leaving the worker until batch "):
            self._server.hold_batches(held=False)


class Kill(logging.Handler):
    """Kills a task once it tells how far it is and its job has been looked at."""

    def __init__(self, task: AIQueryOperator, server: EndpointServer) -> None:
        super().__init__()
        self._task = task
        self._server = server

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.INFO and any(one.looked_at for one in self._server.batches):
            self._task.on_kill()


@contextmanager
def heard(name: str, handler: logging.Handler) -> Iterator[None]:
    """Let a handler hear what a module logs."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.mark.usefixtures("metadata_database")
def test_in_a_dag_the_task_defers_lands_what_came_and_publishes(
    dag: DAG, rows: Rows, server: EndpointServer
) -> None:
    ask(dag=dag)

    with heard("airquery_airflow.ai_query", WhenLeaving(server)):
        ran = run_day(dag, date(2026, 10, 3))

    manifest = ran.returned["ask"]
    assert (ran.state, ran.tasks) == ("success", {"ask": "success"})
    assert (manifest["requests_sent"], manifest["price"], manifest["rows"]) == (3, 3.0, 3)
    assert (sizes(server), server.count) == ([3], 0)
    assert rows(ROWS) == SAID


def test_a_retry_waits_for_the_same_job_and_a_rerun_pays_nothing(
    execute: Execute, rows: Rows, server: EndpointServer, recorded: Recorded
) -> None:
    first = left_by(execute, ask())
    retried = left_by(execute, ask())
    server.hold_batches(held=False)

    event = fired(retried)
    manifest = resume(ask(), event)
    again = execute(ask())

    assert first.serialize() == retried.serialize()
    [job] = event["jobs"]
    assert (job["endpoint"], job["batch"], job["requests"]) == ("llm", "batch-0", 3)
    assert (job["ended"], event["problem"], event["returns"]) == ("completed", "", 1)
    assert (manifest["requests_sent"], again["requests_sent"], again["from_journal"]) == (3, 0, 3)
    assert sizes(server) == [3]
    assert rows(ROWS) == SAID
    assert [(one.state, one.error, len(one.runs)) for one in recorded()] == [
        ("deferred", None, 1),
        ("deferred", None, 1),
        ("done", None, 1),
        ("done", None, 1),
    ]


def test_who_waits_reads_the_key_from_the_connection_and_holds_none(
    execute: Execute, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRQUERY_ENDPOINT_LLM")
    connection = {
        "conn_type": "airquery_endpoint",
        "host": f"{server.url}/v1",
        "password": KEY,
        "extra": {"model": "m", "mode": "batch", "batch": QUICK},
    }
    monkeypatch.setenv("AIRFLOW_CONN_LLM", json.dumps(connection))
    trigger = left_by(execute, ask())
    server.hold_batches(held=False)

    event = fired(trigger)

    assert (event["jobs"][0]["ended"], event["problem"]) == ("completed", "")
    assert KEY not in repr(trigger) + json.dumps(event)


def test_the_trigger_looks_again_when_the_provider_is_away(
    execute: Execute, server: EndpointServer
) -> None:
    trigger = left_by(execute, ask())
    server.batches[0].trouble.extend([Reply(status=503), Reply.drop(), Reply(status=429)])
    server.hold_batches(held=False)

    event = fired(trigger)

    assert not server.batches[0].trouble
    assert (event["jobs"][0]["ended"], event["problem"]) == ("completed", "")


def test_an_expired_job_is_named_with_its_endpoint_and_the_next_step(
    execute: Execute, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(monkeypatch, server, limits={"max_attempts": 1})
    server.script_batches(BatchScript(ends="expired", answered=1))
    strict = ask(ASK.replace("false", "true"))
    event = fired(left_by_held(execute, strict, server))

    with pytest.raises(AirflowException) as failed:
        resume(strict, event)

    assert event["jobs"][0]["ended"] == "expired"
    assert not isinstance(failed.value, AirflowFailException)
    assert "Endpoint 'llm': batch batch-0 ran out of time before this request" in str(failed.value)
    assert "Run it again" in str(failed.value)


def left_by_held(
    execute: Execute, task: AIQueryOperator, server: EndpointServer
) -> BatchJobsTrigger:
    trigger = left_by(execute, task)
    server.hold_batches(held=False)
    return trigger


def test_what_goes_again_is_waited_for_again_but_not_for_ever(
    execute: Execute, server: EndpointServer
) -> None:
    server.script_batches(BatchScript(ends="expired", answered=1), BatchScript(running=1_000_000))
    event = fired(left_by_held(execute, ask(), server))
    with pytest.raises(TaskDeferred) as left:
        resume(ask(), event)
    close_engines()
    server.batches[1].looks = 1_000_000
    again = left.value.trigger
    back = {"jobs": [], "problem": "", "returns": MOST_RETURNS, "carried": again.carried}
    manifest = resume(ask(), back)

    assert (again.jobs[0]["batch"], again.jobs[0]["requests"], again.returns) == ("batch-1", 2, 1)
    # The manifest tells what was paid in all, before and after.
    assert (sizes(server), again.carried["earlier"]["sent"]) == ([3, 2], 1)
    paid = [manifest[name] for name in ("requests_sent", "from_journal", "failed", "price")]
    assert paid == [3, 0, 0, 3.0]


def test_after_too_many_returns_or_without_deferral_the_worker_waits(
    execute: Execute, server: EndpointServer
) -> None:
    server.hold_batches(held=False)

    in_worker = execute(ask(deferrable=False))
    event = {"jobs": [], "returns": MOST_RETURNS, "problem": "", "carried": {}}
    at_last = resume(ask(ASK.replace("Say", "Tell")), event)

    assert (in_worker["requests_sent"], at_last["requests_sent"]) == (3, 3)


def test_a_triggerer_that_does_not_know_the_endpoint_fails_the_task_with_what_to_do(
    execute: Execute, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = left_by(execute, ask())
    with monkeypatch.context() as triggerer:
        triggerer.delenv("AIRQUERY_ENDPOINT_LLM")
        event = fired(trigger)

    with pytest.raises(AirflowFailException) as failed:
        resume(ask(), event)

    assert event["jobs"][0]["ended"] == "unknown"
    assert (
        "The triggerer cannot wait for batch batch-0 of endpoint 'llm' (3 requests). "
        "Endpoint 'llm' is not registered."
    ) in str(failed.value)
    assert "not submitted again" in str(failed.value)
    assert sizes(server) == [3]


@pytest.mark.parametrize("cancels", [True, False])
def test_a_user_who_kills_the_waiting_task_stops_the_job_only_if_that_was_wished(
    execute: Execute, server: EndpointServer, cancels: bool
) -> None:
    trigger = left_by(execute, ask(cancel_on_kill=cancels))

    asyncio.run(trigger.on_kill())

    assert server.batches[0].cancelled is cancels


@pytest.mark.parametrize("cancels", [True, False])
def test_a_task_that_is_killed_in_its_worker_stops_the_job_only_if_that_was_wished(
    server: EndpointServer, cancels: bool
) -> None:
    task = ask(cancel_on_kill=cancels, deferrable=False, progress_every_s=0.0)
    came = {"jobs": [], "returns": 0, "problem": "", "carried": {}}

    with (
        heard("airquery_airflow.progress", Kill(task, server)),
        pytest.raises(AirflowException, match="Batch jobs stay at the provider"),
    ):
        resume(task, came)

    assert server.batches[0].cancelled is cancels


def test_the_mode_of_the_task_goes_before_that_of_the_endpoint(
    execute: Execute, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = execute(ask(mode="online"))
    declare(monkeypatch, server, mode=None, batch=None)
    other = ASK.replace("Say", "Tell")
    later = left_by(execute, ask(other, mode="batch", deferrable=None))

    assert (online["requests_sent"], server.count) == (3, 3)
    assert (later.jobs[0]["requests"], sizes(server)) == (3, [3])


def test_a_mode_that_the_provider_does_not_have_fails_at_once(
    execute: Execute, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(monkeypatch, server, mode=None, batch=None, task="completions")

    with pytest.raises(AirflowFailException) as failed:
        execute(ask(mode="batch"))

    assert "provider 'openai' has no batch API for task 'completions'" in str(failed.value)
    assert (sizes(server), server.count) == ([], 0)
