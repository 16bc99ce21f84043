from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import orjson
import pytest
from httpx_aiohttp import HttpxAiohttpClient

from airquery.answer import Answer, Failure
from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.endpoint import Endpoint, Secret, Task
from airquery.endpoints.failures import read_failure
from airquery.request import Request
from airquery.testing import EndpointServer, Reply


def post(endpoint: Endpoint, asked: object, **fields: object) -> httpx.Response:
    """Send one request as the adapter writes it, on a connection of its own."""
    request = Request(endpoint=endpoint, input=asked, **fields)  # type: ignore[arg-type]  # as given
    sent = adapter_for(endpoint).encode(request)
    return httpx.post(sent.url, headers=dict(sent.headers), content=sent.body)


def ask(endpoint: Endpoint, asked: object, **fields: object) -> Answer | Failure:
    """Send one request and read the reply, as the engine does."""
    reply = post(endpoint, asked, **fields)
    if not reply.is_success:
        return read_failure(
            endpoint,
            status=reply.status_code,
            headers=dict(reply.headers),
            body=reply.content,
            now=0.0,
        )
    return adapter_for(endpoint).decode(Request(endpoint=endpoint, input=asked), reply.content)


def value(endpoint: Endpoint, asked: object, **fields: object) -> object:
    outcome = ask(endpoint, asked, **fields)
    assert isinstance(outcome, Answer)
    return outcome.value


@pytest.mark.parametrize(
    ("task", "asked", "answer"),
    [
        ("chat", "What is it?", "What is it?"),
        ("chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}, "a"),
        ("completions", "What is it?", "What is it?"),
        ("custom", {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
        ("custom", "text", {"input": "text"}),
    ],
)
def test_every_format_echoes(task: Task, asked: object, answer: object) -> None:
    with EndpointServer() as server:
        assert value(server.endpoint(task=task), asked) == answer


def test_an_embedding_is_a_unit_vector_that_only_the_text_decides() -> None:
    with EndpointServer() as server:
        endpoint = server.endpoint(task="embeddings")
        first, again, other = (value(endpoint, text) for text in ("a", "a", "b"))
        short = value(endpoint, "a", parameters={"dimensions": 3})

    assert isinstance(first, list)
    assert isinstance(short, list)
    assert sum(number**2 for number in first) == pytest.approx(1)
    assert (len(first), len(short)) == (8, 3)
    assert first == again != other


@pytest.mark.parametrize(
    ("task", "answered", "read"),
    [
        ("chat", "Yes.", "Yes."),
        ("chat", {"label": "good"}, '{"label":"good"}'),
        ("completions", "Yes.", "Yes."),
        ("embeddings", [1, 2.5], [1.0, 2.5]),
        ("custom", 0.25, 0.25),
    ],
)
def test_an_own_answer_is_framed_for_the_format(task: Task, answered: object, read: object) -> None:
    with EndpointServer(answer=lambda _: answered) as server:
        assert value(server.endpoint(task=task), "text") == read


def test_an_own_answer_may_be_a_whole_reply() -> None:
    with EndpointServer(answer=lambda _: Reply(status=503, body="busy")) as server:
        outcome = ask(server.endpoint(), "text")

    assert isinstance(outcome, Failure)
    assert outcome.message == "Endpoint 'test-llm' answered with HTTP 503 and said: busy."


def test_an_own_answer_may_stall_and_then_be_the_usual_one() -> None:
    with EndpointServer(answer=lambda _: Reply.stall(0.01)) as server:
        assert value(server.endpoint(), "text") == "text"


def test_a_rule_that_raises_is_told_to_who_asks() -> None:
    with EndpointServer() as server:
        server.fail_when(lambda body: bool(body["prompt"]), Reply(status=500))
        outcome = ask(server.endpoint(), "text")

    assert isinstance(outcome, Failure)
    assert outcome.http_status == 400
    assert "KeyError: 'prompt'" in outcome.message


def test_an_own_answer_that_raises_is_told_to_who_asks() -> None:
    with EndpointServer(answer=lambda body: body["nothing"]) as server:
        outcome = ask(server.endpoint(), "text")

    assert isinstance(outcome, Failure)
    assert outcome.http_status == 400
    assert "KeyError: 'nothing'" in outcome.message


def test_a_json_schema_is_answered_with_its_smallest_value() -> None:
    schema = {
        "type": "object",
        "properties": {"label": {"enum": ["good", "bad"]}, "why": {"type": "string"}},
        "required": ["label", "why"],
    }
    json_schema = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}

    with EndpointServer() as server:
        endpoint = server.endpoint()
        shaped = value(endpoint, "text", response_format=json_schema)
        loose = value(endpoint, "text", response_format={"type": "json_object"})
        plain = value(endpoint, "text", response_format={"type": "text"})

    assert shaped == '{"label":"good","why":""}'
    assert loose == '{"echo":"text"}'
    assert plain == "text"


def test_scripted_replies_come_in_order_and_then_it_answers_as_usual() -> None:
    with EndpointServer() as server:
        server.script(
            Reply(status=429, headers={"Retry-After": "0.1"}),
            Reply(body=b"<html>", headers={"content-type": "text/html"}),
            Reply(status=500, body={"error": "broken"}),
            Reply(status=201, headers={"X-Served": "yes"}),
        )
        replies = [post(server.endpoint(), "text") for _ in range(5)]

    assert [reply.status_code for reply in replies] == [429, 200, 500, 201, 200]
    assert replies[0].headers["retry-after"] == "0.1"
    assert replies[0].json()["error"]["type"] == "rate_limit_exceeded"
    assert (replies[1].text, replies[1].headers.get_list("content-type")) == (
        "<html>",
        ["text/html"],
    )
    assert replies[2].json() == {"error": "broken"}
    assert replies[3].headers["x-served"] == "yes"
    assert replies[3].json() == replies[4].json()
    assert server.statuses == {429: 1, 200: 2, 500: 1, 201: 1}


def test_a_dropped_connection_has_no_reply() -> None:
    with EndpointServer() as server:
        server.script(Reply.drop())

        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            post(server.endpoint(), "text")

        assert post(server.endpoint(), "text").status_code == 200
        assert server.statuses == {0: 1, 200: 1}


def test_a_cut_reply_ends_in_its_middle() -> None:
    with EndpointServer() as server:
        server.script(Reply.cut())

        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            post(server.endpoint(), "text")


def test_who_hangs_up_on_a_stall_is_not_in_flight_any_more() -> None:
    with EndpointServer(capacity=1) as server:
        server.script(Reply.stall(60))
        endpoint = server.endpoint()
        sent = adapter_for(endpoint).encode(Request(endpoint=endpoint, input="text"))

        with pytest.raises(httpx.ReadTimeout):
            httpx.post(sent.url, headers=dict(sent.headers), content=sent.body, timeout=0.05)

        deadline = time.monotonic() + 10
        while post(endpoint, "text").status_code == 429 and time.monotonic() < deadline:
            pass
        assert post(endpoint, "text").status_code == 200


def test_a_stall_ends_in_the_usual_answer() -> None:
    with EndpointServer() as server:
        server.script(Reply.stall(0.01))

        assert value(server.endpoint(), "text") == "text"


def test_leaving_does_not_wait_for_a_stall() -> None:
    with ThreadPoolExecutor() as pool:
        with EndpointServer() as server:
            server.script(Reply.stall(600))
            asked = pool.submit(post, server.endpoint(), "text")
            while server.in_flight_max == 0:
                time.sleep(0.001)
        with pytest.raises(httpx.RemoteProtocolError):
            asked.result()


def test_a_rule_holds_for_good_and_leaves_the_script_alone() -> None:
    with EndpointServer() as server:
        server.fail_when(lambda body: "poison" in str(body["messages"]), Reply(status=400))
        server.script(Reply(status=500))
        statuses = [
            post(server.endpoint(), text).status_code
            for text in ("poison", "text", "poison", "text", "poison")
        ]

    assert statuses == [400, 500, 400, 200, 400]


def test_only_who_has_the_key_is_let_in() -> None:
    with EndpointServer(api_key="test-key") as server:
        known = server.endpoint()
        unknown = server.endpoint(api_key=Secret("other-key"))

        assert post(known, "text").status_code == 200
        assert post(unknown, "text").status_code == 401
        assert post(server.endpoint(api_key=None), "text").status_code == 401
        assert httpx.get(f"{server.url}/v1/models").status_code == 401


def test_over_capacity_it_answers_429() -> None:
    with EndpointServer(capacity=4, latency_s=0.2, retry_after_s=7) as server:
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: post(server.endpoint(), "text"), range(8)))

        refused = [reply for reply in replies if reply.status_code == 429]
        assert server.in_flight_max <= 4
        assert len(refused) == server.statuses.get(429, 0)
        assert all(reply.headers["retry-after"] == "7" for reply in refused)
        assert server.statuses[200] + len(refused) == server.count == 8


def test_no_capacity_at_all_refuses_everybody_without_a_header_if_told_so() -> None:
    with EndpointServer(capacity=0, retry_after_s=None) as server:
        reply = post(server.endpoint(), "text")

    assert reply.status_code == 429
    assert "retry-after" not in reply.headers


def test_requests_are_kept_as_they_came_in() -> None:
    with EndpointServer(api_key="test-key") as server:
        post(server.endpoint(), "one", parameters={"seed": 7})
        post(server.endpoint(task="custom"), "two")
        first, second = server.requests

    assert (first.path, second.path) == (
        "/v1/chat/completions",
        "/serving-endpoints/test-llm/invocations",
    )
    assert first.headers["authorization"] == "Bearer test-key"
    assert first.body == {
        "model": "test-model",
        "messages": [{"role": "user", "content": "one"}],
        "seed": 7,
    }
    assert first.at <= second.at
    assert "test-key" not in repr(first)


def test_requests_are_counted_also_when_they_are_not_kept() -> None:
    with EndpointServer(record=False) as server:
        post(server.endpoint(), "text")

        assert server.count == 1
        assert server.requests == ()


def test_models_are_listed_without_being_counted() -> None:
    with EndpointServer() as server:
        listed = httpx.get(f"{server.url}/v1/models").json()
        missing = httpx.get(f"{server.url}/v1/other").status_code

        assert [model["id"] for model in listed["data"]] == [server.endpoint().model]
        assert missing == 404
        assert server.count == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with EndpointServer() as server:
        assert httpx.post(f"{server.url}/v1/chat/completions", content=body).status_code == 400
        assert server.requests[0].body == {}


def test_what_is_not_served_is_not_found() -> None:
    with EndpointServer() as server:
        assert httpx.post(f"{server.url}/v1/images", content=b"{}").status_code == 404


def test_a_long_document_is_taken() -> None:
    document = "word " * 1_000_000

    with EndpointServer() as server:
        assert value(server.endpoint(), document) == document


def test_an_endpoint_can_be_made_to_measure() -> None:
    with EndpointServer() as server:
        made = server.endpoint("other", "embeddings", model="e", identity="stable", timeout_s=1.0)

    assert (made.name, made.task, made.model, made.identity, made.timeout_s) == (
        "other",
        "embeddings",
        "e",
        "stable",
        1.0,
    )


def test_latency_may_depend_on_the_body() -> None:
    asked: list[str] = []

    def latency_s(body: object) -> float:
        asked.append(str(body))
        return 0.0

    with EndpointServer(latency_s=latency_s) as server:
        post(server.endpoint(), "text")

    assert len(asked) == 1
    assert "text" in asked[0]


def test_256_at_once_are_all_answered_and_counted() -> None:
    async def storm(endpoint: Endpoint) -> list[str]:
        limits = httpx.Limits(max_connections=256)
        async with HttpxAiohttpClient(limits=limits, timeout=120) as client:

            async def one(number: int) -> str:
                request = Request(endpoint=endpoint, input=f"row {number}")
                sent = adapter_for(endpoint).encode(request)
                reply = await client.post(sent.url, headers=dict(sent.headers), content=sent.body)
                return str(orjson.loads(reply.content)["choices"][0]["message"]["content"])

            return await asyncio.gather(*(one(number) for number in range(256)))

    with EndpointServer(latency_s=0.5) as server:
        answers = asyncio.run(storm(server.endpoint()))

    assert answers == [f"row {number}" for number in range(256)]
    assert server.count == len(server.requests) == 256
    assert 1 < server.in_flight_max <= 256


def test_two_servers_do_not_know_each_other() -> None:
    with EndpointServer() as one, EndpointServer(answer=lambda _: "two") as two:
        assert value(one.endpoint(), "text") == "text"
        assert value(two.endpoint(), "text") == "two"
        assert one.count == two.count == 1


def test_after_leaving_nobody_listens() -> None:
    with EndpointServer() as server:
        endpoint = server.endpoint()

    with pytest.raises(httpx.ConnectError):
        post(endpoint, "text")


def test_a_server_that_was_away_listens_where_it_did_before(server: EndpointServer) -> None:
    url = server.url
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/v1/models")
    server.start()

    assert httpx.get(f"{url}/v1/models").status_code == 200
    assert server.url == url


def test_a_raw_reply_is_sent_as_it_is(server: EndpointServer) -> None:
    server.script(Reply.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi there"))

    assert post(server.endpoint(), "hello").content == b"hi"


def test_a_reply_that_drips_arrives_whole_and_late(server: EndpointServer) -> None:
    server.script(Reply(body=b"12345", drip_s=0.02))
    began = time.monotonic()

    assert post(server.endpoint(), "hello").content == b"12345"
    assert time.monotonic() - began >= 0.1
