"""How the answers to keys are found in a SQLite journal, so that a damaged index is no wrong answer.

SQLite reads a key from the index, and the rest of the row from where the index says that it is. A byte
of the index that has changed would so give one request the answer of another. Here each row's own
key is read, too; one that differs is as good as not there, and is asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airquery.journal.transaction import marks


if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


COLUMNS: Final = "one.key, one.endpoint, one.model, one.created_at, one.latency_s, one.body"
_HAS_NO_ROWID: Final = "SELECT wr FROM pragma_table_list('answer') WHERE schema = 'main'"
# CROSS keeps the order, and the plus the row's key from being looked up in the index again.
_BY_INDEX: Final = (
    "answer AS found CROSS JOIN answer AS one ON one.rowid = found.rowid AND +one.key = found.key"
    " WHERE found.key"
)
# In a file of the first shape the rows themselves are the index.
_BY_KEY: Final = "answer AS one WHERE one.key"


def is_keyed(connection: sqlite3.Connection) -> bool:
    """Tell whether a file is of the first shape, which does not know which answer came last."""
    (keyed,) = connection.execute(_HAS_NO_ROWID).fetchone()
    return bool(keyed)


def lookup(columns: str, keys: Sequence[bytes], *, keyed: bool) -> str:
    """Return the query for columns of the answers to so many keys, each a question mark."""
    return f"SELECT {columns} FROM {_BY_KEY if keyed else _BY_INDEX} IN ({marks(keys)})"  # noqa: S608  (ours, and ?)
