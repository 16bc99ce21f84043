"""A warehouse in a folder of its own, a connection, and writers in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import duckdb
import pytest

from airquery.warehouse import Warehouse


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


Writer = subprocess.Popen[str]
PUBLISHER = Path(__file__).with_name("publisher.py")


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


@pytest.fixture
def rows_of(warehouse: Warehouse) -> Callable[[str], list[tuple[object, ...]]]:
    """Return a reader of whole tables, ordered, through a connection of its own."""

    def read(table: str) -> list[tuple[object, ...]]:
        with duckdb.connect() as connection:
            warehouse.attach(connection, table)
            return connection.sql(f"FROM {table} ORDER BY ALL").fetchall()

    return read


@pytest.fixture
def interrupted_by(con: duckdb.DuckDBPyConnection) -> Callable[[Callable[[], object]], None]:
    """Register `meanwhile(x)`: it returns x, and runs something where it is first evaluated."""

    def register(other: Callable[[], object]) -> None:
        pending = [other]

        def meanwhile(value: int) -> int:
            while pending:
                thread = Thread(target=pending.pop())
                thread.start()
                thread.join()
            return value

        con.create_function("meanwhile", meanwhile, ["INTEGER"], "INTEGER", side_effects=True)

    return register


@pytest.fixture
def start_writer(tmp_path: Path) -> Iterator[Callable[..., Writer]]:
    """Start `publisher.py`; it waits for a line on its input before it publishes."""
    started: list[Writer] = []

    def start(sql: str, *, table: str, partition: str, run_numbers: list[int]) -> Writer:
        order = {
            "root": str(tmp_path),
            "sql": sql,
            "table": table,
            "partition": partition,
            "run_numbers": run_numbers,
        }
        writer = subprocess.Popen(
            [sys.executable, str(PUBLISHER), json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        started.append(writer)
        return writer

    yield start
    for writer in started:
        writer.kill()
        writer.communicate()
