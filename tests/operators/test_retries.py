"""What Airflow does after a failure, by `dag.test()`: tried once, or later with the reason logged."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airquery.testing import EndpointServer, Reply
from airquery_airflow import AIQueryOperator, retry_policy
from airquery_airflow.failures import EndpointAway, JournalAway, RateLimited
from airquery_airflow.testing import run_day


if TYPE_CHECKING:
    from airquery_airflow.testing import DayRun


if retry_policy() is None:
    pytest.skip("Airflow 3.2 has no retry policies", allow_module_level=True)

from airflow.sdk import ExceptionRetryPolicy, RetryAction


UNDEFINED: type[Exception] = import_module("jinja2").UndefinedError


def run_against(
    server: EndpointServer,
    monkeypatch: pytest.MonkeyPatch,
    *,
    sql: str = "SELECT ai_query('llm', 'Hi') AS hi",
) -> tuple[DayRun, list[tuple[str, int, type[BaseException]]]]:
    """Run one task that may be tried twice; return what its callbacks were told."""
    declared = {
        "task": "chat",
        "base_url": f"{server.url}/v1",
        "model": "m",
        "limits": {"max_attempts": 1, "deadline_s": 0.5},
    }
    monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))
    told: list[tuple[str, int, type[BaseException]]] = []

    def tell(context: Any) -> None:
        ti = context["ti"]
        told.append((ti.state.value, ti.try_number, type(context["exception"])))

    with DAG("retried", schedule=None, start_date=datetime(2026, 10, 1, tzinfo=UTC)) as dag:
        AIQueryOperator(
            task_id="ask",
            sql=sql,
            table="s.answers",
            retries=1,
            retry_delay=timedelta(hours=1),
            retry_policy=retry_policy(rate_limited=timedelta(0), endpoint_away=timedelta(0)),
            on_retry_callback=tell,
            on_failure_callback=tell,
        )
    return run_day(dag, date(2026, 10, 3)), told


@pytest.mark.usefixtures("metadata_database")
def test_a_refused_key_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with EndpointServer(api_key="sk-another-one") as server:
        ran, told = run_against(server, monkeypatch)

    assert ran.tasks == {"ask": "failed"}
    assert [(state, number, kind.__name__) for state, number, kind in told] == [
        ("failed", 1, "EndpointRefuses")
    ]
    assert server.count == 1


@pytest.mark.usefixtures("metadata_database")
def test_an_endpoint_that_takes_no_more_is_tried_again_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with EndpointServer(answer=lambda _: Reply(status=429)) as server:
        ran, told = run_against(server, monkeypatch)

    assert ran.tasks == {"ask": "failed"}
    assert [(state, number) for state, number, _ in told] == [
        ("up_for_retry", 1),
        ("failed", 2),
    ]
    assert {kind for _, _, kind in told} == {RateLimited}
    said = "".join(capfd.readouterr())
    assert "Retry policy decision" in said
    assert "reason='An endpoint takes no more requests for now. What was answered is kept" in said


@pytest.mark.parametrize(
    ("exception", "action", "delay"),
    [
        (RateLimited("429"), RetryAction.RETRY, timedelta(minutes=10)),
        (EndpointAway("503"), RetryAction.RETRY, timedelta(minutes=5)),
        (JournalAway("locked"), RetryAction.RETRY, None),
        (UNDEFINED("'ds' is undefined"), RetryAction.FAIL, None),
        (ValueError("who knows"), RetryAction.DEFAULT, None),
    ],
)
def test_the_preset_says_of_each_failure_whether_and_when_it_is_tried_again(
    exception: Exception, action: RetryAction, delay: timedelta | None
) -> None:
    policy = retry_policy()
    assert isinstance(policy, ExceptionRetryPolicy)

    decision = policy.evaluate(exception, try_number=1, max_tries=2)

    assert (decision.action, decision.retry_delay) == (action, delay)
    assert (decision.reason is None) == (action is RetryAction.DEFAULT)


def test_the_policy_survives_being_stored() -> None:
    policy = retry_policy()
    assert isinstance(policy, ExceptionRetryPolicy)

    again = ExceptionRetryPolicy.deserialize(json.loads(json.dumps(policy.serialize())))

    assert again.serialize() == policy.serialize()
