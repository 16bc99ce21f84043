"""What a task may spend, what it says it would, and how many of its rows may fail."""

from __future__ import annotations

import json
import logging
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

import airquery
from airquery.clock import SystemClock
from airquery.connection import close_engines
from airquery.journal.opening import open_journal
from airquery.journal.spent import Spent, utc_day
from airquery.testing import EndpointServer, Reply
from airquery_airflow import AIQueryOperator
from airquery_airflow.spending import budgets


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow.sdk import DAG

    from tests.operators.conftest import Execute, Rows

ASK = (
    "SELECT n, ai_query('llm', 'Say ' || n, failOnError => false) AS said"
    " FROM (SELECT unnest(range(5)) AS n)"
)
PRICE = {"input_per_million": 1_000_000, "output_per_million": 1_000_000}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    with EndpointServer() as server:
        declared = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m", "price": PRICE}
        monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))
        yield server


def ask(sql: str = ASK, **given: Any) -> AIQueryOperator:
    return AIQueryOperator(task_id="ask", sql=sql, table="s.answers", **given)


def test_a_task_without_room_publishes_nothing_fails_for_good_and_is_finished_with_more(
    execute: Execute, rows: Rows, server: EndpointServer
) -> None:
    with pytest.raises(AirflowFailException) as failed:
        execute(ask(budget={"requests": "{{ params.most }}"}), params={"most": 2})

    assert str(failed.value).startswith(
        "3 of 5 requests were not sent, so nothing was published. 2 were, for 4 + 4 tokens and "
        "8.000000 USD; what they answered is kept. [AI_FUNCTION_BUDGET_EXCEEDED] The request was not "
        "sent: it does not fit the budget of 2 requests. Run it again with a larger budget"
    )
    returned = execute(ask(budget={"requests": 3, "money": ""}))
    assert (returned["outcome"], returned["requests_sent"], returned["from_journal"]) == (
        "complete",
        3,
        2,
    )
    assert server.count == 5
    assert rows("SELECT count(*) FROM s.answers") == [(5,)]


def test_the_tasks_of_a_dag_share_its_budget_of_the_day(
    execute: Execute, dag: DAG, server: EndpointServer, home: Path
) -> None:
    daily = {"per_day": {"requests": 7}}
    one = ask(dag=dag, budget=daily)
    two = AIQueryOperator(
        task_id="two", dag=dag, sql=ASK.replace("Say", "Tell"), table="s.two", budget=daily
    )
    execute(one)
    with pytest.raises(AirflowFailException, match="7 requests a day of 'dag:pipeline': on 20"):
        execute(two)

    assert server.count == 7
    close_engines()
    with closing(open_journal(f"sqlite:///{home / 'journal.db'}")) as journal:
        assert Spent("dag:pipeline", "USD", 7, 28, 28.0) in journal.spent(
            utc_day(SystemClock().time())
        )


def test_a_dry_run_says_what_it_would_cost_and_sends_and_writes_nothing(
    execute: Execute, server: EndpointServer, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        returned = execute(ask(dry_run=True))

    assert (server.count, (home / "warehouse").exists()) == (0, False)
    assert {name: returned[name] for name in ("dry_run", "table", "requests_new", "notes")} == {
        "dry_run": True,
        "table": "s.answers",
        "requests_new": 5,
        "notes": [],
    }
    assert [one["endpoint"] for one in returned["endpoints"]] == ["llm"]
    assert json.loads(json.dumps(returned)) == returned
    assert "llm: 5 rows, 5 requests, 0 in the journal, 5 to send for" in caplog.text


@pytest.mark.parametrize(("most", "is_published"), [(0.2, True), (0.1, False)])
def test_a_task_fails_when_more_requests_failed_than_may(
    execute: Execute, server: EndpointServer, home: Path, most: float, is_published: bool
) -> None:
    server.fail_when(lambda body: "Say 1" in str(body), Reply(status=400))
    task = ask(max_error_ratio=most)
    if is_published:
        assert execute(task)["outcome"] == "partial"
    else:
        with pytest.raises(AirflowException, match="1 of 5 distinct requests failed") as failed:
            execute(task)
        assert not isinstance(failed.value, AirflowFailException)

    assert (home / "warehouse").exists() is is_published


def test_cache_is_for_calls_that_do_not_say_it(execute: Execute, server: EndpointServer) -> None:
    counts = []
    for cache, sql in (
        ("reuse", ASK),
        ("refresh", ASK),
        ("reuse", ASK),
        ("refresh", ASK.replace("false", "false, cache => 'off'")),
    ):
        execute(ask(sql, cache=cache))
        counts.append(server.count)

    assert counts == [5, 10, 10, 15]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"euros": 5}, "budget has 'euros'. Known: money, per_day, requests, tokens"),
        ({"money": "much"}, "'money' is 'much', which is no number"),
        ({"requests": -1}, "A budget of -1 requests is none"),
        ({"per_day": 5}, "'per_day' is 5. Give"),
        (5, "budget is 5. Give"),
    ],
)
def test_a_budget_that_is_none_fails_at_once(
    execute: Execute, server: EndpointServer, given: Any, message: str
) -> None:
    with pytest.raises(AirflowFailException, match=message):
        execute(ask(budget=given))

    assert server.count == 0


def test_a_budget_may_be_one_of_the_library() -> None:
    own, daily = airquery.Budget(money=5.0), airquery.Budget(per_day="dag:d", money=9.0)

    assert budgets(own, dag_id="d") == [own, airquery.Budget(per_day="dag:d")]
    assert budgets(daily, dag_id="d") == [daily]
    assert budgets(None, dag_id="d") == [airquery.Budget(), airquery.Budget(per_day="dag:d")]
