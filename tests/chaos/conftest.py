"""How much of it: the long form where `make test-chaos` asks for it, else fewer moments of the same."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.chaos.endpoint import CountingEndpoint
from tests.chaos.figures import Chaos


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres_server import PostgresServer

SEED = 20261128


@pytest.fixture(scope="session")
def chaos() -> Iterator[Chaos]:
    """Read how much is done; what was measured is written into the folder AIRQUERY_CHAOS_FIGURES."""
    chaos = Chaos(
        long=os.environ.get("AIRQUERY_CHAOS") == "long",
        seed=int(os.environ.get("AIRQUERY_CHAOS_SEED") or SEED),
    )
    yield chaos
    if folder := os.environ.get("AIRQUERY_CHAOS_FIGURES"):
        worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
        chaos.figures.write(Path(folder) / f"{worker}.json")


@pytest.fixture
def endpoint(chaos: Chaos) -> Iterator[CountingEndpoint]:
    with CountingEndpoint(chaos.seed) as endpoint:
        yield endpoint


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> str:
    """Name each of the two databases that keep a journal."""
    name: str = request.param
    return name


@pytest.fixture
def new_journal(store: str, postgres: PostgresServer) -> str | None:
    """Return the URL of an empty journal on a server, or None for a file in the place."""
    return postgres.new_database() if store == "postgres" else None
