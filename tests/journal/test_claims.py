"""Who may send a request, among processes that share a journal."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from airquery.journal.sqlite_store import SqliteJournal
from tests.journal.test_sqlite_store import record


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = [record(n).key for n in range(1200)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def one(path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(path)
    yield journal
    journal.close()


@pytest.fixture
def other(path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(path)
    yield journal
    journal.close()


def claimed_in_time(journal: SqliteJournal, keys: list[bytes]) -> set[bytes]:
    """Claim until all keys are had; what is given back is given back soon, not at once."""
    had: set[bytes] = set()
    while len(had) < len(keys):
        had |= journal.claim([key for key in keys if key not in had])
        time.sleep(0.01)
    return had


def write_claim(path: Path, owner: str, *, expires_in_s: float) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        row = (KEYS[0], owner, time.time() + expires_in_s)
        database.execute("INSERT INTO claim VALUES (?, ?, ?)", row)


def test_a_key_is_given_to_one_of_two(one: SqliteJournal, other: SqliteJournal) -> None:
    assert one.claim(KEYS[:800]) == set(KEYS[:800])
    assert other.claim(KEYS) == set(KEYS[800:])


def test_what_was_answered_is_given_to_nobody(one: SqliteJournal, other: SqliteJournal) -> None:
    one.claim(KEYS[:1])
    one.append(record(0)).result(timeout=30)

    assert other.claim(KEYS[:2]) == {KEYS[1]}
    assert one.claim(KEYS[:1]) == set()


def test_what_is_given_back_can_be_had_by_the_other(
    one: SqliteJournal, other: SqliteJournal
) -> None:
    one.claim(KEYS[:10])
    other.release(KEYS[:10])  # not its own: without effect
    assert other.claim(KEYS[:10]) == set()

    one.release(KEYS[:5])

    assert claimed_in_time(other, KEYS[:5]) == set(KEYS[:5])
    assert other.claim(KEYS[5:10]) == set()


def test_a_key_that_was_taken_again_is_not_given_back_late(
    one: SqliteJournal, other: SqliteJournal
) -> None:
    for _ in range(20):
        one.claim(KEYS[:1])
        one.release(KEYS[:1])
    one.claim(KEYS[:1])
    one.claim([KEYS[1]])
    one.release([KEYS[1]])
    claimed_in_time(other, [KEYS[1]])  # all that was given back before has been written by now

    assert other.claim(KEYS[:1]) == set()


def test_closing_gives_everything_back(path: Path, other: SqliteJournal) -> None:
    leaving = SqliteJournal(path)
    leaving.claim(KEYS)
    leaving.close()

    assert other.claim(KEYS) == set(KEYS)


def test_the_claims_of_a_killed_process_are_free_at_once(path: Path, other: SqliteJournal) -> None:
    program = (
        "import sys, time; from pathlib import Path;"
        "from airquery.journal.sqlite_store import SqliteJournal;"
        "from tests.journal.test_claims import KEYS;"
        "print(len(SqliteJournal(Path(sys.argv[1])).claim(KEYS)), flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "1200\n"
        assert other.claim(KEYS) == set()
        owner.kill()
        owner.wait()

        assert other.claim(KEYS) == set(KEYS)


def test_a_claim_from_another_machine_holds_until_its_lease_ends(
    path: Path, one: SqliteJournal
) -> None:
    write_claim(path, f"another-machine {os.getpid()} x", expires_in_s=0.5)
    assert one.claim(KEYS[:1]) == set()

    assert claimed_in_time(one, KEYS[:1]) == {KEYS[0]}


def test_a_release_that_cannot_be_written_is_tried_again_without_haste(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = SqliteJournal(path)
    journal.claim(KEYS[:1])
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("DROP TABLE claim")
    journal.release(KEYS[:1])
    time.sleep(0.3)
    journal.close()

    assert 1 <= caplog.text.count("claims not written, trying again") <= 3


def test_a_living_owner_renews_its_claims(path: Path, other: SqliteJournal) -> None:
    living = SqliteJournal(path, lease_s=0.3)
    living.claim(KEYS[:1])
    time.sleep(1.0)

    assert other.claim(KEYS[:1]) == set()
    living.close()
