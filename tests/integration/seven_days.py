"""Seven days on two Celery workers, one of which is killed: every day right, nothing paid twice.

Not collected by `make test`, because of its name: `make test-integration` names it. What it took is
written to `build/integration.json`.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from airquery.testing import EndpointServer
from tests.integration.celery_airflow import (
    FOLDER,
    ROWS,
    backfill,
    celery_airflow,
    expected,
    rows,
    run_partition,
    tries,
)


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operators.backfill.airflow_server import AirflowServer
    from tests.postgres_server import PostgresServer

FIGURES = FOLDER.parents[1] / "build" / "integration.json"
DAYS = [f"2026-11-0{number}" for number in range(1, 8)]
ALL = len(DAYS) * ROWS
BATCHED = "2026-10-01"
SEVEN = ("--from", DAYS[0], "--to", DAYS[-1], "--max-active-runs", "7")


@pytest.fixture
def endpoint() -> Iterator[EndpointServer]:
    with EndpointServer(latency_s=0.5) as server:
        yield server


@pytest.fixture
def airflow(
    endpoint: EndpointServer, postgres: PostgresServer, tmp_path: Path
) -> Iterator[AirflowServer]:
    with celery_airflow(tmp_path, postgres, endpoint, concurrency=2) as airflow:
        yield airflow


def test_a_killed_worker_costs_no_row_and_no_second_payment(
    airflow: AirflowServer, endpoint: EndpointServer, tmp_path: Path
) -> None:
    began = time.monotonic()
    first = backfill(airflow, tmp_path, *SEVEN)
    while endpoint.count < ALL // 4:
        time.sleep(0.1)
    memory = airflow.memory_mb()
    killed = datetime.now(UTC)
    airflow.kill("worker-1")
    code, lines = first.end()
    took = time.monotonic() - began

    assert (code, lines[-1]) == (0, "opinions: 7 days: 7 success"), first.said
    assert "Detected a task instance without a heartbeat" in airflow.log
    assert rows(tmp_path / "warehouse") == expected(*DAYS)
    asked = Counter(str(one.body) for one in endpoint.requests)
    assert (len(asked), max(asked.values())) == (ALL, 1)
    again = [one for one in tries(airflow) if one["try_number"] > 1]
    assert again
    starts = [datetime.fromisoformat(one["start_date"]) for one in again]

    began = time.monotonic()
    code, lines = backfill(airflow, tmp_path, *SEVEN, "--reprocess", "completed").end()

    assert (code, lines[-1]) == (0, "opinions: 7 days: 7 success")
    assert lines[-2].startswith(f"paid: 0 requests sent, {ALL} from the journal")
    assert rows(tmp_path / "warehouse") == expected(*DAYS)
    sent = endpoint.count
    assert sent == ALL

    # The same questions by partition key, in a run that has no date: answered already.
    assert run_partition(airflow, "keyed", DAYS[0]) == "success"
    assert rows(tmp_path / "warehouse", "keyed") == expected(DAYS[0])
    assert endpoint.count == ALL

    # Other questions in a batch, which a trigger waits for.
    endpoint.hold_batches()
    left: list[int] = []

    def let_it_end() -> None:
        left.append(len(endpoint.batches))
        endpoint.hold_batches(held=False)

    assert run_partition(airflow, "batched", BATCHED, when_deferred=let_it_end) == "success"
    assert rows(tmp_path / "warehouse", "batched") == expected(BATCHED)
    assert left == [1]
    assert [len(one.bodies) for one in endpoint.batches] == [ROWS]
    figures = {
        "seconds_of_the_backfill": round(took, 1),
        "seconds_of_reprocessing": round(time.monotonic() - began, 1),
        "memory_mb": memory,
        "tasks_tried_again": len(again),
        "seconds_until_they_were": round((max(starts) - killed).total_seconds(), 1),
        "requests": ALL,
        "requests_sent_twice": sent - ALL,
    }
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
