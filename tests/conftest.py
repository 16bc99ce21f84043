"""A scripted endpoint over real HTTP, a scratch home, and a connection that knows both."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

import airquery
from airquery.connection import close_engines
from airquery.testing import EndpointServer
from tests.postgres_server import PostgresServer


if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

TESTS = Path(__file__).parent
# What drives a browser is installed for `make test-browser` alone, which names its files.
collect_ignore = [] if find_spec("playwright") else ["browser"]
TASKS = {
    "llm": "chat",
    "other": "chat",
    "words": "completions",
    "vectors": "embeddings",
    "model": "custom",
}


def registry_of(server: EndpointServer, **overrides: object) -> airquery.Registry:
    """Name one endpoint of each task at a server."""
    return airquery.Registry.from_mapping(
        {name: server.endpoint(name, task, **overrides) for name, task in TASKS.items()}  # type: ignore[arg-type]
    )


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps the tests of a file in one process, and all that share what starts slowly in one."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        if "postgres" in file.stem:
            return "postgres"
        return "airflow" if file.parts[1] in {"dags", "operators"} else str(file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByGroup:
    """Give each process whole groups. The marks that `loadgroup` reads do not reach it."""
    return ByGroup(config, log)


@pytest.fixture(scope="session", autouse=True)
def sigint_reaches_children() -> Iterator[None]:
    """Undo what a shell does to its background jobs: they ignore SIGINT, and so do all below them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def server() -> Iterator[EndpointServer]:
    with EndpointServer() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[airquery.Settings]:
    yield airquery.Settings.read(home=tmp_path / "home")
    close_engines()


@pytest.fixture
def connection(
    server: EndpointServer, settings: airquery.Settings
) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = airquery.connect(registry=registry_of(server), settings=settings)
    yield connection
    connection.close()
