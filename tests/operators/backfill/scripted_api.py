"""A real HTTP server on loopback that plays Airflow's API: a DAG with runs, and answers by script."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import defaultdict, deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit


if TYPE_CHECKING:
    from collections.abc import Iterator

DAG = "daily"
PASSWORD = "geheim-9d2c"  # noqa: S105 - of nobody
TOKEN = "token-geheim-77"  # noqa: S105 - as above
BACKFILL = {
    "id": 7,
    "dag_id": DAG,
    "from_date": "2026-11-01T00:00:00Z",
    "to_date": "2026-11-03T23:59:59Z",
    "reprocess_behavior": "none",
    "dag_run_conf": {},
    "is_paused": False,
    "created_at": "2026-11-10T00:00:00Z",
    "completed_at": None,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `delay_s` is how long it takes. It may come with a SIGTERM for who asked."""

    status: int
    body: Any = field(default_factory=dict)
    delay_s: float = 0.0
    stops: bool = False
    location: str | None = None


def run(day: str, state: str, **more: object) -> dict[str, object]:
    """Return a run of a day as the API tells it."""
    return {
        "dag_run_id": f"backfill__{day}",
        "logical_date": f"{day}T03:00:00Z",
        "partition_key": None,
        "state": state,
        "start_date": "2026-11-10T00:00:01Z",
        "end_date": "2026-11-10T00:00:02Z" if state in {"success", "failed"} else None,
        **more,
    }


def planned(*days: str) -> Reply:
    """Answer a dry run."""
    return Reply(200, {"backfills": [{"logical_date": f"{day}T03:00:00Z"} for day in days]})


def listed(member: str, *found: object) -> Reply:
    """Answer with a list."""
    return Reply(200, {member: list(found), "total_entries": len(found)})


class ScriptedApi:
    """Answers each `METHOD /path` by its script; the last reply of a script stays.

    A DAG that is not paused, no running backfill and no runs are there without a script.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, dict[str, list[str]], Any, str | None]] = []
        self._scripts: dict[str, deque[Reply]] = defaultdict(deque)
        details = {"is_paused": False, "timezone": "UTC", "timetable_partitioned": False}
        self.script(f"GET /dags/{DAG}/details", Reply(200, details))
        self.script("GET /backfills", listed("backfills"))
        self.script(f"GET /dags/{DAG}/dagRuns", listed("dag_runs"))
        self.script(f"GET /dags/{DAG}/dagRuns/~/taskInstances", listed("task_instances"))

    def script(self, what: str, *replies: Reply) -> None:
        """Set what `METHOD /path` answers, one after another."""
        self._scripts[what] = deque(replies)

    def requests(self, what: str) -> list[Any]:
        """Return the bodies of all requests of `METHOD /path`."""
        return [body for name, _, body, _ in self.asked if name == what]

    def answer(self, what: str, query: dict[str, list[str]], body: Any, key: str | None) -> Reply:
        """Note a request and return the reply."""
        self.asked.append((what, query, body, key))
        script = self._scripts[what]
        if not script and what.endswith("/taskInstances"):
            return listed("task_instances")
        if not script:
            return Reply(404, {"detail": f"nothing is scripted for {what}"})
        return script.popleft() if len(script) > 1 else script[0]


@contextmanager
def scripted_api() -> Iterator[ScriptedApi]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Write nothing."""

        def _reply(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            parts = urlsplit(self.path)
            what = f"{self.command} {parts.path.removeprefix('/api/v2')}"
            reply = api.answer(what, parse_qs(parts.query), body, self.headers["authorization"])
            if reply.stops:
                os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(reply.delay_s)
            said = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            try:
                self.send_response(reply.status)
                if reply.location:
                    self.send_header("location", reply.location)
                self.send_header("content-length", str(len(said.encode())))
                self.end_headers()
                self.wfile.write(said.encode())
            except BrokenPipeError:
                # Who asked did not wait.
                self.close_connection = True

        do_GET = do_POST = do_PUT = _reply  # noqa: N815 - as http.server calls them

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api = ScriptedApi(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
