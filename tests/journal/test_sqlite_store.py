"""What only the journal in a file does; what every journal does is in test_sqlite_and_postgres.py."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from airquery.errors import JournalError
from airquery.journal.sqlite_store import SqliteJournal
from tests.journal.records import KEYS, record


def test_closing_leaves_no_file_open(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    journal.claim([record(1).key])
    journal.append(record(1)).result(timeout=30)
    journal.get_many([record(1).key])
    journal.close()

    opened = [file.path for file in psutil.Process().open_files()]
    assert [path for path in opened if path.startswith(str(tmp_path))] == []


def test_some_answers_of_an_endpoint_are_found_in_a_journal_of_the_first_shape(
    tmp_path: Path,
) -> None:
    shape = Path(__file__).with_name("without_rowid.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "journal.db")) as first:
        first.execute(shape)
        first.execute("PRAGMA user_version = 1")
    journal = SqliteJournal(tmp_path / "journal.db")
    journal.append(record(1)).result(timeout=30)

    found = journal.recent("e", most=2)
    journal.close()

    assert found == [record(1)]


def test_a_journal_of_the_first_shape_is_used_as_it_is(tmp_path: Path) -> None:
    shape = Path(__file__).with_name("without_rowid.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "journal.db")) as first:
        first.execute(shape)
        first.execute("PRAGMA user_version = 1")
    journal = SqliteJournal(tmp_path / "journal.db")
    journal.append(record(1, b"first")).result(timeout=30)
    for body, replace in ((b"second", False), (b"third", True)):
        journal.append(record(1, body), replace=replace).result(timeout=30)

    assert journal.claim([record(1).key, record(2).key]).keys == {record(2).key}
    assert journal.get_many([record(1).key]) == {record(1).key: record(1, b"third")}
    journal.close()


def test_a_file_that_somebody_holds_is_not_said_to_be_broken(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalError, match="Another process has held it") as caught:
            SqliteJournal(path, busy_timeout_s=0.1)
    assert caught.value.retryable


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    SqliteJournal(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    before = path.read_bytes()

    with pytest.raises(JournalError, match=r"written by a newer airquery \(schema 99"):
        SqliteJournal(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["rubbish", "folder", "unwritable"])
def test_a_file_that_cannot_be_a_journal_is_named_with_the_mend(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "journal.db"
    if kind == "rubbish":
        path.write_bytes(b"this is no database, but long enough to look like a file" * 50)
    elif kind == "folder":
        path.mkdir()
    else:
        path = tmp_path / "file" / "journal.db"
        path.parent.write_text("a file where a folder should be")

    with pytest.raises(JournalError, match="AIRQUERY_JOURNAL") as caught:
        SqliteJournal(path)
    assert str(path) in str(caught.value)


def test_an_index_that_points_at_other_rows_gives_no_request_the_answer_of_another(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    with closing(SqliteJournal(path)) as journal:
        for done in [journal.append(record(n)) for n in range(4)]:
            done.result(timeout=30)
    roots = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("CREATE TABLE other (key BLOB NOT NULL PRIMARY KEY)")
        file.execute("INSERT INTO other SELECT key FROM answer ORDER BY rowid DESC")
        (damaged,) = file.execute(roots, ("sqlite_autoindex_other_1",)).fetchone()
        file.execute("PRAGMA writable_schema = ON")
        given = (damaged, "sqlite_autoindex_answer_1")
        file.execute("UPDATE sqlite_schema SET rootpage = ? WHERE name = ?", given)

    with closing(SqliteJournal(path)) as journal:
        assert journal.get_many(KEYS[:4]) == {}
        assert journal.claim(KEYS[:4]).keys == set(KEYS[:4])
