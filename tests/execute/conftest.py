"""An engine whose clock stands still, and asking it one request."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from airquery.answer import Answer, Failure
from airquery.execute.run import Engine
from airquery.execute.statement import Statement
from airquery.journal.sqlite_store import SqliteJournal
from airquery.testing import FakeClock


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airquery.execute.answers import Result
    from airquery.request import Request


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def engine(tmp_path: Path, clock: FakeClock) -> Iterator[Engine]:
    engine = Engine(SqliteJournal(tmp_path / "journal.db"), clock=clock, dice=random.Random(7))  # noqa: S311
    yield engine
    engine.close()


def ask(engine: Engine, *requests: Request, statement: Statement | None = None) -> list[Result]:
    """Ask and wait; every request must end."""
    statement = statement or Statement()
    engine.ask(requests, statement, strict=False)
    for _ in range(300):
        if statement.wait_for({r.key for r in requests}, timeout_s=0.1):
            break
    results = [statement.known(r.key) for r in requests]
    assert None not in results
    return [result for result in results if result is not None]


def failed(engine: Engine, request: Request) -> Failure:
    """Ask one request that must fail."""
    [result] = ask(engine, request)
    assert isinstance(result.outcome, Failure)
    return result.outcome


def answered(engine: Engine, request: Request) -> object:
    """Ask one request that must be answered, and return the answer's value."""
    [result] = ask(engine, request)
    assert isinstance(result.outcome, Answer), str(result.outcome)
    return result.outcome.value
