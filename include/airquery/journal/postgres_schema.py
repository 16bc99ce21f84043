"""Bring the tables of a PostgreSQL journal to this version; refuse newer ones, untouched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import airquery_sql
from airquery.errors import JournalError
from airquery.journal.address import place


if TYPE_CHECKING:
    from airquery.journal.postgres_link import Cursor

# Any number will do that all processes agree on.
LOCK = 4_158_203_977


def migrate(cursor: Cursor, url: str) -> None:
    """Create or alter the tables in one transaction. Raises `JournalError` for a newer version."""
    migrations = airquery_sql.names("journal/postgres")
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    version = _version(cursor)
    if version > len(migrations):
        raise JournalError(
            f"The journal in the {place(url)} was written by a newer airquery (schema {version}, this "
            f"one knows {len(migrations)}). Upgrade airquery, or name another database with "
            "AIRQUERY_JOURNAL."
        )
    if version == len(migrations):
        # Who may only read and write rows can use what is there.
        return
    for migration in migrations[version:]:
        cursor.execute(airquery_sql.read(migration))
    cursor.execute("UPDATE airquery.journal_version SET version = %s", (len(migrations),))


def _version(cursor: Cursor) -> int:
    """Return the version of the tables, 0 where there are none, and see that there is a schema."""
    cursor.execute("SELECT to_regnamespace('airquery'), to_regclass('airquery.journal_version')")
    schema, table = cursor.fetchone()
    if schema is None:
        cursor.execute("CREATE SCHEMA airquery")
    if table is None:
        return 0
    cursor.execute("SELECT version FROM airquery.journal_version")
    (version,) = cursor.fetchone()
    return int(version)
