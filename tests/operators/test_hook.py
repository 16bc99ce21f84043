from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException

from airquery.endpoints.endpoint import Secret
from airquery.errors import InvalidEndpoint
from airquery_airflow import EndpointHook


if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-key-of-the-connection"


class Models(BaseHTTPRequestHandler):
    """Answers GET /v1/models, to those who know the key."""

    def do_GET(self) -> None:
        known = self.headers["Authorization"] == f"Bearer {KEY}" and self.path == "/v1/models"
        body = json.dumps({"data": [{"id": "m"}]} if known else {"error": {"message": "no"}})
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Models) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def connect(
    monkeypatch: pytest.MonkeyPatch, url: str, *, model: str = "m", key: str = KEY
) -> EndpointHook:
    connection = {
        "conn_type": "airquery_endpoint",
        "host": url,
        "password": key,
        "extra": {"model": model},
    }
    monkeypatch.setenv("AIRFLOW_CONN_LLM", json.dumps(connection))
    return EndpointHook("llm")


def test_the_connection_is_an_endpoint_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = connect(monkeypatch, "http://127.0.0.1:9/v1").get_conn()

    assert (endpoint.name, endpoint.base_url, endpoint.model) == (
        "llm",
        "http://127.0.0.1:9/v1",
        "m",
    )
    assert endpoint.api_key == Secret(KEY)


def test_testing_the_connection_asks_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    works, message = connect(monkeypatch, url).test_connection()

    assert works
    assert re.fullmatch(r"Reachable in \d+ ms, model 'm' is there, one of 1\.", message)


@pytest.mark.parametrize(
    ("model", "key", "said"),
    [("other", KEY, "it has no model 'other'"), ("m", "sk-another-key", "401")],
)
def test_a_test_that_fails_says_why_without_the_key(
    monkeypatch: pytest.MonkeyPatch, url: str, model: str, key: str, said: str
) -> None:
    works, message = connect(monkeypatch, url, model=model, key=key).test_connection()

    assert not works
    assert said in message
    assert key not in message


def test_a_test_of_an_endpoint_that_is_not_there_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    works, message = connect(monkeypatch, "http://127.0.0.1:9/v1").test_connection()

    assert not works
    assert "http://127.0.0.1:9/v1/models" in message


@pytest.mark.parametrize(
    ("base_url", "more", "said"),
    [
        ("{url}x", {}, "The endpoint answered with HTTP 401"),
        ("{url}", {"task": "chatt"}, "Field 'task' is 'chatt' but should be"),
        ("https://127.0.0.1:9/v1", {}, "127.0.0.1:9/v1/models could not be reached"),
        ("{tls}", {}, "could not agree on TLS"),
        ("http://nowhere.invalid/v1", {}, "there is no host 'nowhere.invalid'. Check base_url."),
        ("ftp://x", {}, "must be an http:// or https:// URL"),
    ],
)
def test_a_test_names_what_to_mend_and_not_the_name_that_airflow_made_up(
    monkeypatch: pytest.MonkeyPatch, url: str, base_url: str, more: dict[str, str], said: str
) -> None:
    connection = {
        "conn_type": "airquery_endpoint",
        "host": base_url.format(url=url, tls=url.replace("http", "https")),
        "password": KEY,
        "extra": {"model": "m", **more},
    }
    monkeypatch.setenv("AIRFLOW_CONN_X7F3QK", json.dumps(connection))

    works, message = EndpointHook("x7f3qk").test_connection()

    assert not works
    assert said in message
    assert "x7f3qk" not in message
    assert KEY not in message


def test_a_connection_without_a_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = connect(monkeypatch, "http://127.0.0.1:9/v1", model="")

    with pytest.raises(InvalidEndpoint, match=r"Airflow connection 'llm'.*'model' is missing"):
        hook.get_conn()


def test_a_connection_that_does_not_exist_is_airflows_own_error() -> None:
    with pytest.raises(AirflowNotFoundException):
        EndpointHook("nowhere").get_conn()
