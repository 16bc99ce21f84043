"""The benchmark's endpoint: plays a script in a process of its own, so cheaply that it is no bottleneck.

It speaks just enough HTTP for chat completions, responses and embeddings, and counts what clients
do. `GET /stats` gives the counters, `POST /reset` begins again: counters, caches and one-time faults.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING, Any, cast
from urllib.request import ProxyHandler, Request, build_opener

import httptools

from tests.benchmarks.replies import answer, models, refusal
from tests.benchmarks.script import CHARACTERS_PER_TOKEN, Script, rows_of


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OK, BAD_REQUEST, NOT_FOUND, TOO_MANY, UNAVAILABLE = 200, 400, 404, 429, 503
REASONS = {
    OK: "OK",
    BAD_REQUEST: "Bad Request",
    NOT_FOUND: "Not Found",
    TOO_MANY: "Too Many Requests",
    UNAVAILABLE: "Service Unavailable",
}
ASKED = ("/chat/completions", "/responses", "/embeddings")
BLOCK = 16 * CHARACTERS_PER_TOKEN  # what a prefix cache keeps at a time
BACKLOG = 4096
# A proxy that the environment names does not know this machine.
OPENER = build_opener(ProxyHandler({}))


class Endpoint:
    """The script at work: what is in flight, what was seen, and the counters."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything but what is in flight and open."""
        self._asked: Counter[int] = Counter()
        self._answered: Counter[int] = Counter()
        self._admitted: set[int] = set()
        self._statuses: Counter[int] = Counter()
        self._prefixes: set[int] = set()
        self._in_flight_max, self._in_flight_s = self.in_flight, 0.0
        self.connections: set[int] = set()
        self._moved_at = self._first_at = self._last_at = 0.0
        self._cpu_s = time.process_time()

    def verdict(self, rows: tuple[int, ...]) -> tuple[int, float]:
        """Return the status of a request for these rows, and how long it takes."""
        now = time.monotonic()
        self._first_at = self._first_at or now
        self._asked.update(rows)
        script = self.script
        if script.cap is not None and self.in_flight >= script.cap:
            return TOO_MANY, 0.0
        first = [row for row in rows if row not in self._admitted]
        self._admitted.update(first)
        if any(row in script.poison for row in rows):
            return BAD_REQUEST, 0.0
        if any(script.fails_first(row) for row in first):
            return UNAVAILABLE, 0.0
        hang_s = script.hang_s if any(row in script.hangs for row in first) else 0.0
        return OK, script.request_s(rows) + hang_s

    def cached_tokens(self, body: bytes) -> int:
        """Return how much of a request earlier ones began with, and remember its beginnings."""
        prefixes = [hash(body[:end]) for end in range(BLOCK, len(body) + 1, BLOCK)]
        known = next((i for i, p in enumerate(prefixes) if p not in self._prefixes), len(prefixes))
        self._prefixes.update(prefixes)
        return known * BLOCK // CHARACTERS_PER_TOKEN

    def enter(self) -> None:
        """Count a request that takes a place."""
        self._move(1)
        self._in_flight_max = max(self._in_flight_max, self.in_flight)

    def leave(self) -> None:
        """Count a request that gives its place back."""
        self._move(-1)

    def count(self, status: int, rows: tuple[int, ...]) -> None:
        """Count an answer that was sent."""
        self._statuses[status] += 1
        if status == OK:
            self._answered.update(rows)
            self._last_at = time.monotonic()

    def stats(self) -> Mapping[str, object]:
        """Return the counters; `answers` is what was paid, `rows` how many different ones."""
        self._move(0)
        return {
            "requests": sum(self._statuses.values()),
            "statuses": {str(status): count for status, count in self._statuses.items()},
            "rows": len(self._answered),
            "answers": self._answered.total(),
            "requests_per_row_max": max(self._asked.values(), default=0),
            "in_flight": self.in_flight,
            "in_flight_max": self._in_flight_max,
            "in_flight_s": self._in_flight_s,
            "connections": len(self.connections),
            "window_s": max(0.0, self._last_at - self._first_at),
            "cpu_s": time.process_time() - self._cpu_s,
        }

    def _move(self, change: int) -> None:
        now = time.monotonic()
        self._in_flight_s += self.in_flight * (now - (self._moved_at or now))
        self._moved_at = now
        self.in_flight += change


class Connection(asyncio.Protocol):
    """One connection of a client: one request at a time, answered when its time has come."""

    def __init__(self, endpoint: Endpoint, number: int) -> None:
        self._endpoint, self._number = endpoint, number
        self._parser: Any = httptools.HttpRequestParser(self)
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.TimerHandle | None = None
        self._path, self._body = "", b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._waiting is not None:
            self._waiting.cancel()
            self._endpoint.leave()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._path, self._body = "", b""

    def on_url(self, url: bytes) -> None:
        self._path += url.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        endpoint, path = self._endpoint, self._path
        if path.endswith(ASKED):
            self._ask()
        elif path == "/stats":
            self._send(OK, json.dumps(endpoint.stats()))
        elif path == "/reset":
            endpoint.reset()
            self._send(OK, "{}")
        else:
            known = path.endswith("/models")
            self._send(OK if known else NOT_FOUND, models() if known else refusal(NOT_FOUND))

    def _ask(self) -> None:
        endpoint, script, rows = self._endpoint, self._endpoint.script, rows_of(self._body)
        endpoint.connections.add(self._number)
        status, takes_s = endpoint.verdict(rows)
        if status != OK:
            endpoint.count(status, rows)
            self._send(status, refusal(status))
            return
        cached = 0
        if script.prefill_tokens_per_s is not None:
            cached = endpoint.cached_tokens(self._body)
            fresh = len(self._body) // CHARACTERS_PER_TOKEN - cached
            takes_s += fresh / script.prefill_tokens_per_s
        body = answer(self._path, self._body, rows, sum(map(script.tokens, rows)), cached)
        endpoint.enter()
        if takes_s:
            self._waiting = self._loop.call_later(takes_s, self._end, rows, body)
        else:
            self._end(rows, body)

    def _end(self, rows: tuple[int, ...], body: str) -> None:
        self._waiting = None
        self._endpoint.leave()
        self._endpoint.count(OK, rows)
        self._send(OK, body)

    def _send(self, status: int, body: str) -> None:
        wait = f"Retry-After: {self._endpoint.script.retry_after_s}\r\n" * (status == TOO_MANY)
        self._transport.write(
            f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n{wait}"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        if not self._parser.should_keep_alive():
            self._transport.close()


@contextmanager
def endpoint_process(*, slow: bool = True, script: Script | None = None) -> Iterator[str]:
    """Start the server and give its URL; without a script every answer takes its time, or none."""
    script = script or (Script() if slow else Script(median_s=0.0))
    command = [sys.executable, "-m", "tests.benchmarks.server", script.to_json()]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("the pipes were not made")
        yield process.stdout.readline().strip()
        process.stdin.close()


def stats_of(url: str) -> Mapping[str, Any]:
    """Ask a server for its counters."""
    with OPENER.open(f"{url}/stats") as reply:
        counters: Mapping[str, Any] = json.load(reply)
    return counters


def reset(url: str) -> None:
    """Let a server begin again."""
    OPENER.open(Request(f"{url}/reset", method="POST")).close()  # noqa: S310


async def _serve(script: Script) -> None:
    loop = asyncio.get_running_loop()
    endpoint, numbers = Endpoint(script), count()
    server = await loop.create_server(
        lambda: Connection(endpoint, next(numbers)), "127.0.0.1", 0, backlog=BACKLOG
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    # Whoever started it closes its input, or ends: either way it is not needed any more.
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Serve the script that the command line holds, until the input ends."""
    faster = find_spec("uvloop") is not None
    new_loop = import_module("uvloop").new_event_loop if faster else None
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(Script.from_json(sys.argv[1])))


if __name__ == "__main__":
    main()
