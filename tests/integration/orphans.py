"""A task that outlives its supervisor and its retry changes no table and pays nothing.

Not collected by `make test`, because of its name: `make test-integration` names it.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

import airquery
from airquery.testing import EndpointServer
from tests.integration.celery_airflow import (
    ROWS,
    backfill,
    celery_airflow,
    expected,
    rows,
    tries,
)


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operators.backfill.airflow_server import AirflowServer
    from tests.postgres_server import PostgresServer

AT_ONCE = 8
ALIVE, STOPPED = "2026-11-01", "2026-11-02"
WITHIN_S = 120.0


@pytest.fixture
def endpoint() -> Iterator[EndpointServer]:
    with EndpointServer(latency_s=6.0) as server:
        yield server


@pytest.fixture
def airflow(
    endpoint: EndpointServer, postgres: PostgresServer, tmp_path: Path
) -> Iterator[AirflowServer]:
    with celery_airflow(tmp_path, postgres, endpoint, concurrency=AT_ONCE) as airflow:
        yield airflow


def asking(endpoint: EndpointServer) -> psutil.Process:
    """Find the task that talks with the endpoint."""
    port = int(endpoint.url.rpartition(":")[2])
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        for one in psutil.process_iter():
            if one.pid != os.getpid() and port in _remote_ports(one):
                return one
        time.sleep(0.05)
    raise AssertionError("Nobody talks with the endpoint.")


def supervisor_of(task: psutil.Process) -> psutil.Process:
    """Return the process that Airflow started the task from."""
    supervisor = task.parent()
    assert supervisor is not None
    return supervisor


def _remote_ports(process: psutil.Process) -> set[int]:
    with suppress(psutil.Error):
        return {one.raddr.port for one in process.net_connections("tcp4") if one.raddr}
    return set()


def test_an_orphan_neither_writes_nor_pays(
    airflow: AirflowServer, endpoint: EndpointServer, tmp_path: Path
) -> None:
    warehouse = airquery.Warehouse(tmp_path / "warehouse")

    # It goes on beside its retry: the answers it is asking for are waited for, not asked again.
    first = backfill(airflow, tmp_path, "--from", ALIVE, "--to", ALIVE)
    orphan = asking(endpoint)
    supervisor_of(orphan).kill()
    while [(one["try_number"], one["state"]) for one in tries(airflow)] != [(2, "running")]:
        assert orphan.is_running()
        time.sleep(0.2)
    assert orphan.is_running()
    code, lines = first.end()
    psutil.wait_procs([orphan], timeout=WITHIN_S)

    assert (code, lines[-1]) == (0, "opinions: 1 day: 1 success"), first.said
    assert [one["try_number"] for one in tries(airflow)] == [2]
    assert not orphan.is_running()
    assert rows(tmp_path / "warehouse") == expected(ALIVE)
    asked = Counter(str(one.body) for one in endpoint.requests)
    assert (len(asked), max(asked.values())) == (ROWS, 1)

    # It stops before it can publish, and goes on when its retry has published.
    second = backfill(airflow, tmp_path, "--from", STOPPED, "--to", STOPPED)
    while endpoint.count < 2 * ROWS:
        time.sleep(0.05)
    orphan = asking(endpoint)
    supervisor = supervisor_of(orphan)
    # In this order: the kernel ends a stopped process whose last parent goes.
    supervisor.kill()
    supervisor.wait()
    orphan.suspend()
    code, lines = second.end()

    assert (code, lines[-1]) == (0, "opinions: 1 day: 1 success"), second.said
    assert rows(tmp_path / "warehouse") == expected(ALIVE, STOPPED)
    version, sent = warehouse.version("test.opinions"), endpoint.count
    # What was in flight when it stopped is lost with it, and nothing else.
    assert sent <= 2 * ROWS + AT_ONCE

    assert orphan.status() == psutil.STATUS_STOPPED
    orphan.send_signal(signal.SIGCONT)
    psutil.wait_procs([orphan], timeout=WITHIN_S)

    assert not orphan.is_running()
    assert (warehouse.version("test.opinions"), endpoint.count) == (version, sent)
    assert rows(tmp_path / "warehouse") == expected(ALIVE, STOPPED)
