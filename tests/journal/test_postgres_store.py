"""What only the journal on a server does: it comes back when the server does, and keeps its password."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.connection import close_engines
from airquery.errors import InvalidSetting, JournalError
from airquery.journal.postgres_store import PostgresJournal, _write
from airquery.journal.record import stored
from airquery.settings import Settings
from airquery.sqlfn.register import session_of
from tests.journal.records import KEYS, record
from tests.postgres_server import PASSWORD


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres_server import PostgresServer

VERSION = "SELECT version FROM airquery.journal_version"


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def journal(url: str) -> Iterator[PostgresJournal]:
    with closing(PostgresJournal(url)) as journal:
        yield journal


def test_everything_works_on_after_the_server_was_restarted(
    postgres: PostgresServer, journal: PostgresJournal
) -> None:
    assert journal.claim(KEYS[:2]).keys == set(KEYS[:2])
    journal.append(record(0)).result(timeout=30)

    postgres.restart()

    assert journal.get_many(KEYS[:2]) == {KEYS[0]: record(0)}
    assert journal.claim(KEYS[:2]).keys == {KEYS[1]}
    journal.append(record(1)).result(timeout=30)
    assert len(journal.get_many(KEYS[:2])) == 2


def test_what_is_asked_while_the_server_is_away_is_done_when_it_is_back(
    postgres: PostgresServer, journal: PostgresJournal
) -> None:
    found: list[int] = []
    postgres.stop()
    written = journal.append(record(0))
    reading = threading.Thread(target=lambda: found.append(len(journal.get_many(KEYS[1:2]))))
    reading.start()
    assert not written.done()

    postgres.start()

    written.result(timeout=30)
    reading.join(timeout=30)
    assert found == [0]


def test_a_record_that_the_server_refuses_takes_no_other_with_it(journal: PostgresJournal) -> None:
    good, bad = journal.append(record(0)), journal.append(record(1)._replace(model="a\0b"))

    good.result(timeout=30)
    with pytest.raises(JournalError, match="NUL"):
        bad.result(timeout=30)


def test_a_server_that_stays_away_is_named_without_the_password(
    postgres: PostgresServer, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    journal = PostgresJournal(url, patience_s=0.1)
    postgres.stop()
    try:
        with pytest.raises(JournalError, match=r"journal in the database test\d+ at 127.0.0.1:"):
            journal.get_many(KEYS[:1])
        problem = journal.append(record(0)).exception(timeout=30)
        with pytest.raises(JournalError, match="AIRQUERY_JOURNAL"):
            PostgresJournal(url)
    finally:
        postgres.start()
    journal.close()

    assert isinstance(problem, JournalError)
    assert problem.retryable
    assert PASSWORD not in f"{problem}{journal!r}{caplog.text}"


@pytest.mark.parametrize(
    "broken",
    [
        f"postgresql://u:{PASSWORD}@127.0.0.1:1/d",
        f"postgresql://u:{PASSWORD}@[::1/d",
        f"postgresql://u:{PASSWORD}@127.0.0.1:port/d",
        f"postgresql://127.0.0.1:1/d?user=u&password={PASSWORD}",
        f"postgresql://u:{PASSWORD}@127.0.0.1:1/d?nonsense=1",
    ],
)
def test_a_url_that_leads_nowhere_is_told_without_its_password(broken: str) -> None:
    with pytest.raises(JournalError) as caught:
        PostgresJournal(broken)

    assert "AIRQUERY_JOURNAL" in str(caught.value)
    assert caught.value.__cause__ is None
    assert PASSWORD not in str(caught.value)


def test_a_password_that_is_not_written_as_in_a_url_is_refused_unseen() -> None:
    with pytest.raises(InvalidSetting, match="%40") as caught:
        Settings.read(journal="postgresql://u:geh@im/7f3a@h/d")

    assert "im/7f3a" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_the_settings_keep_the_url_and_show_no_password(scheme: str) -> None:
    settings = Settings.read(journal=f"{scheme}://u:{PASSWORD}@h:5432/d?sslpassword={PASSWORD}")

    assert settings.journal == f"postgresql://u:{PASSWORD}@h:5432/d?sslpassword={PASSWORD}"
    assert "journal='postgresql://u:***@h:5432/d?sslpassword=***'" in repr(settings)
    assert PASSWORD not in repr(settings)


def test_a_connection_shows_no_password(url: str, tmp_path: Path) -> None:
    settings = Settings.read(journal=url, home=tmp_path)
    with closing(airquery.connect(settings=settings)) as connection:
        session = session_of(connection)
        close_engines()

    assert session is not None
    assert PASSWORD not in repr(session)


def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_is(
    postgres: PostgresServer, url: str
) -> None:
    PostgresJournal(url).close()
    postgres.execute(url, "UPDATE airquery.journal_version SET version = 99")

    with pytest.raises(JournalError, match=r"written by a newer airquery \(schema 99"):
        PostgresJournal(url)
    assert postgres.execute(url, VERSION) == [(99,)]


def test_a_user_who_may_not_create_is_told_so_and_uses_what_others_made(
    postgres: PostgresServer, url: str
) -> None:
    role = url.rpartition("/")[2] + "_role"
    postgres.execute(url, f"CREATE ROLE {role} LOGIN")
    theirs = url.replace("//tester:", f"//{role}:")
    with pytest.raises(JournalError, match="permission denied"):
        PostgresJournal(theirs)

    PostgresJournal(url).close()
    postgres.execute(url, f"GRANT USAGE ON SCHEMA airquery TO {role}")
    tables = "ALL TABLES IN SCHEMA airquery"
    postgres.execute(url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {role}")
    with closing(PostgresJournal(theirs)) as journal:
        journal.append(record(0)).result(timeout=30)
        assert len(journal.get_many(KEYS[:1])) == 1


def test_an_answer_is_on_disk_even_where_the_server_commits_early(
    postgres: PostgresServer, url: str
) -> None:
    postgres.execute(url, "ALTER ROLE tester SET synchronous_commit = off")
    try:
        with closing(PostgresJournal(url)) as journal:
            setting: list[str] = []

            def write(cursor: Any) -> None:
                _write(cursor, [stored(record(0))], [], [])
                cursor.execute("SHOW synchronous_commit")
                setting.extend(cursor.fetchone())

            journal._writing.run(write)
            assert setting == ["on"]
    finally:
        postgres.execute(url, "ALTER ROLE tester RESET synchronous_commit")


def test_without_the_driver_its_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['psycopg2'] = None\n"
        "from airquery.journal.opening import open_journal\n"
        "open_journal('postgresql://u@h/d')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=os.environ
    )

    assert "pip install 'airquery[postgres]'" in ended.stderr.splitlines()[-1]
