"""Four processes that do not know of each other share an endpoint that takes only so much."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from airquery.testing import EndpointServer


if TYPE_CHECKING:
    from pathlib import Path

PROCESSES, ROWS, CAPACITY = 4, 300, 32
MEDIAN_S, SIGMA = 0.1, 0.6
MEAN_S = MEDIAN_S * math.exp(SIGMA**2 / 2)
# Makes everything ready, says so, and begins when it is told to.
PROGRAM = """
import sys
import airquery
from airquery.endpoints.endpoint import Endpoint
number, rows, url, home = sys.argv[1:]
endpoint = Endpoint(name="llm", task="chat", base_url=url, model="m")
connection = airquery.connect(
    registry=airquery.Registry.from_mapping({"llm": endpoint}),
    settings=airquery.Settings.read(home=home),
)
airquery.run(connection, f"SELECT ai_query('llm', 'process {number} is warm')")
print("ready", flush=True)
sys.stdin.readline()
run = airquery.run(
    connection, f"SELECT ai_query('llm', 'process {number} row ' || i) AS r FROM range({rows}) AS t(i)"
)
print(run.table.num_rows, run.stats.failed, flush=True)
"""


def test_four_processes_use_what_there_is_and_each_gets_its_share(tmp_path: Path) -> None:
    answered: list[tuple[float, str]] = []

    def answer(body: object) -> str:
        answered.append((time.monotonic(), str(body).split("process ")[1][0]))
        return "ok"

    dice = random.Random(1)  # noqa: S311
    with EndpointServer(
        answer=answer,
        latency_s=lambda _: MEDIAN_S * math.exp(dice.gauss(0, SIGMA)),
        capacity=CAPACITY,
        retry_after_s=1.0,
        record=False,
    ) as server:
        running = [
            subprocess.Popen(
                # Each has a journal of its own, as on machines of their own.
                [
                    *(sys.executable, "-c", PROGRAM, str(number), str(ROWS)),
                    *(f"{server.url}/v1", str(tmp_path / str(number))),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(PROCESSES)
        ]
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        ends = [process.communicate(timeout=120)[0] for process in running]

    assert ends == [f"{ROWS} 0\n"] * PROCESSES
    answered = answered[PROCESSES:]
    assert len(answered) == PROCESSES * ROWS
    # Until the first of them has all its answers, everybody wants as much as there is.
    first_ends = min(
        max(at for at, of in answered if of == str(number)) for number in range(PROCESSES)
    )
    until_then = [of for at, of in answered if at <= first_ends]
    shares = [until_then.count(str(n)) / len(until_then) * PROCESSES for n in range(PROCESSES)]
    assert min(shares) > 0.5
    assert max(shares) < 2.0
    ideal = (first_ends - answered[0][0]) * CAPACITY / MEAN_S
    # Five processes share two cores here; simulated, it is more than nine tenths.
    assert len(until_then) > 0.6 * ideal
