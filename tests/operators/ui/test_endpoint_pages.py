from __future__ import annotations

import html
import json
import re
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from airflow.models.connection import Connection
from airflow.utils.session import create_session

import airquery
from airquery.records import records_of
from airquery.testing import EndpointServer, Reply
from airquery_airflow.playground.health import look_at
from tests.operators.ui.browsing import blocks, browser, text_of


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operators.ui.browsing import Page

pytestmark = pytest.mark.usefixtures("metadata_database")

ADDRESS = "/airquery/endpoints"
KEY = "sk-the-key-of-the-llm"
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def server() -> Iterator[EndpointServer]:
    with EndpointServer(api_key=KEY) as server:
        yield server


@pytest.fixture(autouse=True)
def declared_endpoints(server: EndpointServer, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = {
        "task": "chat",
        "base_url": f"{server.url}/v1",
        "model": "test-model",
        "api_key": KEY,
        "price": {"input_per_million": 1_000_000, "currency": "EUR"},
        "budget": {"per_day": {"requests": 50}},
        "limits": {"requests_per_minute": 60},
    }
    monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))
    missing = {**declared, "api_key": "${NO_SUCH_KEY}"}
    monkeypatch.setenv("AIRQUERY_ENDPOINT_BROKEN", json.dumps(missing))


@pytest.fixture
def stored(server: EndpointServer) -> Iterator[str]:
    """Store a connection of our type, and one of another that is no endpoint."""
    name = "team.llm"
    extra = json.dumps({"model": "test-model", "secret_headers": {"X-Team": "hush-hush-team"}})
    made = [
        Connection(
            conn_id=name,
            conn_type="airquery_endpoint",
            host=f"{server.url}/v1",
            password=KEY,
            extra=extra,
        ),
        Connection(conn_id="files", conn_type="http", host="files.example.com"),
    ]
    with create_session() as session:
        session.add_all(made)
    yield name
    with create_session() as session:
        for one in made:
            session.delete(session.merge(one))


def get(path: str = "", role: str | None = "admin") -> Page:
    with browser(role) as client:
        page: Page = client.get(f"{ADDRESS}{path}")
    return page


def post(name: str, role: str = "admin", **fields: str) -> Page:
    with browser(role) as client:
        page: Page = client.post(f"{ADDRESS}/{quote(name, safe='')}", data=fields)
    return page


def send(name: str = "llm", **fields: str) -> Page:
    """Send the example that the page shows."""
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", get(f"/{name}").text, re.DOTALL)
    assert found is not None
    return post(name, action="send", body=html.unescape(found[1]), **fields)


def test_every_endpoint_is_listed_with_where_it_is_declared(stored: str) -> None:
    page = get()
    seen = text_of(page.text)

    assert page.status_code == 200
    assert "llm chat test-model http://127.0.0.1" in seen
    assert "AIRQUERY_ENDPOINT_LLM" in seen
    assert f"{stored} chat test-model" in seen
    assert f"Airflow connection {stored!r}" in seen
    assert "NO_SUCH_KEY" in seen
    assert "files.example.com" not in page.text
    assert KEY not in page.text
    assert "hush-hush-team" not in page.text


def test_an_endpoint_is_shown_with_its_limits_prices_and_what_it_did(
    server: EndpointServer,
) -> None:
    send()
    server.script(Reply(status=422))
    send(confirmed="yes")

    seen = text_of(get("/llm").text)

    assert "Requests a minute 60" in seen
    assert "1e+06 in, 0 out, EUR" in seen
    assert "Sent 2 in the last 200 runs" in seen
    assert "Failed 50.0 % 1 of 2" in seen
    assert "of 50 requests a day" in seen
    assert "Today 2 requests" in seen


def test_an_endpoint_of_any_name_has_its_page(
    server: EndpointServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "a/b <i>?#"
    fields = {"task": "embeddings", "base_url": f"{server.url}/v1", "model": "m"}
    (tmp_path / "endpoints.yaml").write_text(json.dumps({"endpoints": {name: fields}}))
    monkeypatch.setenv("AIRQUERY_ENDPOINTS", str(tmp_path / "endpoints.yaml"))

    [address] = re.findall(r'href="(/airquery/endpoints/a[^"]*)"', get().text)
    with browser() as client:
        page = client.get(address)

    assert page.status_code == 200
    assert "<h1>a/b &lt;i&gt;?#</h1>" in page.text
    assert str(tmp_path / "endpoints.yaml") in text_of(page.text)


def test_an_endpoint_that_cannot_be_used_says_why() -> None:
    page = get("/broken")

    assert page.status_code == 200
    assert "NO_SUCH_KEY" in text_of(page.text)
    assert "<textarea" not in page.text


def test_an_endpoint_that_is_not_there_is_not_found() -> None:
    page = get("/nowhere")

    assert (page.status_code, "no endpoint 'nowhere'" in text_of(page.text)) == (404, True)


def test_checking_names_what_was_found(server: EndpointServer) -> None:
    before = server.count

    one, everyone = post("llm", action="test"), get("?check=yes")

    for page in (one, everyone):
        assert "model 'test-model' is there, one of 1." in text_of(page.text)
    assert server.count == before


def test_one_that_hangs_does_not_hold_the_page(server: EndpointServer) -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        slow = server.endpoint("slow", base_url=url)
        found = look_at([slow, server.endpoint("llm")], patience_s=2)

    assert time.monotonic() - began < 10
    assert [found["llm"].well, found["slow"].well] == [True, False]


def test_the_example_is_answered_and_kept_like_one_of_ai_query(server: EndpointServer) -> None:
    page = send()
    before = server.count
    again = send()

    seen = text_of(page.text)
    assert "HTTP 200 in" in seen
    assert "kept in the journal" in seen
    assert "EUR" in seen
    [body] = blocks(page.text, "reply")
    assert json.loads(body)["choices"][0]["message"]["content"] == "What is a quoll?"
    assert "From the journal; nothing was sent." in text_of(again.text)
    assert server.count == before
    [record] = records_of(airquery.Settings.read()).recent(5)
    assert (record.origin.source, record.origin.user) == ("endpoint_page", "ada")


def test_what_cannot_be_kept_is_sent_only_when_that_is_confirmed(server: EndpointServer) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "x"}], "n": 2})
    before = server.count

    asked = post("llm", action="send", body=body)
    unsent = server.count
    sent = post("llm", action="send", body=body, confirmed="yes")

    assert asked.status_code == 422
    assert "cannot be kept in the journal" in text_of(asked.text)
    assert (unsent, server.count) == (before, before + 1)
    assert server.requests[-1].body == json.loads(body)
    assert "not kept in the journal" in text_of(sent.text)


def test_a_hostile_reply_is_text_without_secrets(server: EndpointServer) -> None:
    server.script(
        Reply(
            status=500,
            body={"error": {"message": f"{HOSTILE} Bearer {KEY}"}},
            headers={"X-Evil": HOSTILE, "Set-Cookie": "session=secret-session"},
        )
    )

    page = send(confirmed="yes")

    assert HOSTILE not in page.text
    assert "<script" not in page.text
    assert KEY not in page.text
    assert "secret-session" not in page.text
    assert "HTTP 500" in text_of(page.text)


@pytest.mark.parametrize(("body", "said"), [("{", "not JSON"), ("[]", "a JSON object")])
def test_a_body_that_is_none_is_not_sent(server: EndpointServer, body: str, said: str) -> None:
    before = server.count

    page = post("llm", action="send", body=body)

    assert (page.status_code, server.count) == (422, before)
    assert said in text_of(page.text)
    assert f"\n{body}</textarea>" in page.text


def test_the_budget_of_the_playground_bounds_it(
    server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRQUERY_PLAYGROUND_BUDGET", '{"requests": 0}')
    before = server.count

    page = send()

    assert server.count == before
    assert "a day of 'playground'" in text_of(page.text)


def test_an_address_that_is_not_allowed_gets_nothing(
    server: EndpointServer, monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    monkeypatch.setenv("AIRQUERY_ALLOWED_URLS", "https://api.example.com")
    before = server.count

    for name in ("llm", stored):
        page = post(name, action="send", body="{}")
        assert "not allowed by AIRQUERY_ALLOWED_URLS" in text_of(page.text)
    assert server.count == before


@pytest.mark.parametrize(
    ("role", "reads", "sends"),
    [(None, 401, 401), ("viewer", 403, 403), ("user", 403, 403), ("op", 200, 200)],
)
def test_who_may_not_see_connections_sees_no_endpoint(
    role: str | None, reads: int, sends: int
) -> None:
    with browser(role) as client:
        found = [client.get(ADDRESS).status_code, client.get(f"{ADDRESS}/llm").status_code]
        sent = client.post(f"{ADDRESS}/llm", data={"action": "test"}).status_code

    assert (found, sent) == ([reads, reads], sends)


def test_a_form_of_another_site_is_refused(server: EndpointServer) -> None:
    before = server.count
    with browser(origin="https://evil.example") as client:
        page: Any = client.post(f"{ADDRESS}/llm", data={"action": "send"})

    assert (page.status_code, server.count) == (403, before)


def test_a_file_that_cannot_be_read_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRQUERY_ENDPOINTS", "/nowhere/endpoints.yaml")

    for page in (get(), get("/llm")):
        assert page.status_code == 422
        assert "/nowhere/endpoints.yaml" in text_of(page.text)
