"""DuckDB connections that know ai_query.

All connections of a process that share a journal share one engine: its event loop, its connections
and its bounds.
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING

import duckdb

from airquery.endpoints.registry import Registry
from airquery.errors import InvalidSetting, suggestion
from airquery.execute.interrupt import Interrupts
from airquery.journal.opening import open_journal
from airquery.records import records_of
from airquery.settings import Settings
from airquery.sqlfn.call import Rules
from airquery.sqlfn.functions import functions
from airquery.sqlfn.register import add_functions, add_macros, session_of
from airquery.sqlfn.session import Session


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airquery.execute.run import Engine
    from airquery.journal.store import Journal


# By process and URL.
_journals: dict[tuple[int, str], Journal] = {}
_engines: dict[tuple[int, str], Engine] = {}
_interrupts = Interrupts()
_lock = threading.Lock()


def connect(
    database: str | Path = ":memory:",
    *,
    registry: Registry | None = None,
    settings: Settings | None = None,
    read_only: bool = False,
    config: Mapping[str, str | int | float | bool | list[str]] | None = None,
) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB database with ai_query registered.

    Args:
        database: a file, or ":memory:".
        registry: the endpoints; read from `settings` unless given.
        settings: where endpoints and journal are; read from the environment unless given.
        read_only: open the file for reading.
        config: DuckDB's own settings, such as `memory_limit`.

    Raises:
        ConfigurationError: a setting or the file of endpoints cannot be used.
        JournalError: the journal cannot be opened.
    """
    connection = duckdb.connect(str(database), read_only=read_only, config=dict(config or {}))
    try:
        register(connection, registry=registry, settings=settings)
    except BaseException:
        connection.close()
        raise
    return connection


def register(
    connection: duckdb.DuckDBPyConnection,
    *,
    registry: Registry | None = None,
    settings: Settings | None = None,
) -> None:
    """Make ai_query known on a connection or a cursor.

    The endpoints and the journal belong to the database: on a further cursor of it nothing need be
    said, and what is said replaces what was. Raises what `connect` raises.
    """
    if registry is not None or settings is not None or session_of(connection) is None:
        known = settings or Settings.read()
        _interrupts.listen()
        endpoints = registry or Registry.read(known)
        _check_functions(endpoints)
        journal = known.journal
        _journal_for(journal)
        session = Session(
            registry=endpoints,
            # A partial would show the URL, and so a password, in its repr.
            open_engine=lambda: engine_for(journal),
            interrupts=_interrupts,
            rules=Rules(
                strict_databricks=known.strict_databricks,
                compat_error_struct=known.compat_error_struct,
                cache=known.cache,
            ),
            freshness=known.freshness(),
            warehouse=known.warehouse,
            records=records_of(known),
        )
        add_functions(connection, session)
    add_macros(connection)


def _check_functions(registry: Registry) -> None:
    """Refuse defaults for functions that do not exist. Raises `InvalidSetting`."""
    for name in registry.functions():
        if name not in functions():
            raise InvalidSetting(
                f"A default endpoint is set for {name!r}, which is no function. "
                f"{suggestion(name, functions())}"
            )


def engine_for(journal: str) -> Engine:
    """Return this process's engine over the journal of a URL. A forked child makes its own."""
    # Loaded when the first request is asked, as are the event loop and the HTTP client.
    from airquery.execute.run import Engine  # noqa: PLC0415

    key = (os.getpid(), journal)
    opened = _journal_for(journal)
    with _lock:
        if key not in _engines:
            _engines[key] = Engine(opened)
        return _engines[key]


def _journal_for(url: str) -> Journal:
    """Return this process's journal, opened at once: whoever cannot use it is told early."""
    key = (os.getpid(), url)
    with _lock:
        if key not in _journals:
            _journals[key] = open_journal(url)
        return _journals[key]


@atexit.register
def close_engines() -> None:
    """Stop the engines of this process; what they were told to remember is on disk after it."""
    with _lock:
        keys = [key for key in _journals if key[0] == os.getpid()]
        opened = [(_engines.pop(key, None), _journals.pop(key)) for key in keys]
    for engine, journal in opened:
        # An engine closes its journal.
        (engine or journal).close()
