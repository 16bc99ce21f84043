"""The benchmark measures what it says: its bound, its endpoint's faults, and a run from end to end."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request

import pytest

from tests.benchmarks.bound import first_in_first_out_s, longest_first_s, shared_evenly_s
from tests.benchmarks.environments import environment, peers
from tests.benchmarks.measuring import measure
from tests.benchmarks.page import write
from tests.benchmarks.report import read_json, write_json
from tests.benchmarks.scenarios import SCENARIOS, Scenario
from tests.benchmarks.script import Script
from tests.benchmarks.server import OPENER, endpoint_process, reset, stats_of


if TYPE_CHECKING:
    from pathlib import Path


def ask(url: str, text: str, path: str = "/v1/chat/completions") -> tuple[int, Any, str | None]:
    """Return the status, the body and Retry-After of one request."""
    bodies = {
        "/v1/chat/completions": {"messages": [{"role": "user", "content": text}]},
        "/v1/responses": {"input": text},
        "/v1/embeddings": {"input": [text]},
    }
    data = json.dumps(bodies[path]).encode()
    request = Request(f"{url}{path}", data=data, headers={"Content-Type": "application/json"})  # noqa: S310
    try:
        with OPENER.open(request) as reply:
            return reply.status, json.load(reply), reply.headers["Retry-After"]
    except HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal), refusal.headers["Retry-After"]


@pytest.mark.parametrize(
    ("latencies_s", "cap", "in_order", "longest_first", "shared"),
    [
        ([], 2, 0.0, 0.0, 0.0),
        ([3.0], 2, 3.0, 3.0, 3.0),
        ([1.0, 1.0, 1.0, 1.0], 2, 2.0, 2.0, 2.0),
        ([1.0, 1.0, 4.0], 2, 5.0, 4.0, 4.0),
        ([2.0, 1.0, 1.0, 3.0, 1.0], 1, 8.0, 8.0, 8.0),
        ([4.0, 1.0, 2.0, 3.0], 2, 6.0, 5.0, 5.0),
    ],
)
def test_the_bound_is_the_schedule_that_never_pauses(
    latencies_s: list[float], cap: int, in_order: float, longest_first: float, shared: float
) -> None:
    assert first_in_first_out_s(latencies_s, cap) == in_order
    assert longest_first_s(latencies_s, cap) == longest_first
    assert shared_evenly_s(latencies_s, cap) == shared


def test_a_script_survives_the_command_line() -> None:
    script = Script(cap=3, poison=(1, 2), hangs=(4,), tokens_per_s=100.0)

    assert Script.from_json(script.to_json()) == script


def test_rows_take_the_same_lognormal_time_whenever_they_are_asked_for() -> None:
    script = Script(median_s=0.2, sigma=0.6)
    latencies_s = sorted(script.latency_s(row) for row in range(2001))

    assert latencies_s == sorted(script.latency_s(row) for row in range(2001))
    assert latencies_s[1000] == pytest.approx(0.2, rel=0.05)
    assert latencies_s[1683] / latencies_s[1000] == pytest.approx(1.822, rel=0.1)  # one sigma


def test_beyond_the_cap_a_request_is_told_to_come_again() -> None:
    script = Script(median_s=1.0, sigma=0.0, cap=2)
    with endpoint_process(script=script) as url, ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda row: ask(url, f"row {row}"), range(4)))
        stats = stats_of(url)

    assert sorted((status, wait) for status, _, wait in replies if status != 200) == [
        (429, "1"),
        (429, "1"),
    ]
    assert stats["statuses"] == {"200": 2, "429": 2}
    assert (stats["rows"], stats["in_flight_max"], stats["connections"]) == (2, 2, 4)
    assert stats["in_flight_s"] == pytest.approx(2.0, abs=0.3)
    assert stats["window_s"] == pytest.approx(1.0, abs=0.5)


def test_faults_hit_the_rows_that_the_script_names() -> None:
    script = Script(median_s=0.0, fails_once=1.0, poison=(7,), hangs=(3,), hang_s=0.5)
    with endpoint_process(script=script) as url:
        statuses = [ask(url, f"row {row}")[0] for row in (1, 1, 7, 7, 3, 3)]
        stats = stats_of(url)
        reset(url)
        begun_again = ask(url, "row 1")[0]

    assert statuses == [503, 200, 400, 400, 503, 200]
    assert (stats["requests"], stats["rows"], stats["requests_per_row_max"]) == (6, 2, 2)
    assert begun_again == 503


def test_a_row_hangs_once() -> None:
    with endpoint_process(script=Script(median_s=0.0, hangs=(3,), hang_s=0.5)) as url:
        began = time.monotonic()
        first, _, _ = ask(url, "row 3")
        hung_s = time.monotonic() - began
        second, _, _ = ask(url, "row 3")
        again_s = time.monotonic() - began - hung_s
        stats = stats_of(url)

    assert (first, second) == (200, 200)
    assert hung_s >= 0.5 > again_s
    assert (stats["answers"], stats["rows"]) == (2, 1)


def test_the_endpoint_speaks_three_formats() -> None:
    with endpoint_process(slow=False) as url:
        _, chat, _ = ask(url, "row 5")
        _, response, _ = ask(url, "row 5", "/v1/responses")
        _, embeddings, _ = ask(url, "row 5", "/v1/embeddings")

    assert chat["choices"][0]["message"]["content"] == "answer to row 5"
    assert response["output"][0]["content"][0]["text"] == "answer to row 5"
    assert len(embeddings["data"][0]["embedding"]) == 8
    assert chat["usage"]["total_tokens"] > chat["usage"]["completion_tokens"] == 50


def test_what_earlier_requests_began_with_is_cached() -> None:
    script = Script(median_s=0.0, prefill_tokens_per_s=100_000.0)
    text = "x" * 1000
    with endpoint_process(script=script) as url:
        used = [ask(url, f"{text} row {row}")[1]["usage"] for row in (1, 2)]

    assert [usage["prompt_tokens_details"]["cached_tokens"] for usage in used] == [0, 256]


def test_a_run_of_fifty_rows_gives_a_row_of_results(tmp_path: Path) -> None:
    scenario = Scenario(
        name="healthy",
        question="?",
        script=Script(median_s=0.01, cap=16),
        rows=50,
        told=16,
    )
    where = environment("airquery", tmp_path, make=False)
    assert where is not None

    found = measure(scenario, "airquery", where, commit="c0ffee")

    assert (found.error, found.answered, found.lost, found.requests) == (None, 50, 0, 50)
    assert (found.paid_twice, found.refused, found.requests_per_row) == (0, {}, 1.0)
    assert found.ratio is not None
    # The bound is of rows in their order, which is not the shortest there is.
    assert found.ratio > 0.5
    assert found.in_flight_max <= 16
    assert found.peak_mb > 20
    write_json(
        tmp_path / "results.json",
        {"cores": 2, "memory_gb": 4, "system": "x", "python": "3"},
        [found],
        {},
    )
    assert read_json(tmp_path / "results.json") == [found]
    write(tmp_path / "page.md", tmp_path / "results.json")
    assert "| airquery | " in (tmp_path / "page.md").read_text()
    assert (tmp_path / "benchmarks" / "healthy.svg").read_text().startswith("<svg ")


def test_every_peer_says_what_it_needs_and_every_scenario_has_someone_to_measure() -> None:
    offered = {client for clients in peers().values() for client in clients}

    assert {"airquery", "airquery:inline", "openai"} <= offered
    for scenario in SCENARIOS.values():
        assert any(scenario.admits(client) for client in offered), scenario.name
