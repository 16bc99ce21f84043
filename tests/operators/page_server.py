"""An HTTP interface of the tests' own: it answers each address with what it was told to."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Semaphore, Thread
from typing import TYPE_CHECKING, Self


if TYPE_CHECKING:
    from collections.abc import Mapping


class PageServer(ThreadingHTTPServer):
    """Say what it answers with `page`; see in `asked` what it was asked, with which headers.

    Each request releases `came`, and waits for `goes_on`.
    """

    def __init__(self) -> None:
        self.came = Semaphore(0)
        self.goes_on = Event()
        self.goes_on.set()
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self._pages: dict[str, list[tuple[int, Mapping[str, str], bytes]]] = {}
        super().__init__(("127.0.0.1", 0), _Handler)
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [path for path, _ in self.asked]

    def page(self, path: str, body: object = b"", *, status: int = 200, **headers: str) -> None:
        """Answer an address so; several answers come in turn, the last one for ever."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._pages.setdefault(path, []).append((status, named, raw))

    def answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        """Note a request and choose its answer."""
        self.asked.append((path, headers))
        self.came.release()
        self.goes_on.wait()
        pages = self._pages.get(path, [(404, {}, b"")])
        status, sent, body = pages.pop(0) if len(pages) > 1 else pages[0]
        if sent.get("ETag") and headers.get("If-None-Match") == sent["ETag"]:
            return 304, sent, b""
        return status, sent, body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, PageServer)
        status, headers, body = self.server.answer(self.path, dict(self.headers.items()))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
