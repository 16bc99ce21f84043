"""A scripted endpoint over real HTTP, a scratch home, and a connection that knows both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.connection import close_engines
from airquery.testing import EndpointServer


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

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
