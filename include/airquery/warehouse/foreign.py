"""Delta tables that are not the warehouse's, as they are now or were before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from airquery.errors import WarehouseError


if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import duckdb


def create_view(
    con: duckdb.DuckDBPyConnection,
    uri: str,
    *,
    at: int | datetime | None = None,
    storage_options: Mapping[str, str] | None = None,
) -> int:
    """Make the view `source` of a Delta table, and return its version.

    `at` is a version, or a time: the table is read as it was then. Columns have the table's types.
    """
    options = dict(storage_options) if storage_options else None
    try:
        table = DeltaTable(uri, storage_options=options)
        if at is not None:
            table.load_as_version(at)
        rows = table.to_pyarrow_dataset(as_large_types=False)
    except TableNotFoundError as error:
        raise WarehouseError(f"There is no Delta table at {uri}. Check the address.") from error
    # A table with features that are not known here is refused by a bare exception.
    except Exception as error:
        when = "" if at is None else f" as of {at}"
        raise WarehouseError(f"The Delta table at {uri} cannot be read{when}. {error}") from error
    con.register("source", rows)
    return table.version()
