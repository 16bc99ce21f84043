"""What is kept of runs and tasks can be read back, whichever database keeps it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import airquery
import airquery_sql
from airquery.errors import JournalError
from airquery.records import DayUsage, records_of
from tests.records.samples import ATTEMPT, DAY_S, RUN, USAGE, attempt, run


if TYPE_CHECKING:
    from pathlib import Path

    from airquery.records import Records
    from tests.postgres_server import PostgresServer


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> airquery.Settings:
    given = {"home": str(tmp_path / "home")}
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        given["journal"] = server.new_database()
    return airquery.Settings.read(**given)


@pytest.fixture
def records(settings: airquery.Settings) -> Records:
    return records_of(settings)


def test_before_the_first_record_there_is_nothing(records: Records) -> None:
    assert records.runs(dag_id="d", run_id="r") == []
    assert records.tasks(dag_id="d", run_id="r") == []
    assert records.recent(10) == records.find("0") == []
    assert records.days(0.0) == []
    assert records.usage_rows() == []


def test_a_record_is_read_back_whole_and_written_once(records: Records) -> None:
    for _ in range(2):
        records.add_run(RUN)
        records.add_task(ATTEMPT)

    assert records.runs(dag_id="d", run_id="r") == [RUN]
    assert records.tasks(dag_id="d", run_id="r") == [ATTEMPT]
    [row] = records.usage_rows()
    assert (row["run"], row["outcome"], row["dag_id"], row["task_id"]) == (
        RUN.id,
        "partial",
        "d",
        "ask",
    )
    assert row["price"] == 0.25


def test_the_records_of_a_dag_run_of_a_task_and_of_a_mapped_one_are_found(
    records: Records,
) -> None:
    origins: list[dict[str, Any]] = [
        {"task_id": "other"},
        {"map_index": 0},
        {"map_index": 1},
        {"map_index": 1, "try_number": 2},
        {"run_id": "another"},
        {"dag_id": "another"},
    ]
    runs = [run(number, **origin) for number, origin in enumerate(origins, start=1)]
    tasks = [attempt(number, **origin) for number, origin in enumerate(origins, start=1)]
    for one, task in zip(reversed(runs), reversed(tasks), strict=True):
        records.add_run(one)
        records.add_task(task)

    for task_id, map_index, found in (
        (None, None, slice(0, 4)),
        ("other", None, slice(0, 1)),
        ("other", -1, slice(0, 1)),
        ("ask", None, slice(1, 4)),
        ("ask", 1, slice(2, 4)),
    ):
        which: dict[str, Any] = {"task_id": task_id, "map_index": map_index}
        assert records.runs(dag_id="d", run_id="r", **which) == runs[found]
        assert records.tasks(dag_id="d", run_id="r", **which) == tasks[found]


def test_a_task_says_last_how_it_ended(records: Records) -> None:
    records.add_task(ATTEMPT)
    failed = replace(ATTEMPT, state="failed", ended_at=14.0)
    records.add_task(failed)

    assert records.tasks(dag_id="d", run_id="r") == [failed]


def test_a_run_is_found_by_how_its_id_begins_and_by_how_new_it_is(records: Records) -> None:
    runs = [run(number) for number in (0x1A, 0x1B, 0x2)]
    for one in runs:
        records.add_run(one)

    assert records.find("0" * 30 + "1") == [runs[1], runs[0]]
    assert records.find(runs[2].id) == [runs[2]]
    assert records.find("%") == records.find("'") == records.find("f") == []
    assert records.recent(2) == [runs[1], runs[0]]


def test_what_was_asked_is_summed_by_day_task_and_endpoint(records: Records) -> None:
    other = replace(USAGE, endpoint="other", model=None, price=1.0)
    for kept in (
        run(1, at=1.0),
        run(2, at=DAY_S - 1),
        replace(run(3, at=DAY_S), usage=(USAGE, other)),
        run(4, at=DAY_S, dag_id=None, task_id=None, run_id=None),
    ):
        records.add_run(kept)
    both = DayUsage(
        day="1970-01-01",
        dag_id="d",
        task_id="ask",
        endpoint="llm",
        model="m",
        currency="EUR",
        runs=2,
        rows=40,
        requests=20,
        sent=16,
        from_journal=4,
        failed=2,
        not_asked=0,
        prompt_tokens=200,
        completion_tokens=100,
        price=0.5,
    )
    one = replace(
        both,
        day="1970-01-02",
        runs=1,
        rows=20,
        requests=10,
        sent=8,
        from_journal=2,
        failed=1,
        prompt_tokens=100,
        completion_tokens=50,
        price=0.25,
    )
    last = [
        replace(one, dag_id=None, task_id=None),
        one,
        replace(one, endpoint="other", model=None, price=1.0),
    ]

    assert records.days(0.0) == [both, *last]
    assert records.days(DAY_S) == last


def test_a_record_of_what_is_no_unicode_is_refused_and_nothing_of_it_is_kept(
    records: Records,
) -> None:
    with pytest.raises(JournalError, match="cannot be written"):
        records.add_run(replace(RUN, error="half a \ud800"))

    assert records.usage_rows() == []


def test_old_records_can_be_removed_and_the_bill_stays(records: Records) -> None:
    assert records.prune(100.0) == 0
    for number in (1, 2):
        records.add_run(run(number))
        records.add_task(replace(attempt(number), ended_at=float(number)))

    assert records.prune(2.0) == 2

    assert records.recent(10) == [run(2)]
    assert [one.id for one in records.tasks(dag_id="d", run_id="r")] == [run(2).id]
    assert len(records.usage_rows()) == 2


WRITER = """
import sys
import airquery
from airquery.records import records_of
from tests.records.samples import attempt, run
records = records_of(airquery.Settings.read(home=sys.argv[1], journal=sys.argv[2]))
first = int(sys.argv[3])
for number in range(first, first + 20):
    records.add_run(run(number))
    records.add_task(attempt(number))
"""


def test_processes_write_at_once_and_nothing_is_lost(
    records: Records, settings: airquery.Settings
) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(settings.home), settings.journal, str(first)]
        )
        for first in (1, 101)
    ]

    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    numbers = [*range(1, 21), *range(101, 121)]
    assert records.runs(dag_id="d", run_id="r") == [run(number) for number in numbers]
    assert records.tasks(dag_id="d", run_id="r") == [attempt(number) for number in numbers]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_file_from_before_there_were_records_keeps_its_rows(
    records: Records, settings: airquery.Settings
) -> None:
    settings.home.mkdir()
    with closing(sqlite3.connect(settings.home / "usage.db")) as file, file:
        file.execute(airquery_sql.read("records/sqlite/0001_usage.sql"))
        file.execute("INSERT INTO usage SELECT 'old', 1.0, 'complete', 'llm'" + ", 0" * 15)

    assert [(row["run"], row["dag_id"]) for row in records.usage_rows()] == [("old", None)]
    records.add_run(RUN)
    assert [row["run"] for row in records.usage_rows()] == ["old", RUN.id]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_file_that_is_none_is_named_with_what_to_do(
    records: Records, settings: airquery.Settings
) -> None:
    settings.home.mkdir()
    file = settings.home / "usage.db"
    file.write_bytes(b"this is no database at all, " * 100)

    for use in (lambda: records.add_run(RUN), lambda: records.recent(1)):
        with pytest.raises(JournalError, match=f"{file}.*Move it away"):
            use()
