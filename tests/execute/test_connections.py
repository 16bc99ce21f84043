"""Connections are kept, one closed by its server costs no attempt, and nothing else is sent twice."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.answer import Failure
from airquery.endpoints.adapter import HttpRequest
from airquery.errors import Unreachable
from airquery.execute.reply import Reply
from airquery.execute.transport import Transport
from tests.execute.raw_server import RawServer, framed, read_request, sends


if TYPE_CHECKING:
    from pathlib import Path

    from tests.execute.raw_server import Script

BODY = b'{"answer": 1}'


def request(url: str) -> HttpRequest:
    return HttpRequest(url=f"{url}/v1", headers={"Content-Type": "application/json"}, body=b"{}")


def posted(url: str, times: int = 1) -> list[Reply | Failure]:
    """Send requests one after the other over one transport."""

    async def post() -> list[Reply | Failure]:
        async with Transport() as transport:
            return [await transport.post(request(url), timeout_s=10) for _ in range(times)]

    return asyncio.run(post())


def bodies(outcomes: list[Reply | Failure]) -> list[object]:
    return [one.body if isinstance(one, Reply) else one.message for one in outcomes]


@dataclass
class Closing:
    """A server's side of a connection: one reply, and the next request ends it.

    The client cannot have seen the end yet when it sends, as if both happened at the same time.
    """

    last_words: bytes = b""
    resets: bool = False
    together: threading.Barrier = field(default_factory=lambda: threading.Barrier(1))
    taken: list[bytes] = field(default_factory=list)

    def __call__(self, connection: socket.socket, left: threading.Event) -> None:
        del left
        self.together.wait()
        connection.sendall(framed(BODY))
        self.taken.append(read_request(connection))
        connection.sendall(self.last_words)
        if self.resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_one_connection_carries_requests_that_follow_each_other() -> None:
    closing = Closing(last_words=framed(BODY))
    with RawServer(closing) as server:
        assert bodies(posted(server.url, 2)) == [BODY, BODY]

    assert (server.count, len(closing.taken)) == (1, 1)


@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
def test_a_request_on_a_connection_that_its_server_closed_is_sent_again(*, resets: bool) -> None:
    closing = Closing(resets=resets)
    with RawServer(closing, sends(framed(BODY))) as server:
        assert bodies(posted(server.url, 2)) == [BODY, BODY]

    assert (server.count, len(closing.taken)) == (2, 1)


def test_it_is_sent_again_once() -> None:
    closing = Closing(together=threading.Barrier(2))

    async def post(url: str) -> Reply | Failure:
        async with Transport() as transport:
            two = (transport.post(request(url), timeout_s=10) for _ in range(2))
            assert bodies(await asyncio.gather(*two)) == [BODY, BODY]
            return await transport.post(request(url), timeout_s=10)

    with RawServer(closing) as server:
        outcome = asyncio.run(post(server.url))

    assert isinstance(outcome, Failure)
    assert "broke the connection off" in outcome.message
    assert (outcome.retryable, server.count, len(closing.taken)) == (True, 2, 2)


@pytest.mark.parametrize(
    "begun", [b"HTTP/1.1 200 OK\r\nContent-Le", framed(BODY[:3], length=len(BODY))]
)
def test_a_request_whose_reply_has_begun_is_not_sent_again(begun: bytes) -> None:
    closing = Closing(last_words=begun)
    with RawServer(closing, sends(framed(BODY))) as server:
        first, second = bodies(posted(server.url, 2))

    assert first == BODY
    assert "broke the connection off" in str(second)
    assert (server.count, len(closing.taken)) == (1, 1)


def test_a_request_on_a_connection_of_its_own_is_not_sent_again() -> None:
    with RawServer(sends(b"")) as server:
        [outcome] = posted(server.url)

    assert isinstance(outcome, Failure)
    assert (outcome.retryable, server.count) == (True, 1)


def test_a_connection_is_kept_after_a_reply_without_a_body() -> None:
    closing = Closing(last_words=b"HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n\r\n")
    with RawServer(closing) as server:
        _, refused = posted(server.url, 2)

    assert refused == Reply(status=429, headers={"Content-Length": "0"}, body=b"")
    assert server.count == 1


def test_a_header_that_is_no_utf_8_can_be_written_anywhere() -> None:
    sent = b"HTTP/1.1 302 Found\r\nLocation: /caf\xe9\r\nX-Name: caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n"
    with RawServer(sends(sent)) as server:
        [reply] = posted(server.url)

    assert isinstance(reply, Reply)
    assert [reply.headers[name] for name in ("location", "x-name")] == [
        "/caf\N{REPLACEMENT CHARACTER}",
        "café",
    ]


def test_a_server_learns_who_asks_and_nothing_of_the_machine() -> None:
    with RawServer(sends(framed(BODY))) as server:
        posted(server.url)

    assert f"user-agent: airquery/{airquery.__version__}\r\n" in server.heads[0].decode().lower()


def moved(to: str) -> Script:
    return sends(f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nConnection: close\r\n\r\n".encode())


def test_a_download_follows_where_it_is_sent(tmp_path: Path) -> None:
    with RawServer(moved("/there"), sends(framed(BODY))) as server:
        airquery.fetch(f"{server.url}/here", tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == BODY
    assert [head.split()[1] for head in server.heads] == [b"/here", b"/there"]


def test_a_download_that_is_sent_in_a_circle_ends(tmp_path: Path) -> None:
    with RawServer(moved("/again")) as server, pytest.raises(Unreachable) as refused:
        airquery.fetch(f"{server.url}/here", tmp_path / "file")

    assert "from one address to the next without an end" in str(refused.value)
    assert not refused.value.retryable
