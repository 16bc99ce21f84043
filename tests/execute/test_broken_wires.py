"""Everything that can go wrong on the way to an endpoint ends as a failure that says so."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest

import airquery
from airquery.answer import Failure
from airquery.endpoints.adapter import HttpRequest
from airquery.endpoints.endpoint import Endpoint, Limits, Secret
from airquery.errors import Unreachable
from airquery.execute.transport import Transport
from airquery.request import Request
from airquery.testing import EndpointServer
from tests.execute.conftest import answered, ask, failed
from tests.execute.raw_server import RawServer, framed, sends


if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from airquery.execute.run import Engine
    from airquery.testing import FakeClock

ANSWER = orjson.dumps({"choices": [{"message": {"content": "hello"}}]})
ONCE = Limits(max_attempts=1)


def request_to(url: str, **changes: object) -> Request:
    endpoint = Endpoint(name="llm", task="chat", base_url=f"{url}/v1", model="m", limits=ONCE)
    return Request(endpoint=replace(endpoint, **changes), input="hello")  # type: ignore[arg-type]  # names come from the tests


@pytest.mark.parametrize(
    ("sent", "retryable", "said"),
    [
        (b"", True, "/v1/chat/completions broke the connection off"),
        (framed(ANSWER[:20], length=len(ANSWER)), True, "broke the connection off"),
        (framed(ANSWER, length=len(ANSWER) + 50), True, "broke the connection off"),
        (framed(ANSWER, length=10), True, "sent what is not HTTP. If that stays, check base_url"),
        (framed(b"<html>sign in</html>"), True, "sent a reply that is not a JSON object."),
        (framed(b""), True, "sent a reply that is not a JSON object."),
        (framed(b'{"choices": "\xff\xfe"}'), True, "sent a reply that is not a JSON object."),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", True, "sent what is not HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", True, "sent what is not HTTP. If that stays, check"),
        (b"\x15\x03\x01\x00\x02\x02\x46", True, "sent what is not HTTP. If that stays, check"),
        (
            framed(b"no gzip", more=b"Content-Encoding: gzip\r\n"),
            True,
            "sent a body that cannot be decompressed.",
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: https://sso.example.com/in?t=1#f\r\n\r\n",
            False,
            "The server is elsewhere, at https://sso.example.com/in: correct the endpoint's",
        ),
        (
            b"HTTP/1.1 308 Permanent Redirect\r\nLocation: /v2/chat\r\nContent-Length: 0\r\n\r\n",
            False,
            "/v2/chat: correct the endpoint's base_url.",
        ),
    ],
    ids=[
        "nothing",
        "half-a-body",
        "too-long-a-length",
        "too-short-a-length",
        "200-html",
        "200-empty",
        "no-utf-8",
        "no-length",
        "ssh",
        "a-tls-alert",
        "no-gzip",
        "redirect",
        "relative-redirect",
    ],
)
def test_a_broken_reply_is_named_with_whether_asking_again_helps(
    engine: Engine, sent: bytes, *, retryable: bool, said: str
) -> None:
    with RawServer(sends(sent)) as server:
        failure = failed(engine, request_to(server.url))

    assert said in failure.message
    assert failure.message.endswith(".")
    assert (failure.retryable, failure.fatal, server.count) == (retryable, False, 1)


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.0 200 OK\r\n\r\n" + ANSWER,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + ANSWER,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"%x\r\n%b\r\n0\r\n\r\n" % (len(ANSWER), ANSWER),
        framed(gzip.compress(ANSWER), more=b"Content-Encoding: gzip\r\n"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + framed(ANSWER),
    ],
    ids=["http-1.0", "until-the-end", "chunked", "gzip", "100-continue"],
)
def test_an_unusual_frame_is_read(engine: Engine, sent: bytes) -> None:
    with RawServer(sends(sent)) as server:
        assert answered(engine, request_to(server.url)) == "hello"


def test_what_follows_a_reply_is_not_taken_for_the_next_one(engine: Engine) -> None:
    """A Content-Length that is too short leaves bytes behind, here a whole other reply."""
    other = framed(orjson.dumps({"choices": [{"message": {"content": "of somebody else"}}]}))
    with RawServer(sends(framed(ANSWER) + other), sends(framed(ANSWER))) as server:
        first, second = request_to(server.url), request_to(server.url, revision="2")

        assert [answered(engine, first), answered(engine, second)] == ["hello", "hello"]
        assert server.count == 2


def test_twenty_megabytes_arrive_whole(engine: Engine) -> None:
    text = "0123456789abcdef" * (20 << 16)
    with EndpointServer(answer=lambda _: text) as server:
        assert answered(engine, Request(endpoint=server.endpoint(), input="hello")) == text


def test_a_body_without_an_end_is_not_read_to_its_end() -> None:
    def endless(connection: socket.socket, left: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not left.is_set():
            connection.sendall(b" " * 65_536)

    async def post(url: str) -> object:
        async with Transport(max_reply_bytes=1 << 20) as transport:
            return await transport.post(HttpRequest(url=url, headers={}, body=b"{}"), timeout_s=30)

    with RawServer(endless) as server:
        assert asyncio.run(post(f"{server.url}/v1?key=hush")) == Failure(
            condition="AI_FUNCTION_INVALID_HTTP_RESPONSE",
            message=f"{server.url}/v1 sent more than 1,048,576 bytes, which no answer has. "
            "The rest was not read. Check base_url.",
            http_status=200,
        )


def test_a_compressed_body_counts_as_what_it_unpacks_to() -> None:
    bomb = gzip.compress(b" " * (8 << 20))

    async def post(url: str) -> object:
        async with Transport(max_reply_bytes=1 << 20) as transport:
            return await transport.post(HttpRequest(url=url, headers={}, body=b"{}"), timeout_s=30)

    with RawServer(sends(framed(bomb, more=b"Content-Encoding: gzip\r\n"))) as server:
        outcome = asyncio.run(post(server.url))

    assert isinstance(outcome, Failure)
    assert "sent more than 1,048,576 bytes" in outcome.message


def test_one_byte_after_another_does_not_hold_the_timeout_off(engine: Engine) -> None:
    def drip(connection: socket.socket, left: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not left.wait(0.1):
            connection.sendall(b" ")

    with RawServer(drip) as server:
        began = time.monotonic()
        failure = failed(engine, request_to(server.url, timeout_s=0.5))

        assert time.monotonic() - began < 5
    assert failure.message == f"{server.url}/v1/chat/completions gave no whole reply in 0.5 s."
    assert failure.retryable


def test_a_server_that_takes_the_request_and_says_nothing_is_left(engine: Engine) -> None:
    def stall(connection: socket.socket, left: threading.Event) -> None:
        del connection
        left.wait()

    with RawServer(stall) as server:
        failure = failed(engine, request_to(server.url, timeout_s=0.3))

    assert failure.message == f"{server.url}/v1/chat/completions gave no whole reply in 0.3 s."
    assert failure.retryable


def test_a_refused_connection_may_pass(engine: Engine) -> None:
    with RawServer(sends(b"")) as gone:
        url = gone.url

    failure = failed(engine, request_to(url))

    assert failure.message == (
        f"{url}/v1/chat/completions could not be reached (Connection refused)."
    )
    assert failure.retryable


def test_a_name_that_does_not_exist_is_not_tried_again(engine: Engine, clock: FakeClock) -> None:
    failure = failed(
        engine, request_to("http://no-such-host.invalid", limits=Limits(max_attempts=2))
    )

    with pytest.raises(socket.gaierror) as unknown:
        socket.getaddrinfo("no-such-host.invalid", 80)
    if unknown.value.errno == socket.EAI_AGAIN:
        # Nobody answers for names here, so none is known not to exist.
        assert (failure.retryable, failure.attempts, len(clock.sleeps)) == (True, 2, 1)
        return
    assert failure.message == (
        "http://no-such-host.invalid/v1/chat/completions could not be reached: there is no host "
        "'no-such-host.invalid'. Check base_url."
    )
    assert (failure.retryable, failure.attempts, clock.sleeps) == (False, 1, ())


def test_a_host_that_cannot_be_a_name_is_not_tried_again(engine: Engine) -> None:
    failure = failed(engine, request_to(f"http://{'a' * 70}.example"))

    assert "has a host that cannot be a name. Check base_url." in failure.message
    assert not failure.retryable


def test_https_to_a_server_without_it_is_a_mistake(engine: Engine) -> None:
    with EndpointServer() as server:
        failure = failed(engine, request_to(server.url.replace("http:", "https:")))

    assert "could not agree on TLS" in failure.message
    assert failure.message.endswith("Check base_url: its scheme, its port.")
    assert not failure.retryable


def test_the_wait_that_a_reply_asks_for_is_kept(engine: Engine, clock: FakeClock) -> None:
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"
    with RawServer(sends(busy), sends(framed(ANSWER))) as server:
        [result] = ask(engine, request_to(server.url, limits=Limits(max_attempts=2)))

    assert result.attempts == 2
    assert 9.0 <= clock.sleeps[0] < 10.0


def test_no_failure_on_the_way_shows_a_secret(engine: Engine) -> None:
    secrets = {
        "api_key": Secret("sk-very-secret"),
        "api_key_header": "api-key",
        "query": {"code": Secret("hush+hush&/=")},
        "headers": {"X-Tenant": Secret("tenant-secret")},
    }
    echo = b"HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n"

    def repeat(connection: socket.socket, left: threading.Event) -> None:
        del left
        connection.sendall(echo + server.heads[-1])

    with RawServer(repeat) as server:
        told = failed(engine, request_to(server.url, **secrets))
    gone = failed(engine, request_to(server.url, revision="2", **secrets))

    assert b"sk-very-secret" in server.heads[0]
    shown = f"{told!r} {gone!r}"
    assert "answered with HTTP 400" in shown
    assert "could not be reached" in shown
    for secret in ("sk-very-secret", "hush", "tenant-secret"):
        assert secret not in shown


def test_a_disk_that_takes_no_file_is_not_taken_for_the_wire(tmp_path: Path) -> None:
    with EndpointServer() as server, pytest.raises(FileNotFoundError):
        airquery.fetch(f"{server.url}/v1/models", tmp_path / "no-such-folder" / "file")


@pytest.mark.parametrize(
    ("url", "retryable", "said"),
    [
        ("http://127.0.0.1:1/data.csv?key=hush", True, "http://127.0.0.1:1/data.csv could not be"),
        ("http://h:99999/data.csv?key=hush", False, "An address that is no URL cannot be asked."),
    ],
)
def test_a_download_that_breaks_is_named_like_a_request(
    tmp_path: Path, url: str, *, retryable: bool, said: str
) -> None:
    with pytest.raises(Unreachable) as refused:
        airquery.fetch(url, tmp_path / "file")

    assert said in str(refused.value)
    assert "hush" not in str(refused.value)
    assert refused.value.retryable is retryable


def test_every_request_has_the_query_as_it_was_declared(engine: Engine) -> None:
    value = "a+b&c=d e/ü%20?#"
    with EndpointServer() as server:
        endpoint = server.endpoint(query={"api-version": Secret("2024-10-21"), "x": Secret(value)})

        assert answered(engine, Request(endpoint=endpoint, input="hello")) == "hello"
        assert server.requests[0].path == "/v1/chat/completions"
        assert dict(server.requests[0].query) == {"api-version": "2024-10-21", "x": value}
