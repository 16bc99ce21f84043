from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.endpoints.endpoint import PerDay, Price, Secret, Task
from airquery.endpoints.raw_request import example_body, request_of
from airquery.execute.budget import Budget
from airquery.execute.raw import RawReply, send_raw
from airquery.records import Origin, records_of
from airquery.testing import EndpointServer, Reply


if TYPE_CHECKING:
    from airquery import Endpoint, Settings

KEY = "sk-a-long-key-of-the-page"
BY_ME = Origin(source="endpoint_page", user="ada")


def send(endpoint: Endpoint, settings: Settings, body: str | None = None, **more: Any) -> RawReply:
    given = json.loads(example_body(endpoint) if body is None else body)
    return send_raw(endpoint, given, settings=settings, origin=BY_ME, **more)


def statement(endpoint: Endpoint, settings: Settings, sql: str) -> airquery.Run:
    registry = airquery.Registry.from_mapping({endpoint.name: endpoint})
    with closing(airquery.connect(registry=registry, settings=settings)) as connection:
        return airquery.run(connection, sql)


@pytest.mark.parametrize("task", ["chat", "completions", "embeddings", "custom"])
def test_the_example_of_each_task_is_answered_and_known_as_one_of_ours(
    server: EndpointServer, settings: Settings, task: Task
) -> None:
    endpoint = server.endpoint("e", task)

    first = send(endpoint, settings)
    second = send(endpoint, settings)
    third = send(endpoint, settings, again=True)

    assert (first.status, first.failure, first.kept, first.from_journal) == (200, "", True, False)
    assert (second.from_journal, second.kept, json.loads(second.body)) == (
        True,
        True,
        json.loads(first.body),
    )
    assert (third.status, third.from_journal, server.count) == (200, False, 2)


def test_a_statement_finds_the_answer_that_was_paid_for_on_the_page(
    server: EndpointServer, settings: Settings
) -> None:
    endpoint = server.endpoint("e")
    send(endpoint, settings)

    run = statement(
        endpoint,
        settings,
        "SELECT ai_query('e', 'What is a quoll?', modelParameters => {'max_tokens': 64})",
    )

    assert (run.stats.sent, run.stats.from_journal, server.count) == (0, 1, 1)


def test_what_is_no_request_of_ours_is_sent_as_it_is_and_not_kept(
    server: EndpointServer, settings: Settings
) -> None:
    endpoint = server.endpoint("e")
    body = '{"model": "test-model", "messages": [{"role": "user", "content": "x"}], "n": 1, "stream": false, "tools": null}'

    assert request_of(endpoint, json.loads(body)) is None
    replies = [send(endpoint, settings, body) for _ in range(2)]

    assert [one.kept for one in replies] == [False, False]
    assert server.requests[0].body == json.loads(body)
    assert server.count == 2


def test_each_request_counts_in_the_usage_and_for_the_day(
    server: EndpointServer, settings: Settings
) -> None:
    price = Price(input_per_million=1_000_000.0, currency="EUR")
    endpoint = server.endpoint("e", price=price)
    daily = Budget(requests=1, per_day="playground")

    paid = send(endpoint, settings, budgets=[daily])
    refused = send(endpoint, settings, budgets=[daily], again=True)

    [record] = records_of(settings).recent(5)
    assert (record.origin, record.outcome) == (BY_ME, "complete")
    assert [(one.sent, one.price, one.currency) for one in record.usage] == [(1, paid.price, "EUR")]
    assert paid.price > 0
    assert "a day of 'playground'" in refused.failure
    assert (refused.status, server.count) == (None, 1)


def test_a_statement_sees_what_the_page_has_spent(
    server: EndpointServer, settings: Settings
) -> None:
    endpoint = server.endpoint("e", per_day=PerDay(requests=1))
    send(endpoint, settings)

    run = statement(endpoint, settings, "SELECT ai_query('e', 'more', failOnError => false)")

    assert (run.outcome, server.count) == ("budget_stopped", 1)


def test_a_refusal_is_shown_as_it_came_and_counts(
    server: EndpointServer, settings: Settings
) -> None:
    server.script(Reply(status=422, body={"error": {"message": "odd"}}, headers={"X-Odd": "1"}))
    endpoint = server.endpoint("e")

    reply = send(endpoint, settings)

    assert (reply.status, json.loads(reply.body)) == (422, {"error": {"message": "odd"}})
    assert dict(reply.headers)["X-Odd"] == "1"
    assert "answered with HTTP 422 and said: odd." in reply.failure
    [record] = records_of(settings).recent(5)
    assert [(one.condition, one.count) for one in record.failures] == [
        ("AI_FUNCTION_HTTP_REQUEST_ERROR", 1)
    ]


def test_no_secret_of_the_endpoint_is_shown(settings: Settings) -> None:
    echoes = Reply(
        body={"said": f"Bearer {KEY}"},
        headers={"X-Echo": f"Bearer {KEY}", "Set-Cookie": "session=1", "X-Team": "hush-hush"},
    )
    with EndpointServer(api_key=KEY, answer=lambda _: echoes) as server:
        endpoint = server.endpoint("e", headers={"X-Team": Secret("hush-hush")})
        reply = send(endpoint, settings)

    assert (reply.status, "session" in str(reply)) == (200, False)
    assert KEY not in str(reply)
    assert "hush-hush" not in str(reply)
    assert "***" in reply.body


def test_a_wrong_key_is_named(settings: Settings) -> None:
    with EndpointServer(api_key=KEY) as server:
        reply = send(server.endpoint("e", api_key=Secret("sk-wrong")), settings)

    assert (reply.status, "Check the endpoint's api_key" in reply.failure) == (401, True)


def test_an_endpoint_that_is_away_is_named(settings: Settings) -> None:
    away = airquery.Endpoint(name="e", task="chat", base_url="http://127.0.0.1:9/v1", model="m")

    reply = send(away, settings)

    assert reply.status is None
    assert "http://127.0.0.1:9/v1/chat/completions" in reply.failure


def test_an_address_that_is_not_allowed_gets_nothing(
    server: EndpointServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRQUERY_ALLOWED_URLS", "https://api.example.com")

    reply = send(server.endpoint("e"), settings)

    assert (reply.status, server.count) == (None, 0)
    assert "not allowed by AIRQUERY_ALLOWED_URLS" in reply.failure


@pytest.mark.parametrize(
    ("given", "key_of"),
    [
        ([{"role": "user", "content": "x"}], {"input": "x"}),
        (
            [{"role": "system", "content": "s"}, {"role": "user", "content": "x"}],
            {"input": "x", "system": "s"},
        ),
        (
            [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}],
            {
                "input": {
                    "messages": [
                        {"role": "user", "content": "x"},
                        {"role": "assistant", "content": "y"},
                    ]
                }
            },
        ),
    ],
)
def test_messages_are_the_request_that_writes_them(
    given: list[dict[str, str]], key_of: dict[str, Any]
) -> None:
    endpoint = airquery.Endpoint(name="e", task="chat", base_url="http://x/v1", model="m")
    body = {"model": "m", "messages": given, "temperature": 0.0}

    found = request_of(endpoint, body)

    assert found is not None
    assert {name: getattr(found, name) for name in key_of} == key_of


@pytest.mark.parametrize("format_", ["dataframe_split", "dataframe_records", "instances", "inputs"])
def test_a_row_of_every_format_is_known(format_: Any) -> None:
    endpoint = airquery.Endpoint(name="e", task="custom", base_url="http://x", format=format_)

    found = request_of(endpoint, json.loads(example_body(endpoint)))

    assert found is not None
    assert found.input == {"text": "What is a quoll?"}
