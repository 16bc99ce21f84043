"""A model server on this machine that lets in who brings one of the tokens it gave out."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs


if TYPE_CHECKING:
    from collections.abc import Mapping

BASIC = "Basic c3AtMTpocyBsLXNlY3JldDo="  # sp-1:hs l-secret:


@dataclass(kw_only=True)
class Workspace:
    """A context manager. `refusals` are replies to requests for tokens: status and body.

    `forms` are the requests for tokens, `tokens` what is let in, `life` the `expires_in`. A token is
    good for `uses` requests. `document` is what it publishes, under any endpoint's name.
    """

    life: object = 3600
    uses: int = 1_000_000
    refusals: list[tuple[int, bytes]] = field(default_factory=list)
    delay_s: float = 0.0
    document: tuple[int, bytes] = (404, b"{}")
    forms: list[Mapping[str, list[str]]] = field(default_factory=list)
    heads: list[Mapping[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)

    def __enter__(self) -> Self:
        workspace = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Without it, header and body are two packets, and the second waits for the first.
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                token = self.path == "/oidc/v1/token"
                self._send(*(workspace.token(self, body) if token else workspace.chat(self)))

            def do_GET(self) -> None:
                self._send(*workspace.read(self))

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def token(self, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        """Answer a request for a token."""
        with self.lock:
            self.forms.append(parse_qs(body.decode()))
            number = len(self.forms)
            refusal = self.refusals.pop(0) if self.refusals else None
        threading.Event().wait(self.delay_s)
        if refusal is not None:
            return refusal
        if asked.headers["Authorization"] != BASIC:
            body = json.dumps(
                {"error": "invalid_client", "error_description": "Client authentication failed"}
            ).encode()
            return 401, body
        token = f"token-number-{number}"
        self.tokens[token] = self.uses
        reply = {"access_token": token, "token_type": "Bearer", "expires_in": self.life}
        return 200, json.dumps({k: v for k, v in reply.items() if v is not None}).encode()

    def chat(self, asked: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        """Answer a chat, to those who bring a token that is good."""
        refused = self._refused(asked)
        self.statuses.append(401 if refused else 200)
        return refused or (200, b'{"choices": [{"message": {"content": "hello"}}]}')

    def read(self, asked: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        """Answer a GET: the list of models, or what is published."""
        models = asked.path.endswith("/models")
        return self._refused(asked) or ((200, b'{"data": []}') if models else self.document)

    def _refused(self, asked: BaseHTTPRequestHandler) -> tuple[int, bytes] | None:
        with self.lock:
            self.paths.append(asked.path)
            self.heads.append({name.lower(): value for name, value in asked.headers.items()})
            token = asked.headers.get("Authorization", "").removeprefix("Bearer ")
            if self.tokens.get(token, 0) > 0:
                self.tokens[token] -= 1
                return None
        # A careless server repeats what it was sent.
        return 401, json.dumps({"message": f"bad token {token}"}).encode()
