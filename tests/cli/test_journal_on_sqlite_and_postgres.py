"""`airquery journal`: the same words, whichever database keeps it."""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from airquery.journal.jobs import BatchJob
from tests.journal.records import KEYS, opened, record


if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command
    from tests.postgres_server import PostgresServer


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a journal with an answer of 1970 and one of now, in the environment too."""
    name = f"sqlite:///{folder / 'journal.db'}"
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        name = server.new_database()
    monkeypatch.setenv("AIRQUERY_JOURNAL", name)
    with closing(opened(name)) as journal:
        journal.append(record(0, b'{"a": "\x1b[31mred"}'))
        journal.append(record(1, created_at=time.time()))
    return name


@pytest.mark.usefixtures("url")
def test_stats_count_the_answers_of_each_endpoint_and_model(command: Command) -> None:
    ended = command("journal", "stats")

    assert ended.code == 0
    assert "1970-01-01 00:00:01 UTC" in ended.out
    assert ended.out.splitlines()[-1].startswith("2 answers, ")


def test_stats_say_who_has_begun_what(command: Command, url: str) -> None:
    with closing(opened(url)) as journal:
        journal.claim(KEYS[5:8])
        begun = command("journal", "stats").out.splitlines()[-1]

    here = f"process {os.getpid()} on {socket.gethostname()}"
    assert begun == f"3 requests are begun and not answered by {here}"
    assert "begun" not in command("journal", "stats").out


def test_a_batch_job_is_shown_and_can_be_forgotten(command: Command, url: str) -> None:
    with closing(opened(url)) as journal:
        journal.jobs.remember(
            BatchJob(id="j1", address="http://a/v1", created_at=1.0, keys=tuple(KEYS), batch="b1")
        )

    assert command("journal", "stats").out.splitlines()[-1] == (
        "batch job j1 (batch b1) of 1,200 requests to http://a/v1 was submitted on "
        "1970-01-01 00:00:01 UTC: asking them again reads it"
    )
    assert command("journal", "forget-job", "j1").out == "forgot batch job j1\n"
    assert "batch job" not in command("journal", "stats").out
    again = command("journal", "forget-job", "j1")
    assert (again.code, again.err) == (1, "The journal has no batch job j1.\n")


def test_find_prints_the_keys_of_answers_that_hold_a_text(command: Command, url: str) -> None:
    with closing(opened(url)) as journal:
        journal.append(record(2, b'{"a": "sch\\u00f6n \\"so\\""}'))
    first, third = (f"{KEYS[n].hex()}  1970-01-01 00:00:01 UTC  e" for n in (0, 2))

    assert command("journal", "find", "red").out == f"{first}\n"
    assert command("journal", "find", 'schön "so"').out == f"{third}\n"
    every = command("journal", "find", '"a"').out.splitlines()
    assert [line[:64] for line in sorted(every)] == [KEYS[n].hex() for n in range(3)]
    some = command("journal", "find", '"a"', "--limit", "1")
    assert len(some.out.splitlines()) == 1
    assert some.err == "There are more than 1: give more of the text, or --limit.\n"
    missing = command("journal", "find", "blue")
    assert (missing.code, missing.err) == (1, "No answer in the journal holds 'blue'.\n")


@pytest.mark.usefixtures("url")
def test_show_writes_one_answer_without_control_characters(command: Command) -> None:
    ended = command("journal", "show", KEYS[0].hex())

    assert ended.out == (
        f"key       {KEYS[0].hex()}\n"
        "endpoint  e\n"
        "model     m\n"
        "asked     1970-01-01 00:00:01 UTC\n"
        "took      0.250 s\n"
        "bytes     17\n"
        "\n"
        '{"a": "\\x1b[31mred"}\n'
    )
    missing = command("journal", "show", KEYS[7].hex())
    assert (missing.code, missing.err) == (1, f"The journal has no answer to {KEYS[7].hex()}.\n")
    assert command("journal", "show", "7").code == 2


def test_prune_removes_what_is_old_and_says_how_much(command: Command, url: str) -> None:
    ended = command("journal", "prune", "--older-than", "30d")

    assert ended.out.startswith("removed 1 answers of ")
    with closing(opened(url)) as journal:
        assert set(journal.get_many(KEYS[:2])) == {KEYS[1]}
    assert command("journal", "prune", "--older-than", "30 days").code == 2


@pytest.mark.usefixtures("url")
def test_export_writes_every_answer_to_a_parquet_file(command: Command, folder: Path) -> None:
    ended = command("journal", "export", "all.parquet")

    assert ended.out == "wrote 2 answers to all.parquet\n"
    rows = pq.read_table(folder / "all.parquet").select(["key", "body"]).to_pylist()
    assert rows == [
        {"key": KEYS[0].hex(), "body": b'{"a": "\x1b[31mred"}'},
        {"key": KEYS[1].hex(), "body": b'{"a": 1}'},
    ]
    assert not list(folder.glob(".*.part"))


def test_the_option_goes_before_the_environment(command: Command, url: str) -> None:
    empty = command("journal", "stats", "--journal", "other.db")
    same = command("journal", "stats", "--journal", url)

    assert empty.out.splitlines()[-1] == "0 answers, 0 bytes"
    assert same.out.splitlines()[-1].startswith("2 answers, ")
