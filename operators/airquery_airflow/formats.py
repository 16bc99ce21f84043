"""Which files can be read, and what DuckDB's readers are told about each format.

What DuckDB would guess at the price of rows (lines to skip, comment signs, whether there is a
header) is fixed here.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import urlsplit


if TYPE_CHECKING:
    from collections.abc import Mapping


Format: TypeAlias = Literal["csv", "tsv", "json", "parquet"]

READERS: Final[Mapping[Format, str]] = {
    "csv": "read_csv",
    "tsv": "read_csv",
    "json": "read_json",
    "parquet": "read_parquet",
}
SUFFIXES: Final[Mapping[str, Format]] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
_COMPRESSED = {".gz", ".zst"}
_EVERY_FILE = 2**31 - 1
_TEXT = {
    "header": True,
    "delim": ",",
    "quote": '"',
    "escape": '"',
    "skip": 0,
    "comment": "",
}
DEFAULTS: Final[Mapping[Format, Mapping[str, object]]] = {
    "csv": _TEXT,
    "tsv": {**_TEXT, "delim": "\t"},
    # A key that is first met late, or in a late file, is a column too.
    "json": {"union_by_name": True, "sample_size": -1, "maximum_sample_files": _EVERY_FILE},
    "parquet": {"union_by_name": True},
}


def suffix_of(source: str) -> str:
    """Return the suffix of a path or an address that tells its format, without a compression's."""
    suffixes = PurePosixPath(urlsplit(source).path).suffixes
    while suffixes and suffixes[-1].lower() in _COMPRESSED:
        suffixes.pop()
    return suffixes[-1].lower() if suffixes else ""
