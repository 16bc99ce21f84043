"""A server on this machine that sends exactly the bytes it is told, for replies no server should send."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING, Self, TypeAlias


if TYPE_CHECKING:
    from collections.abc import Callable

    # What to do on a connection after a request was read; returning hangs up.
    Script: TypeAlias = Callable[[socket.socket, threading.Event], None]


class RawServer:
    """A context manager. Every connection reads one request, then follows the next script.

    The last script is followed again and again. `left` is set when the test is over.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self._scripts = list(scripts)
        self._tls = tls
        self.left = threading.Event()
        self.heads: list[bytes] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "http" if self._tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.left.set()
        # Closing a socket does not wake who waits on it; a last connection does.
        socket.create_connection(self._listener.getsockname()).close()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    @property
    def count(self) -> int:
        """Return how many requests came in."""
        return len(self.heads)

    def _listen(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.left.is_set():
                connection.close()
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        if self._tls is not None:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except ssl.SSLError:
                # Who asked was told why by TLS itself.
                connection.close()
                return
        with connection:
            head = read_request(connection)
            if not head:
                return
            with self._lock:
                script = self._scripts[min(len(self.heads), len(self._scripts) - 1)]
                self.heads.append(head)
            try:
                script(connection, self.left)
            except OSError:
                # Who asked has hung up: that is what the test is about.
                return


def read_request(connection: socket.socket) -> bytes:
    """Read one request with its body and return its head."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65_536)
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.partition(b":")[2])
            for line in head.splitlines()
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65_536)
    return head


def sends(*parts: bytes) -> Script:
    """Send these bytes and hang up."""

    def script(connection: socket.socket, left: threading.Event) -> None:
        del left
        for part in parts:
            connection.sendall(part)

    return script


def framed(body: bytes, *, length: int | None = None, more: bytes = b"") -> bytes:
    """Return a reply of status 200 whose Content-Length is what it is told."""
    size = len(body) if length is None else length
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (size, more, body)
