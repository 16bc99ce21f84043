"""An object store for tests: as much of S3 as Delta tables need, over HTTP on loopback.

It is a process of its own, as any other store is: who waits for it may hold this interpreter.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape


if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """The running store, at its address."""

    host: str
    port: int

    @property
    def options(self) -> dict[str, str]:
        """What delta-rs needs to reach this store."""
        return {
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{self.host}:{self.port}",
            "AWS_ALLOW_HTTP": "true",
        }

    def read(self, address: str) -> bytes:
        """Return the bytes at an address as Delta tables write it, `s3://bucket/key`."""
        return self._ask("GET", address.removeprefix("s3:/"))

    def remove(self, address: str) -> None:
        """Remove the object at such an address."""
        self._ask("DELETE", address.removeprefix("s3:/"))

    def requests(self) -> list[tuple[str, str]]:
        """List the requests so far, as pairs of method and key."""
        return [(method, key) for method, key in json.loads(self._ask("GET", "/test/requests"))]

    def deny(self, *methods: str) -> None:
        """Refuse requests of these methods from now on."""
        self._ask("PUT", "/test/denied", json.dumps(methods).encode())

    def _ask(self, method: str, key: str, body: bytes | None = None) -> bytes:
        with closing(HTTPConnection(self.host, self.port)) as connection:
            connection.request(method, quote(key), body, {"X-Test": "1"})
            return connection.getresponse().read()


@contextmanager
def running_object_store() -> Iterator[ObjectStore]:
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield ObjectStore("127.0.0.1", int(process.stdout.readline()))
        finally:
            process.kill()


class Server(ThreadingHTTPServer):
    """Bytes in memory, by key.

    `If-None-Match: *` refuses to replace an object: on a store without locks, that is what makes a
    commit atomic.
    """

    def __init__(self, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.denied: list[str] = []
        super().__init__(address, Handler)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def parse_request(self) -> bool:
        understood = super().parse_request()
        if understood and "X-Test" not in self.headers:
            self.server.requests.append((self.command, self.key))
            if self.command in self.server.denied:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.reply(403)
                return False
        return understood

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.key == "/test/denied":
            self.server.denied = json.loads(body)
            self.reply(200)
        elif self.headers["If-None-Match"] == "*" and self.key in self.server.objects:
            self.reply(412)
        else:
            self.server.objects[self.key] = body
            self.reply(200)

    def do_GET(self) -> None:
        if self.key == "/test/requests":
            self.reply(200, json.dumps(self.server.requests).encode())
        elif "list-type" in self.query:
            self.reply(200, self.listing(self.query))
        elif self.key not in self.server.objects:
            self.reply(404)
        else:
            body = self.server.objects[self.key]
            span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
            if span is None:
                self.reply(200, body)
            else:
                first, last = map(int, span.groups())
                total = f"bytes {first}-{last}/{len(body)}"
                self.reply(206, body[first : last + 1], content_range=total)

    def do_DELETE(self) -> None:
        self.server.objects.pop(self.key, None)
        self.reply(204)

    def do_HEAD(self) -> None:
        self.reply(
            200 if self.key in self.server.objects else 404, self.server.objects.get(self.key, b"")
        )

    @property
    def query(self) -> dict[str, str]:
        found = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return {name: values[0] for name, values in found.items()}

    @property
    def key(self) -> str:
        return unquote(urlsplit(self.path).path)

    def listing(self, query: dict[str, str]) -> bytes:
        bucket = self.key.rstrip("/") + "/"
        prefix, start = query.get("prefix", ""), query.get("start-after", "")
        found, inner = "", dict[str, None]()
        for key in sorted(self.server.objects):
            name = key.removeprefix(bucket)
            if not name.startswith(prefix) or name <= start:
                continue
            folder, separator, _ = name.removeprefix(prefix).partition("/")
            if separator and "delimiter" in query:
                inner[f"{prefix}{folder}/"] = None
            else:
                found += (
                    f"<Contents><Key>{escape(name)}</Key><Size>{len(self.server.objects[key])}</Size>"
                    "<ETag>e</ETag><LastModified>2026-11-21T00:00:00.000Z</LastModified></Contents>"
                )
        found += "".join(
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in inner
        )
        return f"<ListBucketResult>{found}</ListBucketResult>".encode()

    def reply(self, status: int, body: bytes = b"", *, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Sat, 21 Nov 2026 00:00:00 GMT")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    # In a container it is given where to listen.
    server = Server(("0.0.0.0", int(sys.argv[1]))) if sys.argv[1:] else Server()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
