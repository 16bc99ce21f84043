"""Tables in object stores as DuckDB reads them: through the library that writes them.

delta-rs opens the files, so what it was told is all that reading needs: the storage options and the
environment. DuckDB has no extension to load, and no connection holds a secret.

DuckDB reads one open file in many threads, and goes to a place and reads there in two calls. A file
with one place for all threads would now and then give the bytes of another place, so each thread
has its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from deltalake.fs import DeltaStorageHandler
from fsspec import AbstractFileSystem
from pyarrow.fs import FileSelector, FileType


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb
    from deltalake import DeltaTable
    from pyarrow import PythonFile


# Before the file's own address, so that `s3://` stays with whatever else a connection has for it.
_PROTOCOL = "warehouse"
# The files of a Delta table are never changed.
_MODIFIED = datetime(1970, 1, 1, tzinfo=UTC)


def names_of(
    table: DeltaTable, files: Sequence[str], storage_options: Mapping[str, str] | None
) -> list[str]:
    """Return the names by which a connection reads these files of a snapshot of a table."""
    _STORES.hold(table, storage_options)
    return [f"{_PROTOCOL}://{file}" for file in files]


def address_of(name: str) -> str:
    """Return where the file of such a name is."""
    return name.removeprefix(f"{_PROTOCOL}://")


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Let a connection read by these names, also where others made views of them."""
    if not con.filesystem_is_registered(_PROTOCOL):
        con.register_filesystem(_STORES)


def folders(root: str, storage_options: Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
    """List what lies two levels under a prefix, as pairs of names.

    Raises:
        OSError: The store cannot be reached or does not allow it.
    """
    handler = _handler(root, storage_options)
    for outer in _names_in(handler, ""):
        for inner in _names_in(handler, outer):
            yield outer, inner


def _handler(
    uri: str, storage_options: Mapping[str, str] | None, sizes: dict[str, int] | None = None
) -> DeltaStorageHandler:
    options = None if storage_options is None else dict(storage_options)
    return DeltaStorageHandler(uri, options, known_sizes=sizes)


def _names_in(handler: DeltaStorageHandler, folder: str) -> list[str]:
    found = handler.get_file_info_selector(FileSelector(folder, allow_not_found=True))
    return [one.base_name for one in found if one.type == FileType.Directory]


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of one table, and how many bytes each has."""

    handler: DeltaStorageHandler
    # From the logs of the snapshots that were read: to ask the store would hold the interpreter.
    sizes: Mapping[str, int]


class _File:
    """A file that is open for reading, at a place of its own for each thread."""

    def __init__(self, files: _Files, key: str) -> None:
        self._files = files
        self._key = key
        # Not `threading.local`: DuckDB's threads end without what their files need to be closed.
        self._opened: dict[int, PythonFile] = {}

    def seek(self, offset: int) -> int:
        return int(self._mine().seek(offset))

    def read(self, length: int) -> bytes:
        return bytes(self._mine().read(length))

    def close(self) -> None:
        """Nothing is held open in a store."""

    def _mine(self) -> PythonFile:
        thread = get_ident()
        if thread not in self._opened:
            self._opened[thread] = self._files.handler.open_input_file(self._key)
        return self._opened[thread]


class _Stores(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types.
    """The tables that this process reads from object stores, as a file system for DuckDB."""

    protocol = _PROTOCOL
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self._tables: dict[str, _Files] = {}
        self._holding = Lock()

    def hold(self, table: DeltaTable, storage_options: Mapping[str, str] | None) -> None:
        """Know the files of a snapshot of a table, beside those of other snapshots."""
        added = table.get_add_actions()
        # In a log the names of files are those of URLs.
        keys = (unquote(path) for path in added.column("path").to_pylist())
        uri = table.table_uri.rstrip("/")
        sizes = dict(zip(keys, added.column("size_bytes").to_pylist(), strict=True))
        with self._holding:
            if uri in self._tables:
                sizes = {**self._tables[uri].sizes, **sizes}
            self._tables[uri] = _Files(_handler(uri, storage_options, sizes), sizes)

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return the name itself: it comes from a table's log and is never a pattern."""
        return [self._strip_protocol(path)]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Say how long a file is, in bytes."""
        files, key = self._find(path)
        return {"name": path, "size": files.sizes[key], "type": "file"}

    def modified(self, path: str) -> datetime:
        """Say when a file was written, as far as it matters."""
        del path
        return _MODIFIED

    def _open(self, path: str, mode: str = "rb", **_: Any) -> _File:
        if mode != "rb":
            raise PermissionError(f"{path} is only read; `Warehouse.publish` writes tables.")
        return _File(*self._find(path))

    def _find(self, path: str) -> tuple[_Files, str]:
        address = self._strip_protocol(path)
        folder = address
        while folder:
            folder = folder.rpartition("/")[0]
            key = address.removeprefix(f"{folder}/")
            if folder in self._tables and key in self._tables[folder].sizes:
                return self._tables[folder], key
        raise FileNotFoundError(f"{address} is no file of a table that was attached.")


_STORES = _Stores()
