"""A server beyond every network of the engine: what stands for the internet, on this machine."""

from __future__ import annotations

import subprocess
import sys
from typing import Self


# Of the addresses that are kept for measuring networks, and lead nowhere else (RFC 2544).
HERE, THERE = "198.18.0.1", "198.18.0.2"
PORT = 8000
SERVER = f"""
import socketserver
with socketserver.TCPServer(("", {PORT}), socketserver.BaseRequestHandler) as server:
    print("listens", flush=True)
    server.serve_forever()
"""
_TRY = f"timeout 3 bash -c '</dev/tcp/{THERE}/{PORT}' 2>/dev/null"
# In a container: says whether the server is reached from there.
REACH = ("bash", "-c", f"if {_TRY}; then echo reached; else echo not reached; fi")


class Beyond:
    """In a network namespace of its own, which this machine leads to. Wants Linux and root."""

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            ["unshare", "--net", sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True
        )
        try:
            assert self._server.stdout
            assert self._server.stdout.readline() == "listens\n"
            self._lead_there()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the server: its namespace goes with it, and the link with that."""
        self._server.kill()
        self._server.communicate()

    def _lead_there(self) -> None:
        process = str(self._server.pid)
        there = ("nsenter", "--target", process, "--net")
        peer = ("peer", "name", "aq-there", "netns", process)
        _run("ip", "link", "add", "aq-here", "type", "veth", *peer)
        _run("ip", "address", "add", f"{HERE}/30", "dev", "aq-here")
        _run("ip", "link", "set", "aq-here", "up")
        _run(*there, "ip", "address", "add", f"{THERE}/30", "dev", "aq-there")
        _run(*there, "ip", "link", "set", "aq-there", "up")
        _run(*there, "ip", "route", "add", "default", "via", HERE)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
