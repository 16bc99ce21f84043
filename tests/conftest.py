"""A scripted endpoint over real HTTP, a scratch home, and a connection that knows both."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.connection import close_engines
from airquery.testing import EndpointServer
from tests.postgres_server import PostgresServer


if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

TESTS = Path(__file__).parent
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


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, and all that share what starts slowly in one."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        group = "airflow" if folder in {"dags", "operators"} else str(item.path)
        if "postgres" in item.path.stem:
            group = "postgres"
        item.add_marker(pytest.mark.xdist_group(group))


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
