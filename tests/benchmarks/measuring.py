"""Measure one client in one scenario: start both processes, watch, and count."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tests.benchmarks.bound import first_in_first_out_s
from tests.benchmarks.server import endpoint_process, stats_of


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.environments import Environment
    from tests.benchmarks.scenarios import Scenario

CLIENT = Path(__file__).parent / "client.py"
SAMPLED_EVERY_S = 0.1
LOOKED_AT_EVERY_S = 0.02
MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """How one client did in one scenario.

    `lost` are rows that could have been answered and were not handed over, `paid_twice` answers
    beyond one for each row. `bound_s` is the schedule that no client can beat without knowing the
    latencies; `ratio` is the time from the first request to the last answer over it, `ratio_job`
    the caller's. `load` is the machine's load average just before: well above 0 others were at work
    too. A client that gave up, or was stopped at the limit, has an `error`.
    """

    scenario: str
    client: str
    version: str
    commit: str
    date: str
    rows: int
    answered: int
    lost: int
    seconds: float
    bound_s: float
    window_s: float
    ratio: float | None
    ratio_job: float | None
    rows_per_s: float
    requests: int
    requests_per_row: float
    requests_per_row_max: int
    paid_twice: int
    refused: Mapping[str, int]
    in_flight_max: int
    in_flight_mean: float
    connections: int
    client_cpu_ms_per_request: float | None
    server_cpu_ms_per_request: float | None
    peak_mb: float
    error: str | None
    load: float | None = None

    def to_json(self) -> dict[str, object]:
        """Return its fields."""
        return asdict(self)

    @property
    def place(self) -> tuple[str, str]:
        """Return what a later measurement takes the place of."""
        return self.scenario, self.client


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One life of a client's process: what it printed, and its memory at most."""

    said: Mapping[str, Any]
    peak_mb: float


def measure(
    scenario: Scenario, client: str, environment: Environment, *, commit: str
) -> Measurement:
    """Let one client meet one scenario, with an endpoint and a folder of its own."""
    load = psutil.getloadavg()[0]
    with endpoint_process(script=scenario.script) as url, tempfile.TemporaryDirectory() as folder:
        command = environment.command(CLIENT, client, _arguments(scenario, url, folder))
        runs = [_run(command, environment, scenario, url, half=scenario.how == "killed")]
        before: Mapping[str, Any] = {"requests": 0}
        if scenario.how != "once":
            before = stats_of(url) if scenario.how == "replayed" else before
            runs.append(_run(command, environment, scenario, url, half=False))
        stats = stats_of(url)
    found = _measurement(scenario, client, runs, stats, before)
    return replace(found, commit=commit, date=datetime.now(UTC).strftime("%Y-%m-%d"), load=load)


def _arguments(scenario: Scenario, url: str, folder: str) -> Sequence[str]:
    options = {
        "--base-url": f"{url}/v1",
        "--rows": scenario.rows,
        "--keep-every": scenario.keep_every,
        "--folder": folder,
        "--distinct": scenario.distinct,
        "--in-flight": scenario.told,
    }
    return [
        text for name, value in options.items() if value is not None for text in (name, str(value))
    ]


def _run(
    command: Sequence[str], environment: Environment, scenario: Scenario, url: str, *, half: bool
) -> _Run:
    """Run a client to its end, to the limit, or to the half of its rows."""
    with (
        tempfile.TemporaryFile("w+") as said,
        tempfile.TemporaryFile("w+") as complained,
        subprocess.Popen(
            command, stdout=said, stderr=complained, env=environment.variables, text=True
        ) as process,
    ):
        memory = _Memory(process.pid)
        until = time.monotonic() + scenario.limit_s
        stopped = None
        while process.poll() is None and stopped is None:
            time.sleep(LOOKED_AT_EVERY_S)
            if half and stats_of(url)["rows"] * 2 >= len(scenario.asked()):
                stopped = "killed at the half"
            elif time.monotonic() > until:
                stopped = f"stopped after {scenario.limit_s:.0f} s, its start included"
        peak_mb = memory.stop()
        if stopped is not None:
            _end(process)
        said.seek(0)
        complained.seek(0)
        return _Run(said=_last_line(said.read(), complained.read(), stopped), peak_mb=peak_mb)


def _end(process: subprocess.Popen[str]) -> None:
    """End a client and what it started, as `kill -9` does."""
    for child in psutil.Process(process.pid).children(recursive=True):
        child.kill()
    process.kill()
    process.wait()


def _last_line(said: str, complained: str, stopped: str | None) -> Mapping[str, Any]:
    for line in reversed(said.splitlines()):
        if line.startswith('{"answered"'):
            found: Mapping[str, Any] = json.loads(line)
            return found
    error = stopped or " ".join(complained.split())[-300:] or "ended without a word"
    return {"answered": 0, "seconds": 0.0, "cpu_s": None, "version": "", "error": error}


class _Memory:
    """The resident memory of a process and all below it, at most."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory")
        self._thread.start()

    def stop(self) -> float:
        """Stop watching; return the peak in MiB."""
        self._ended.set()
        self._thread.join()
        return self._peak / MEBIBYTE

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLED_EVERY_S):
            self._peak = max(self._peak, self._sampled())

    def _sampled(self) -> int:
        total = 0
        try:
            for process in (self._process, *self._process.children(recursive=True)):
                total += process.memory_info().rss
        except psutil.NoSuchProcess:
            return 0
        return total


def _measurement(
    scenario: Scenario,
    client: str,
    runs: Sequence[_Run],
    stats: Mapping[str, Any],
    before: Mapping[str, Any],
) -> Measurement:
    said, script, asked = runs[-1].said, scenario.script, scenario.asked()
    latencies = [script.latency_s(row) for row in asked if row not in script.poison]
    bound_s = first_in_first_out_s(latencies, script.cap or len(latencies))
    requests = stats["requests"] - before["requests"]
    window_s, whole = stats["window_s"], scenario.how == "once" and said["error"] is None
    comparable = whole and bound_s > 0
    return Measurement(
        scenario=scenario.name,
        client=client,
        version=said["version"] or runs[0].said["version"],
        commit="",
        date="",
        rows=len(range(0, scenario.rows, scenario.keep_every)),
        answered=said["answered"],
        lost=scenario.expected - said["answered"],
        seconds=said["seconds"],
        bound_s=bound_s,
        window_s=window_s,
        ratio=window_s / bound_s if comparable else None,
        ratio_job=said["seconds"] / bound_s if comparable else None,
        rows_per_s=said["answered"] / said["seconds"] if said["seconds"] else 0.0,
        requests=requests,
        requests_per_row=requests / len(asked),
        requests_per_row_max=stats["requests_per_row_max"],
        paid_twice=stats["answers"] - stats["rows"],
        refused={status: count for status, count in stats["statuses"].items() if status != "200"},
        in_flight_max=stats["in_flight_max"],
        in_flight_mean=stats["in_flight_s"] / window_s if window_s else 0.0,
        connections=stats["connections"],
        client_cpu_ms_per_request=_ms(said["cpu_s"], requests) if whole else None,
        server_cpu_ms_per_request=_ms(stats["cpu_s"], requests),
        peak_mb=max(run.peak_mb for run in runs),
        error=said["error"],
    )


def _ms(seconds: float | None, requests: int) -> float | None:
    return None if seconds is None or not requests else seconds / requests * 1000
