"""An endpoint in a process of its own, so that its CPU is not the client's."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING

from airquery.testing import EndpointServer


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MEDIAN_S = 0.2
SIGMA = 0.6


def latency_s(prompt: str) -> float:
    """Return how long the answer to a prompt takes: always the same for the same prompt."""
    seed = blake2b(prompt.encode(), digest_size=8).digest()
    return MEDIAN_S * math.exp(random.Random(seed).gauss(0, SIGMA))  # noqa: S311


def _latency_of(body: Mapping[str, object]) -> float:
    messages = body["messages"]
    return latency_s(messages[-1]["content"])  # type: ignore[index]


@contextmanager
def endpoint_process(*, slow: bool) -> Iterator[str]:
    """Start the server and give its URL."""
    command = [sys.executable, "-m", "tests.benchmarks.server", "slow" if slow else "fast"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("the pipes were not made")
        yield process.stdout.readline().strip()
        process.stdin.close()


if __name__ == "__main__":
    wanted = _latency_of if sys.argv[1] == "slow" else 0.0
    with EndpointServer(latency_s=wanted, record=False) as server:
        print(server.url, flush=True)
        sys.stdin.read()
