"""Days that succeed, unless a file in the test's folder holds them up or lets them fail."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from airflow.sdk import CronDataIntervalTimetable, dag, task


# A test that failed leaves no task behind that waits for ever.
HELD_AT_MOST_S = 120
FOLDER = Path(os.environ["BACKFILL_TEST_FOLDER"])


@task
def work(ds: str | None = None) -> None:
    give_up = time.monotonic() + HELD_AT_MOST_S
    while (FOLDER / f"hold-{ds}").exists() and time.monotonic() < give_up:
        time.sleep(0.1)
    if (FOLDER / f"fail-{ds}").exists():
        raise ValueError(f"{ds} is a bad day")


@dag(
    "days",
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    # What the scheduler itself would run is over.
    end_date=datetime(2026, 11, 9, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
)
def days() -> None:
    work()


days()
