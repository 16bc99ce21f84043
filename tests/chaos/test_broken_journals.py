"""The journal's disk is full, or its file is damaged: it is said, nothing is sent, nothing made worse."""

from __future__ import annotations

import resource
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import pytest

import airquery
from airquery.connection import close_engines
from airquery.errors import JournalError
from airquery.testing import EndpointServer
from tests.chaos.command import Place


if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.chaos.figures import Chaos

    Damage: TypeAlias = Callable[[bytes, random.Random], Iterator[tuple[str, bytes]]]

ROWS = 300
PAGE = 4096
QUERY = f"""
SELECT i, ai_query('llm', 'row ' || i, failOnError => false) AS answer
FROM range({ROWS}) AS given(i)
"""
MEND = "Move the file away (its answers will be paid for again), or name another with AIRQUERY_JOURNAL."
# Room for the empty journal, and for some commits.
ROOM_BYTES = 200_000


def text(row: str) -> str:
    """Return an answer that does not compress, so that the journal has many pages."""
    return "".join(sha256(f"{row} {part}".encode()).hexdigest() for part in range(20))


@pytest.fixture(scope="module")
def server() -> Iterator[EndpointServer]:
    with EndpointServer(answer=lambda body: text(body["messages"][-1]["content"])) as server:
        yield server


@pytest.fixture(scope="module")
def whole(server: EndpointServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a journal that answers everything."""
    home = tmp_path_factory.mktemp("whole")
    run_at(home, server)
    return home / "journal.db"


def run_at(home: Path, server: EndpointServer) -> dict[int, str]:
    """Run the statement over the journal of a home; return the answers."""
    registry = airquery.Registry.from_mapping({"llm": server.endpoint("llm")})
    try:
        with airquery.connect(
            registry=registry, settings=airquery.Settings.read(home=home)
        ) as connection:
            run = airquery.run(connection, QUERY)
    finally:
        close_engines()
    assert run.table is not None
    return {row["i"]: row["answer"]["result"] for row in run.table.to_pylist()}


EXPECTED = {i: text(f"row {i}") for i in range(ROWS)}


def truncated(content: bytes, dice: random.Random) -> Iterator[tuple[str, bytes]]:
    for place in (0.02, 0.3, 0.5, 0.99):
        yield f"cut at {place:.0%}", content[: int(len(content) * place)]
    yield "cut inside of a page", content[: dice.randrange(PAGE + 1, len(content))]


def garbage_header(content: bytes, dice: random.Random) -> Iterator[tuple[str, bytes]]:
    yield "header", dice.randbytes(100) + content[100:]


def garbage_pages(content: bytes, dice: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yield the file with one page of rubbish; that in the middle comes first."""
    pages = list(range(1, len(content) // PAGE))
    pages.sort(key=lambda page: abs(page - len(pages) // 2))
    for page in pages:
        at = page * PAGE
        yield f"page {page}", content[:at] + dice.randbytes(PAGE) + content[at + PAGE :]


def changed_bytes(content: bytes, dice: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yield the file with one other byte."""
    while True:
        at = dice.randrange(PAGE, len(content))
        other = bytes([content[at] ^ dice.randrange(1, 256)])
        yield f"byte {at}", content[:at] + other + content[at + 1 :]


@pytest.mark.parametrize("damage", [truncated, garbage_header, garbage_pages])
def test_a_damaged_file_is_named_with_the_mend_before_anything_is_sent(
    tmp_path: Path, server: EndpointServer, whole: Path, damage: Damage, chaos: Chaos
) -> None:
    sent, tried, refused = server.count, 0, 0
    every = damage(whole.read_bytes(), chaos.dice())
    for what, content in islice(every, chaos.pick(None, 2)):
        file = tmp_path / what / "journal.db"
        file.parent.mkdir()
        file.write_bytes(content)
        answers, said = answers_or_error(file.parent, server)
        tried += 1
        refused += said != ""

        assert server.count == sent, what
        if said:
            assert str(file) in said, what
            assert said.endswith(MEND), what
            assert file.read_bytes() == content, what
        else:
            # Nothing that was asked stands on a page of claims, or on one that is free.
            assert damage is garbage_pages, what
            assert answers == EXPECTED, what
    assert refused > tried // 2
    chaos.figures.add(
        "damaged journals",
        damage=damage.__name__.replace("_", " "),
        tried=tried,
        refused=refused,
        sent=server.count - sent,
    )


def answers_or_error(home: Path, server: EndpointServer) -> tuple[dict[int, str], str]:
    """Run the statement; return its answers, or what is said of the journal."""
    try:
        return run_at(home, server), ""
    except JournalError as problem:
        return {}, str(problem)


def test_a_byte_that_changed_is_never_taken_for_an_answer(
    tmp_path: Path, server: EndpointServer, whole: Path, chaos: Chaos
) -> None:
    refused = asked_again = 0
    every = changed_bytes(whole.read_bytes(), chaos.dice())
    tries = chaos.pick(60, 8)
    for what, content in islice(every, tries):
        file = tmp_path / what / "journal.db"
        file.parent.mkdir()
        file.write_bytes(content)
        sent = server.count
        answers, said = answers_or_error(file.parent, server)
        assert answers == EXPECTED or said.endswith(MEND), what
        refused += said != ""
        asked_again += server.count - sent
        shutil.rmtree(file.parent)
    assert refused > 0
    chaos.figures.add(
        "damaged journals", damage="one byte", tried=tries, refused=refused, sent=asked_again
    )


def test_a_disk_that_is_full_stops_the_statement_and_what_was_kept_is_kept(
    tmp_path: Path, chaos: Chaos
) -> None:
    """The limit of a process on the size of its files needs no rights and no disk of its own."""
    with EndpointServer(
        answer=lambda body: text(body["messages"][-1]["content"]), latency_s=0.01
    ) as server:
        place = Place.make(tmp_path / "place", server)
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (ROOM_BYTES, ROOM_BYTES))
        full = place.start(QUERY, "--output", "csv", "-q", before=limit)
        out, said = full.communicate(timeout=60)
        sent, kept = server.count, len(kept_in(place))
        again = place.start(QUERY, "--output", "csv", "-q")
        rows, _ = again.communicate(timeout=60)

        assert (full.returncode, out) == (1, "")
        assert f"The journal {place.journal_file} cannot be used: " in said
        assert "See that its disk has room and lets us write, or name another" in said
        assert 0 < kept < ROWS
        # Lost is what was sent until the first commit had failed: its 20 ms, and a slow disk's time.
        assert sent - kept <= ROWS // 4
        assert (again.returncode, rows.count("\n")) == (0, ROWS + 1)
        assert server.count - sent == ROWS - kept
    with closing(sqlite3.connect(place.journal_file)) as journal:
        assert journal.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    chaos.figures.add("disk full", sent=sent, kept=kept, sent_again=sent - kept)


def kept_in(place: Place) -> list[bytes]:
    """Return the keys that a journal has, by the file alone: opening it may not find room."""
    with closing(sqlite3.connect(place.journal_file)) as journal:
        return [key for (key,) in journal.execute("SELECT key FROM answer")]
