"""A task whose plan costs more than it may asks a person first, and spends what was approved."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import airflow.sdk.exceptions
import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

import airquery
from airquery.planning.estimate import EndpointEstimate, Estimate, Span
from airquery.records import records_of
from airquery.testing import EndpointServer, Reply
from airquery_airflow import AIQueryOperator
from airquery_airflow.approval import (
    APPROVE,
    REJECT,
    STORED,
    allowed_alone,
    ceiling_of,
    is_within,
    narrowed,
    remember,
    remembered,
    threshold_of,
)
from airquery_airflow.testing import run_day
from tests.operators.conftest import task_instance
from tests.operators.person import person


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import DAG

    from tests.operators.conftest import Execute, Rows

ASK = (
    "SELECT n, ai_query('llm', 'Say ' || n, modelParameters => {'max_tokens': 5}) AS said"
    " FROM (SELECT unnest(range(3)) AS n)"
)
LENIENT = ASK.replace("5})", "5}, failOnError => false)")
PRICE = {"input_per_million": 1_000_000, "output_per_million": 1_000_000, "currency": "EUR"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    with EndpointServer() as server:
        declared = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m", "price": PRICE}
        monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))
        yield server


def ask(sql: str = ASK, **given: Any) -> AIQueryOperator:
    return AIQueryOperator(
        task_id="ask", sql=sql, table="s.answers", **{"approve_above": 1.0, **given}
    )


# There a triggerer waits, and the one of `dag.test()` on Airflow 3.2 cannot ask for the answer.
without_triggerer = pytest.mark.skipif(
    not hasattr(airflow.sdk.exceptions, "TaskAwaitingInput"),
    reason="Airflow 3.2 waits for a person in its triggerer",
)


class Store:
    """What Airflow keeps between the tries of a task."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return self.kept.get(key, default)

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = json.loads(json.dumps(value))

    def delete(self, key: str) -> None:
        del self.kept[key]


def context(store: Store | None = None) -> Any:
    return {"ti": task_instance(), "task_state_store": store}


def answer(choice: str) -> dict[str, Any]:
    return {"chosen_options": [choice], "responded_by_user": {"id": "1", "name": "Ada"}}


@without_triggerer
@pytest.mark.usefixtures("metadata_database")
def test_in_a_dag_the_task_waits_for_a_person_who_sees_the_plan_and_approves(
    dag: DAG, rows: Rows, server: EndpointServer
) -> None:
    ask(dag=dag)

    with person(dag.dag_id, APPROVE) as ada:
        ran = run_day(dag, date(2026, 10, 3))

    [(subject, body)] = ada.questions
    assert (ran.state, ran.returned["ask"]["requests_sent"], server.count) == ("success", 3, 3)
    assert rows("SELECT said FROM s.answers ORDER BY n") == [("Say 0",), ("Say 1",), ("Say 2",)]
    assert subject.startswith("May ask spend up to ")
    assert subject.endswith(" EUR on s.answers [2026-10-03]?")
    assert "llm: 3 rows, 3 requests, 0 in the journal, 3 to send for" in body
    assert "and no more. Rejected, nothing is sent." in body
    # The report of the run holds the price against the plan that was approved.
    [run] = records_of(airquery.Settings.read()).recent(10)
    [planned] = run.estimate
    assert (planned.endpoint, planned.currency) == ("llm", "EUR")
    assert planned.price is not None
    assert planned.price.low > 0


@without_triggerer
@pytest.mark.usefixtures("metadata_database")
def test_in_a_dag_a_rejected_task_fails_for_good_and_sends_nothing(
    dag: DAG, server: EndpointServer, home: Any
) -> None:
    ask(dag=dag, retries=2, retry_delay=timedelta(0))

    with person(dag.dag_id, REJECT) as ada:
        ran = run_day(dag, date(2026, 10, 3))

    assert (ran.tasks, len(ada.questions)) == ({"ask": "failed"}, 1)
    assert (server.count, (home / "warehouse").exists()) == (0, False)


def test_nobody_is_asked_below_the_threshold_or_for_what_the_journal_answers(
    execute: Execute, server: EndpointServer
) -> None:
    assert execute(ask(approve_above="{{ params.most }}"), params={"most": 100})["rows"] == 3
    assert execute(ask(approve_above=0))["from_journal"] == 3
    assert server.count == 3


def test_what_was_approved_is_the_most_that_is_spent(server: EndpointServer) -> None:
    task = ask(LENIENT, partition="2026-10-03")
    ceiling = {"requests": 2, "tokens": None, "money": None, "per_day": None}

    with pytest.raises(AirflowFailException, match="1 of 3 requests were not sent"):
        task.approved(context(), answer(APPROVE), ceiling)

    assert server.count == 2


def test_an_approval_holds_for_later_tries_until_the_task_is_done(
    server: EndpointServer,
) -> None:
    store, ceiling = Store(), {"requests": None, "tokens": None, "money": 90.0, "per_day": None}
    refused = {"Say 1"}
    server.fail_when(lambda body: any(text in str(body) for text in refused), Reply(status=400))
    with pytest.raises(AirflowFailException, match="400"):
        ask(partition="2026-10-03").approved(context(store), answer(APPROVE), ceiling)
    kept = dict(store.kept)
    refused.clear()

    manifest = ask(partition="2026-10-03").execute(context(store))

    assert kept[STORED]["ceiling"] == ceiling
    assert (manifest["rows"], list(store.kept)) == (3, ["progress"])


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (answer(REJECT), "Ada rejected the price, so nothing was sent."),
        (
            {"error": "The response timeout has passed.", "error_type": "timeout"},
            "Nobody approved the price, so nothing was sent: The response timeout has passed. Clear",
        ),
    ],
    ids=["rejected", "nobody"],
)
def test_without_an_approval_the_task_fails_for_good(
    server: EndpointServer, event: dict[str, Any], said: str
) -> None:
    with pytest.raises(AirflowFailException, match=said):
        ask().approved(context(), event, {"money": 90.0})

    assert server.count == 0


@pytest.mark.parametrize("given", ["much", "", {"euros": 5}, {}, airquery.Budget(per_day="x")])
def test_a_threshold_that_is_none_fails_at_once(
    execute: Execute, server: EndpointServer, given: Any
) -> None:
    with pytest.raises(AirflowFailException, match=r"approve_above|budget"):
        execute(ask(approve_above=given))

    assert server.count == 0


def test_who_comes_back_from_a_batch_is_not_asked_again_and_bound_by_the_same(
    execute: Execute, server: EndpointServer
) -> None:
    server.hold_batches()
    with pytest.raises(TaskDeferred) as left:
        execute(ask(mode="batch", approve_above=100))
    server.hold_batches(held=False)
    server.batches[0].looks = 2

    carried = left.value.trigger.carried
    event = {"jobs": [], "returns": 1, "problem": "", "carried": carried}
    manifest = ask(mode="batch", approve_above=0, partition="2026-10-03").resume(context(), event)

    assert carried == {
        "ceiling": {"requests": None, "tokens": None, "money": 100.0, "per_day": None},
        "earlier": {
            "sent": 0,
            "failed": 0,
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "price": 0.0,
            "currency": "",
        },
    }
    assert manifest["requests_sent"] == 3


def plan_of(*, price: Span | None, new: int = 3, output: float | None = 15.0) -> Estimate:
    return Estimate(
        endpoints=(
            EndpointEstimate(
                endpoint="llm",
                model="m",
                rows=new,
                requests=new,
                answered=0,
                new=new,
                input_tokens=Span(low=3.0, high=6.5),
                output_tokens=Span(low=0.0, high=output),
                price=price,
                currency="EUR",
                seconds=None,
            ),
        ),
        notes=(),
    )


def test_what_nobody_can_know_is_more_than_any_threshold() -> None:
    money = airquery.Budget(money=5.0)
    assert is_within(plan_of(price=Span(low=1.0, high=5.0)), money)
    assert not is_within(plan_of(price=Span(low=1.0, high=5.1)), money)
    assert not is_within(plan_of(price=Span(low=1.0, high=None)), money)
    assert not is_within(plan_of(price=None), money)
    assert is_within(plan_of(price=None, new=0), money)
    assert is_within(plan_of(price=None), airquery.Budget(requests=3, tokens=22))
    assert not is_within(plan_of(price=None), airquery.Budget(tokens=21))
    assert not is_within(plan_of(price=None, output=None), airquery.Budget(tokens=10**9))


def test_an_approval_is_for_one_plan_and_for_no_more_than_was_seen() -> None:
    store, threshold = Store(), airquery.Budget(money=1.0)
    remember(context(store), plan="a", ceiling=airquery.Budget(money=5.0))
    approved = remembered(context(store), plan="a")

    def allowed(most: float) -> airquery.Budget | None:
        plan = plan_of(price=Span(low=0.5, high=most))
        return allowed_alone(plan, threshold=threshold, approved=approved)

    # What is left of it in a later try is bounded by its own plan, so that both together are.
    assert [allowed(most) for most in (0.9, 4.0, 5.1)] == [
        threshold,
        airquery.Budget(money=4.0),
        None,
    ]
    assert remembered(context(store), plan="b") is None
    assert remembered(context(), plan="a") is None


def test_a_ceiling_is_in_money_where_that_is_known_and_else_in_requests() -> None:
    money, tokens = airquery.Budget(money=1.0), airquery.Budget(tokens=1)
    priced, unpriced = plan_of(price=Span(low=1.0, high=2.0000001)), plan_of(price=None)
    assert ceiling_of(priced, money) == airquery.Budget(money=2.000001)
    assert ceiling_of(unpriced, money) == airquery.Budget(requests=3)
    assert ceiling_of(priced, tokens) == airquery.Budget(tokens=22, money=2.000001)


def test_the_budget_of_the_run_is_the_lesser_of_both_and_that_of_the_day_stays() -> None:
    daily = airquery.Budget(per_day="dag:d", money=9.0)
    own = airquery.Budget(requests=5, money=3.0)
    found = narrowed([own, daily], airquery.Budget(money=2.0, tokens=7))
    assert found == [airquery.Budget(requests=5, tokens=7, money=2.0), daily]
    assert threshold_of(own) is own
