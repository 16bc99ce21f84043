from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

import airquery
from airquery.records import records_of
from airquery.testing import EndpointServer, Reply
from airquery_airflow import TransformOperator
from tests.operators.ui.browsing import (
    application,
    blocks,
    browser,
    text_of,
    token_of,
    value_of,
)


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.operators.conftest import Execute
    from tests.operators.ui.browsing import Page

pytestmark = pytest.mark.usefixtures("metadata_database")

ADDRESS = "/airquery/playground"
KEY = "sk-the-key-of-the-llm"
HOSTILE = "<script>alert('x')</script> \"&amp;\" {{ 7*7 }}"
PICTURE = {
    "type": "image_url",
    "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAAAAAAAAAAAAAAAAAAAAAAAAA=="},
}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture(scope="module")
def server() -> Iterator[EndpointServer]:
    with EndpointServer(api_key=KEY) as server:
        yield server


@pytest.fixture(autouse=True)
def declared_endpoints(server: EndpointServer, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m", "api_key": KEY}
    priced = {**declared, "price": {"input_per_million": 1_000_000, "currency": "EUR"}}
    monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(priced))
    monkeypatch.setenv("AIRQUERY_ENDPOINT_OTHER", json.dumps({**declared, "model": "n"}))
    away = {"task": "chat", "base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key": "${NONE}"}
    monkeypatch.setenv("AIRQUERY_ENDPOINT_AWAY", json.dumps(away))


def post(*endpoints: str, role: str = "admin", files: Any = None, **fields: str) -> Page:
    data: dict[str, Any] = {"endpoint": list(endpoints), "action": "ask", **fields}
    with browser(role) as client:
        return client.post(ADDRESS, data=data, files=files or {"picture": ("", b"")})


def run_again(sql: str) -> airquery.Run:
    with closing(airquery.connect()) as connection:
        return airquery.run(connection, sql)


def test_the_form_offers_every_endpoint_and_shows_no_key() -> None:
    page = browser().get(ADDRESS)

    assert page.status_code == 200
    assert KEY not in page.text
    assert all(f'value="{name}"' in page.text for name in ("llm", "other", "away"))
    assert "NONE" in text_of(page.text)
    assert "Asked from here today: 0 requests, of 1,000 requests" in text_of(page.text)


def test_answers_stand_side_by_side_with_what_they_took(server: EndpointServer) -> None:
    page = post("llm", "other", prompt="Say hi", system="Be kind", max_tokens="20")

    assert page.status_code == 200
    assert blocks(page.text, "answer") == ["Say hi", "Say hi"]
    seen = text_of(page.text)
    assert seen.count("1 sent, 0 from the journal; paid:") == 2
    assert " EUR." in seen
    assert KEY not in page.text
    assert server.requests[-1].body["max_tokens"] == 20
    records = records_of(airquery.Settings.read()).recent(5)
    assert {(one.origin.source, one.origin.user) for one in records} == {("playground", "ada")}


def test_the_sql_that_is_shown_asks_nothing_again(server: EndpointServer) -> None:
    page = post("llm", prompt=HOSTILE + "\r\n'quoted' ünïcode 🎉", temperature="0.5")
    sql, code = blocks(page.text, "code")
    before = server.count

    run = run_again(sql)
    again = post("llm", prompt=HOSTILE + "\r\n'quoted' ünïcode 🎉", temperature="0.5")

    assert "From the journal, not sent" in text_of(again.text)
    assert (run.stats.sent, run.stats.from_journal, server.count) == (0, 1, before)
    assert run.table is not None
    [row] = run.table.to_pylist()
    assert row["answer"]["result"] == HOSTILE + "\n'quoted' ünïcode 🎉"
    assert "AIQueryOperator(" in code


def test_whatever_an_answer_holds_is_text_on_the_page(server: EndpointServer) -> None:
    server.script(
        Reply(status=422, body={"error": {"message": HOSTILE}}, headers={"X-Evil": "<b>"})
    )

    refused, answered = post("llm", prompt="evil"), post("llm", prompt=HOSTILE)

    for page in (refused, answered):
        assert "<script>alert" not in page.text
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.text.count("<script") == page.text.count("<script nonce=") == 1
    assert "HTTP 422 and said: &lt;script&gt;alert(" in refused.text
    assert blocks(answered.text, "answer") == [HOSTILE]


def test_rows_are_planned_first_and_sent_with_that_plan(
    server: EndpointServer, execute: Execute
) -> None:
    reviews = "SELECT unnest(['good', 'bad', NULL]) AS text"
    execute(TransformOperator(task_id="t", sql=reviews, table="shop.reviews"))
    fields = {"prompt": "Label {text}", "table": "shop.reviews", "limit": "3", "max_tokens": "5"}
    before = server.count

    plan = post("llm", **fields)
    planned = server.count
    other = post("llm", **{**fields, "limit": "2"}, planned=value_of(plan.text, "planned"))
    unplanned = server.count
    sent = post("llm", **fields, action="run", planned=value_of(plan.text, "planned"))

    assert (planned, unplanned) == (before, before)
    assert "To send 2 0 in the journal" in text_of(plan.text)
    assert "Send these requests" in text_of(plan.text)
    assert "What would be asked" in text_of(other.text)
    assert server.count == before + 2
    assert "NULL: nothing was asked" in text_of(sent.text)
    assert "Label good endpoint" in text_of(sent.text)


def test_a_plan_of_one_question_sends_nothing(server: EndpointServer) -> None:
    before = server.count

    page = post("llm", prompt="how much?", max_tokens="5", action="plan")

    assert server.count == before
    assert "EUR" in text_of(page.text)


def test_a_picture_goes_along_and_stays_attached(server: EndpointServer) -> None:
    first = post("llm", prompt="What is it?", files={"picture": ("a.png", PNG, "text/plain")})
    [name] = [one for one in first.text.split('"') if one.endswith(".png")]
    second = post("llm", prompt="And now?", kept=name)

    for page in (first, second):
        assert page.status_code == 200
    assert server.requests[-1].body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "And now?"}, PICTURE]}
    ]


@pytest.mark.parametrize(
    ("endpoints", "fields", "said"),
    [
        (["llm"], {"prompt": ""}, "The prompt is empty"),
        (["nowhere"], {"prompt": "x"}, "There is no endpoint 'nowhere'"),
        (["away"], {"prompt": "x"}, "NONE"),
        (["llm"], {"prompt": "x", "kept": "../journal.db"}, "Attach it again"),
        (["llm"], {"prompt": "x", "temperature": "hot"}, "temperature is 'hot'"),
    ],
)
def test_what_cannot_be_asked_is_said_and_the_form_is_kept(
    endpoints: list[str], fields: dict[str, str], said: str
) -> None:
    page = post(*endpoints, system="Keep me", **fields)

    assert page.status_code == 422
    assert said in text_of(page.text)
    assert "Keep me</textarea>" in page.text


def test_a_setting_that_cannot_be_read_is_said_on_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRQUERY_PLAYGROUND_BUDGET", "lots")

    page = post("llm", prompt="x")

    assert page.status_code == 422
    assert "AIRQUERY_PLAYGROUND_BUDGET is no JSON object" in text_of(page.text)


def test_the_budget_of_the_day_is_named_where_it_ends(
    server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRQUERY_PLAYGROUND_BUDGET", '{"requests": 1}')
    post("llm", prompt="one")
    before = server.count

    page = post("llm", prompt="two")

    assert server.count == before
    assert "a day of 'playground'" in text_of(page.text)
    assert "Asked from here today: 1 requests, 1 EUR, of 1 requests" in text_of(page.text)


@pytest.mark.parametrize(
    ("role", "origin", "status"),
    [
        (None, "http://testserver", 401),
        ("viewer", "http://testserver", 403),
        ("user", "http://testserver", 403),
        ("op", "http://testserver", 200),
        ("admin", "https://evil.example", 403),
        ("admin", None, 403),
    ],
)
def test_only_who_may_make_connections_asks_and_only_from_this_page(
    server: EndpointServer, role: str | None, origin: str | None, status: int
) -> None:
    before = server.count
    with browser(role, origin=origin) as client:
        data = {"endpoint": "llm", "prompt": f"by {role}", "action": "ask"}
        page = client.post(ADDRESS, data=data, files={"picture": ("", b"")})

    assert page.status_code == status
    assert server.count == before + (status == 200)


def test_a_form_that_is_too_large_is_not_read() -> None:
    with browser() as client:
        picture = {"picture": ("a.png", bytes(7 << 20), "image/png")}
        page = client.post(ADDRESS, data={"endpoint": "llm", "prompt": "x"}, files=picture)

    assert page.status_code == 413


@contextmanager
def serving() -> Iterator[int]:
    """Serve the application over real HTTP; yield the port."""
    config = uvicorn.Config(application(), port=0, log_level="error", lifespan="off")
    web = uvicorn.Server(config)
    thread = threading.Thread(target=web.run, daemon=True)
    thread.start()
    while not web.started:
        time.sleep(0.01)
    try:
        yield web.servers[0].sockets[0].getsockname()[1]
    finally:
        web.should_exit = True
        thread.join()


def test_closing_the_page_stops_what_is_asked(server: EndpointServer) -> None:
    release = server.hold_when(lambda body: body["messages"][-1]["content"] == "slow")
    before = server.count
    body = "endpoint=llm&prompt=slow&action=ask"
    with serving() as port, socket.create_connection(("127.0.0.1", port)) as browser_:
        browser_.sendall(
            f"POST {ADDRESS} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n"
            f"Cookie: _token={token_of('admin')}\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}".encode()
        )
        deadline = time.monotonic() + 10
        while server.count == before and time.monotonic() < deadline:
            time.sleep(0.01)
        browser_.close()
        records: list[Any] = []
        while not records and time.monotonic() < deadline:
            records = records_of(airquery.Settings.read()).recent(1)
            time.sleep(0.01)
    release()

    assert [(one.outcome, one.origin.user) for one in records] == [("aborted", "ada")]
