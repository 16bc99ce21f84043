"""What is new in a table since another one last took from it, by the versions of its Delta log.

New rows are those of the files that came since, less those of the files that went: a partition
that was written again with the same rows has nothing new, one that changed has its changed rows. A
row that was only removed is not told of. How far a table has read is a number in its own log,
moved by the commit that writes what was read: rows and mark are there together, or neither is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from airquery.errors import WarehouseError
from airquery.warehouse.reading import files_of, select_of


if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    from deltalake import DeltaTable

    from airquery.warehouse.names import TableName


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """How far a table has read another one: before a publication, and with it.

    `before` is None for a table that has read nothing yet. Versions are those of one table: one
    that was made anew under the same name is another source, and read from its beginning.
    """

    source: str
    source_id: str
    before: int | None
    after: int

    @property
    def application(self) -> str:
        """Name the mark in the reader's log."""
        return f"airquery-read/{self.source}/{self.source_id}"


def advance_of(
    name: TableName, source: DeltaTable, target: DeltaTable | None, *, most_commits: int | None
) -> Advance:
    """Say how far the target has read the source, and how far it may read now."""
    newest = source.version()
    known = Advance(
        source=str(name), source_id=str(source.metadata().id), before=None, after=newest
    )
    before = _recorded(target, known)
    if most_commits is not None:
        newest = min(newest, (-1 if before is None else before) + most_commits)
    return replace(known, before=before, after=newest)


def new_rows(
    con: duckdb.DuckDBPyConnection,
    name: TableName,
    *,
    now: DeltaTable,
    before: DeltaTable | None,
    storage_options: Mapping[str, str] | None,
) -> str:
    """Write the SELECT of the rows that are new in one snapshot of a table since another one."""
    listed = partial(files_of, name, storage_options=storage_options)
    held = listed(now)
    earlier = [] if before is None else listed(before)
    came = [file for file in held if file not in set(earlier)]
    went = [file for file in earlier if file not in set(held)]
    rows = select_of(con, name, now, came)
    if not (came and went):
        return rows
    return f"({rows}) EXCEPT ALL ({select_of(con, name, now, went)})"


def check_mark(name: TableName, target: DeltaTable | None, advance: Advance) -> None:
    """Refuse to move a mark that another run has moved meanwhile."""
    recorded = _recorded(target, advance)
    if recorded != advance.before:
        raise WarehouseError(
            f"Table {name}: another run has taken rows of {advance.source} meanwhile, up to "
            f"version {recorded}. Nothing was written; a new attempt takes what is left."
        )


def _recorded(target: DeltaTable | None, advance: Advance) -> int | None:
    return None if target is None else target.transaction_version(advance.application)
