"""What every journal promises, whichever database keeps it."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING

import pytest

from airquery.journal.claims import Holder, Taken
from airquery.journal.jobs import BatchJob
from airquery.journal.spent import Spent
from airquery.journal.stats import Held, Pruned
from tests.journal.records import KEYS, opened, record


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airquery.journal.store import Journal
    from tests.postgres_server import PostgresServer


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a journal that nobody has opened yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deep' / 'journal.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def one(url: str) -> Iterator[Journal]:
    with closing(opened(url)) as journal:
        yield journal


@pytest.fixture
def other(url: str) -> Iterator[Journal]:
    with closing(opened(url)) as journal:
        yield journal


def claimed_in_time(journal: Journal, keys: list[bytes]) -> set[bytes]:
    """Claim until all keys are had; what is given back is given back soon, not at once."""
    had: set[bytes] = set()
    while len(had) < len(keys):
        had |= journal.claim([key for key in keys if key not in had]).keys
        time.sleep(0.01)
    return had


def write_claim(url: str, owner: str, *, expires_in_s: float, postgres: PostgresServer) -> None:
    if url.startswith("sqlite"):
        row = (KEYS[0], owner, time.time() + expires_in_s)
        path = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("INSERT INTO claim VALUES (?, ?, ?)", row)
    else:
        query = "INSERT INTO airquery.claim VALUES (%s, %s, now() + %s * INTERVAL '1 second')"
        postgres.execute(url, query, (KEYS[0], owner, expires_in_s))


def program(text: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", text, *arguments]


def test_what_was_acknowledged_is_read_back_whole(one: Journal) -> None:
    records = [record(n, body=bytes([n % 256]) * n) for n in range(1200)]
    for done in [one.append(r) for r in records]:
        done.result(timeout=30)

    assert one.get_many([*KEYS, b"unknown"]) == {r.key: r for r in records}
    assert one.get_many([]) == {}


def test_the_first_answer_to_a_request_stays_unless_it_is_replaced(one: Journal) -> None:
    for body, replace in ((b"first", False), (b"second", False)):
        one.append(record(1, body), replace=replace).result(timeout=30)
    assert one.get_many([KEYS[1]]) == {KEYS[1]: record(1, b"first")}

    one.append(record(1, b"third"), replace=True).result(timeout=30)
    assert one.get_many([KEYS[1]]) == {KEYS[1]: record(1, b"third")}


def test_the_last_answers_of_an_endpoint_are_found_the_newest_first(one: Journal) -> None:
    other = record(9, created_at=9.0)._replace(endpoint="other")
    kept = [record(3, created_at=1.0), record(1, created_at=2.0), other, record(2, created_at=3.0)]
    for each in kept:
        one.append(each).result(timeout=30)

    assert one.recent("e", most=2) == [kept[3], kept[1]]
    assert one.recent("nobody", most=2) == []


def test_closing_writes_what_is_waiting(url: str) -> None:
    journal = opened(url)
    waiting = [journal.append(record(n)) for n in range(500)]
    journal.close()

    assert all(done.done() for done in waiting)
    with closing(opened(url)) as again:
        assert len(again.get_many(KEYS[:500])) == 500


WRITER = """
import sys
from tests.journal.records import opened, record
journal = opened(sys.argv[1])
first = int(sys.argv[2])
for done in [journal.append(record(n)) for n in range(first, first + 300)]:
    done.result(timeout=60)
journal.close()
"""


def test_processes_write_one_journal_at_once(url: str) -> None:
    writers = [subprocess.Popen(program(WRITER, url, str(n * 200))) for n in range(4)]

    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0, 0]
    with closing(opened(url)) as journal:
        assert len(journal.get_many(KEYS[:900])) == 900


def test_threads_read_while_it_writes(one: Journal) -> None:
    for done in [one.append(record(n)) for n in range(100)]:
        done.result(timeout=30)
    counts: list[int] = []

    def read() -> None:
        counts.extend(len(one.get_many(KEYS[:100])) for _ in range(20))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    more = [one.append(record(n)) for n in range(100, 400)]
    for thread in threads:
        thread.join()
    for done in more:
        done.result(timeout=30)

    assert counts == [100] * 80


MAKER = """
import sys, time
from tests.journal.records import opened
while time.time() < float(sys.argv[2]):
    pass
opened(sys.argv[1]).close()
"""


def test_processes_that_make_the_journal_in_the_same_instant_all_get_it(url: str) -> None:
    at = str(time.time() + 1.0)
    makers = [
        subprocess.Popen(program(MAKER, url, at), stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    assert [maker.communicate(timeout=60)[1] for maker in makers] == [""] * 4


def test_a_key_is_given_to_one_of_two(one: Journal, other: Journal) -> None:
    assert one.claim(KEYS[:800]).keys == set(KEYS[:800])
    assert other.claim([*KEYS, KEYS[0]]).keys == set(KEYS[800:])
    assert one.claim([]).keys == set()


def test_of_those_that_claim_at_once_one_has_each_key(url: str) -> None:
    journals = [opened(url) for _ in range(4)]
    had: list[set[bytes]] = [set() for _ in journals]

    def take(number: int) -> None:
        for start in range(0, 400, 40):
            had[number] |= journals[number].claim(KEYS[start : start + 80]).keys

    threads = [threading.Thread(target=take, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for journal in journals:
        journal.close()

    assert set().union(*had) == set(KEYS[:440])
    assert sum(map(len, had)) == 440


def test_what_was_answered_is_given_to_nobody(one: Journal, other: Journal) -> None:
    one.claim(KEYS[:1])
    one.append(record(0)).result(timeout=30)

    assert other.claim(KEYS[:2]).keys == {KEYS[1]}
    assert one.claim(KEYS[:1]).keys == set()


def test_what_is_answered_while_others_claim_it_is_asked_once(one: Journal, other: Journal) -> None:
    assert one.claim(KEYS[:300]).keys == set(KEYS[:300])
    given: set[bytes] = set()
    answering = threading.Event()

    def covet() -> None:
        while not answering.is_set():
            given.update(other.claim(KEYS[:300]).keys)
            # SQLite's writers take turns by luck, and this one would always have it.
            time.sleep(0.01)

    thread = threading.Thread(target=covet)
    thread.start()
    for n in range(300):
        done = one.append(record(n))
        if n % 50 == 0:
            done.result(timeout=30)
    done.result(timeout=30)
    answering.set()
    thread.join()

    assert given == set()


def test_what_is_given_back_can_be_had_by_the_other(one: Journal, other: Journal) -> None:
    one.claim(KEYS[:10])
    other.release(KEYS[:10])  # not its own: without effect
    assert other.claim(KEYS[:10]).keys == set()

    one.release(KEYS[:5])

    assert claimed_in_time(other, KEYS[:5]) == set(KEYS[:5])
    assert other.claim(KEYS[5:10]).keys == set()


def test_a_key_that_was_taken_again_is_not_given_back_late(one: Journal, other: Journal) -> None:
    for _ in range(20):
        one.claim(KEYS[:1])
        one.release(KEYS[:1])
    one.claim(KEYS[:1])
    one.claim([KEYS[1]])
    one.release([KEYS[1]])
    claimed_in_time(other, [KEYS[1]])  # all that was given back before has been written by now

    assert other.claim(KEYS[:1]).keys == set()


def test_closing_gives_everything_back(url: str, other: Journal) -> None:
    leaving = opened(url)
    leaving.claim(KEYS)
    leaving.close()

    assert other.claim(KEYS).keys == set(KEYS)


HOLDER = """
import sys, time
from tests.journal.records import KEYS, opened
print(len(opened(sys.argv[1]).claim(KEYS).keys), flush=True)
time.sleep(600)
"""


def test_the_claims_of_a_killed_process_are_free_at_once(url: str, other: Journal) -> None:
    with subprocess.Popen(program(HOLDER, url), stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "1200\n"
        assert other.claim(KEYS).keys == set()
        owner.kill()
        owner.wait()

        assert other.claim(KEYS).keys == set(KEYS)


def test_who_takes_over_from_a_killed_process_is_told_what_it_had_begun(
    url: str, other: Journal
) -> None:
    with subprocess.Popen(program(HOLDER, url), stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        here = (socket.gethostname(), owner.pid, 1200)
        assert other.holders() == [Holder(*here, ended=False)]
        owner.kill()
        owner.wait()

    assert other.holders() == [Holder(*here, ended=True)]
    assert other.claim(KEYS[:3]) == Taken(set(KEYS[:3]), left=set(KEYS[:3]))
    assert other.claim(KEYS[:3]) == Taken(set(KEYS[:3]), left=set())


def test_an_answer_from_before_a_moment_may_be_asked_again_and_replaced(
    one: Journal, other: Journal
) -> None:
    one.append(record(0, created_at=100.0)).result(timeout=30)

    assert one.claim(KEYS[:1], since=100.0).keys == set()
    assert one.claim(KEYS[:1], since=100.5).keys == {KEYS[0]}
    assert other.claim(KEYS[:1], since=100.5).keys == set()
    one.append(record(0, created_at=200.0), replace=True).result(timeout=30)
    assert other.claim(KEYS[:1], since=100.5).keys == set()
    assert other.get_many(KEYS[:1]) == {KEYS[0]: record(0, created_at=200.0)}


def test_a_claim_from_another_machine_holds_until_its_lease_ends(
    url: str, postgres: PostgresServer
) -> None:
    owner = f"another-machine {os.getpid()} x"
    with closing(opened(url, lease_s=0.5)) as one:
        write_claim(url, owner, expires_in_s=0.5, postgres=postgres)
        assert one.claim(KEYS[:1]).keys == set()

        assert claimed_in_time(one, KEYS[:1]) == {KEYS[0]}


def test_a_living_owner_renews_its_claims(url: str, other: Journal) -> None:
    living = opened(url, lease_s=0.6)
    living.claim(KEYS[:1])
    time.sleep(1.5)

    assert other.claim(KEYS[:1]).keys == set()
    living.close()


def test_its_numbers_and_records_are_told_and_old_ones_removed(one: Journal) -> None:
    records = [record(n, created_at=float(n)) for n in range(1100)]
    for done in [one.append(r) for r in records]:
        done.result(timeout=30)

    (held,) = one.stats()
    assert held == Held(
        endpoint="e", model="m", records=1100, size=held.size, oldest=0.0, newest=1099.0
    )
    assert list(one.records()) == records

    assert one.prune(before=1000.0) == Pruned(records=1000, size=held.size // 11 * 10)
    assert list(one.records()) == records[1000:]
    assert one.prune(before=1000.0) == Pruned(records=0, size=0)


TODAY, YESTERDAY = date(2026, 11, 28), date(2026, 11, 27)


def spend(journal: Journal, day: date, *spent: Spent) -> None:
    """Spend with an answer: it is written when that is."""
    journal.spend(day, spent, alone=False)
    journal.append(record(0)).result(timeout=30)


def test_what_several_spent_on_a_day_is_summed_up_and_told_apart(
    one: Journal, other: Journal
) -> None:
    dollars = Spent("dag:a", "USD", 1, 10, 0.25)
    spend(one, TODAY, dollars, Spent("endpoint:e", "USD", 1, 10, 0.25))
    spend(one, TODAY, dollars, Spent("dag:a", "EUR", 1, 5, 0.5))
    spend(one, YESTERDAY, dollars)
    spend(other, TODAY, dollars)

    assert one.spent(TODAY) == other.spent(TODAY)
    assert one.spent(TODAY) == [
        Spent("dag:a", "EUR", 1, 5, 0.5),
        Spent("dag:a", "USD", 3, 30, 0.75),
        Spent("endpoint:e", "USD", 1, 10, 0.25),
    ]
    assert one.spent(TODAY, elsewhere=True) == [dollars]
    assert other.spent(YESTERDAY, elsewhere=True) == [dollars]
    assert other.spent(date(2026, 11, 29)) == []


def test_what_was_spent_without_an_answer_is_written_as_well(url: str) -> None:
    failed = Spent("endpoint:e", "USD", requests=1)
    with closing(opened(url)) as journal:
        for _ in range(3):
            journal.spend(TODAY, [failed], alone=True)

    with closing(opened(url)) as again:
        assert again.spent(TODAY) == [failed._replace(requests=3)]
        assert again.spent(TODAY, elsewhere=True) == [failed._replace(requests=3)]


SPENDER = """
import sys
from datetime import date
from airquery.journal.spent import Spent
from tests.journal.records import opened, record
journal = opened(sys.argv[1])
for number in range(100):
    journal.spend(date(2026, 11, 28), [Spent("s", "USD", 1, 2, 0.5)], alone=False)
    journal.append(record(number))
journal.append(record(100)).result(timeout=60)
print("spent", flush=True)
sys.stdin.read()
"""


def test_processes_spend_at_once_and_a_kill_loses_nothing_that_was_written(url: str) -> None:
    spenders = [
        subprocess.Popen(
            program(SPENDER, url), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for spender in spenders:
        assert spender.stdout is not None
        assert spender.stdout.readline() == "spent\n"
        spender.kill()
        spender.communicate()

    with closing(opened(url)) as journal:
        assert journal.spent(TODAY) == [Spent("s", "USD", 200, 400, 100.0)]


def test_with_the_answers_of_a_day_goes_what_was_spent_before_it(one: Journal) -> None:
    for day in (YESTERDAY, TODAY):
        spend(one, day, Spent("s", "USD", 1, 2, 0.5))

    noon = 1_795_867_200.0
    one.prune(before=noon)

    assert one.spent(YESTERDAY) == []
    assert one.spent(TODAY) == [Spent("s", "USD", 1, 2, 0.5)]


def test_a_batch_job_is_kept_until_it_is_forgotten_and_gets_its_providers_name(
    one: Journal, other: Journal
) -> None:
    first = BatchJob(id="j1", address="http://a/v1", created_at=1.0, keys=tuple(KEYS[:700]))
    second = BatchJob(
        id="j2", address="http://a/v1", created_at=2.0, keys=(KEYS[7],), batch="batch_2"
    )
    elsewhere = BatchJob(id="j3", address="http://b/v1", created_at=3.0, keys=(KEYS[8],))
    for job in (second, first, elsewhere):
        one.jobs.remember(job)

    assert other.jobs.jobs("http://a/v1") == [first, second]
    named = BatchJob(
        id="j1", address="http://a/v1", created_at=1.0, keys=tuple(KEYS[:700]), batch="batch_1"
    )
    other.jobs.remember(named)
    assert one.jobs.jobs("http://a/v1") == [named, second]

    one.jobs.forget("j1")
    one.jobs.forget("never-there")
    assert other.jobs.jobs("http://a/v1") == [second]
    assert other.jobs.jobs("http://b/v1") == [elsewhere]
    assert other.jobs.jobs() == [second, elsewhere]
