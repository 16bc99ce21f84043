"""Files in object stores, through Airflow's own file systems and connections.

`s3://conn_id@bucket/key` names the connection. Files are copied to the task's folder to be read,
and written there first: an object appears whole, or not at all.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import ObjectStoragePath
from airflow.sdk.exceptions import AirflowException, AirflowFailException


if TYPE_CHECKING:
    from collections.abc import Iterator


_NOT_AN_OBJECT_STORE = {"", "file", "http", "https"}
_PATTERN = set("*?[")


def is_object(url: str) -> bool:
    """Say whether a URL leads to an object store."""
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme.lower() not in _NOT_AN_OBJECT_STORE


def download(url: str, folder: Path, *, number: int) -> list[str]:
    """Copy the object, or those that match the pattern, to the folder; return the files."""
    with _named_errors(url) as store:
        path = store.path
        objects = sorted(store.fs.glob(path)) if _PATTERN & set(path) else [path]
        if not objects:
            raise FileNotFoundError(path)
        files = []
        for index, one in enumerate(objects):
            into = folder / f"{number}-{index}-{PurePosixPath(one).name}"
            store.fs.get_file(one, str(into))
            if into.stat().st_size == 0:
                raise AirflowException(f"Object {one!r} is empty, without even a header.")
            files.append(str(into))
        return files


def upload(file: Path, url: str) -> None:
    """Put a file where the URL leads."""
    with _named_errors(url) as store:
        store.fs.put_file(str(file), store.path)


@contextmanager
def opened(url: str) -> Iterator[Any]:
    """Open an object to read; None if there is none."""
    with _named_errors(url) as store:
        if not store.fs.exists(store.path):
            yield None
            return
        with store.fs.open(store.path, "rb") as file:
            yield file


@contextmanager
def _named_errors(url: str) -> Iterator[ObjectStoragePath]:
    try:
        store = ObjectStoragePath(url)
        # Which file system it is, is found out only when it is asked for.
        _ = store.fs
    except (ValueError, ImportError) as error:
        raise AirflowFailException(
            f"{url!r} cannot be reached: {error}. Install the provider of "
            f"{urlsplit(url).scheme}:// in Airflow."
        ) from error
    try:
        yield store
    except FileNotFoundError as error:
        raise AirflowException(
            f"No file matches {url!r}. Files of this partition may be late."
        ) from error
    except OSError as error:
        raise AirflowException(f"{url!r} cannot be used: {error}") from error
