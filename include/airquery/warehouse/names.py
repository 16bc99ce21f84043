"""Names that reach SQL and the file system: tables, partitions, roots.

Nothing that passes here can leave the warehouse's folder, and nothing that a reader would decode
to something else passes: DuckDB reads `*` in a path as a pattern and `a=b` as a partition column, delta-rs cuts it at `#`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from airquery.errors import WarehouseError
from airquery.quoting import quoted


PARTITION_COLUMN = "partition_key"

_IDENTIFIER = re.compile(r"[A-Za-z0-9_]+")
_UNUSABLE_IN_ROOT = re.compile(r"[\x00-\x1f#*?\[\]{}^|\\=]")
_LONGEST_FOLDER_NAME = 255
# By Delta tables, and by DuckDB 1.5.
_READ_AS_NULL = {"__hive_default_partition__", "null"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableName:
    """`schema.table`, in lower case: DuckDB does not tell names apart by case, a disk may."""

    schema: str
    table: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `schema.table`."""
        schema, dot, table = text.partition(".")
        if not (dot and _IDENTIFIER.fullmatch(schema) and _IDENTIFIER.fullmatch(table)):
            raise WarehouseError(
                f"{text!r} is no table name. Write schema.table; both parts may have letters, "
                "digits and underscores."
            )
        return cls(schema=schema.lower(), table=table.lower())

    @property
    def sql(self) -> str:
        """The name, quoted for DuckDB."""
        return f"{quoted(self.schema)}.{quoted(self.table)}"

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


def check_partition(table: TableName, partition: str) -> None:
    """Refuse a partition value that would come back as another one, or as NULL."""
    if not partition:
        problem = "is empty, which is read back as NULL"
    elif "\x00" in partition:
        problem = "contains a NUL character"
    elif partition.lower() in _READ_AS_NULL:
        problem = "is read back as NULL"
    elif len(quote(f"{PARTITION_COLUMN}={partition}", safe="=")) > _LONGEST_FOLDER_NAME:
        problem = f"gives a folder name of more than {_LONGEST_FOLDER_NAME} bytes"
    else:
        return
    raise WarehouseError(
        f"Table {table}: the partition {partition!r} {problem}. Give the run another partition."
    )


def local_root(root: str | Path) -> Path | None:
    """Return the root as an absolute folder, or None if it is an object store's URL."""
    text = str(root).removeprefix("file://")
    if "://" in text:
        return None
    path = Path(text).expanduser().absolute()
    found = _UNUSABLE_IN_ROOT.search(str(path))
    if found:
        raise WarehouseError(
            f"The warehouse cannot live under {str(path)!r}: readers would take {found.group()!r} "
            "for something else than a part of a name. Choose a folder without it."
        )
    return path
