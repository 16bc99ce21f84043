"""Keep the picture of a question as a file, under the name of its content.

The statement names the file, so it can be run again where the file is. Two equal pictures are one
file.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from airquery.answer import Failure
from airquery.sqlfn.pictures import read_images
from airquery_airflow.playground.question import Unclear


if TYPE_CHECKING:
    from pathlib import Path


MOST_BYTES: Final = 4 << 20
FOLDER: Final = "playground"

_NAME: Final = re.compile(r"[0-9a-f]{32}\.(?:png|jpeg)")


def keep_picture(home: Path, content: bytes) -> Path:
    """Write a picture under `home` and return its file. Raises `Unclear` for what is none."""
    if len(content) > MOST_BYTES:
        raise Unclear(
            f"The picture has {len(content):,} bytes; at most {MOST_BYTES >> 20} MiB can be sent "
            "from here. Make it smaller."
        )
    images = read_images([content], "bytes")
    if isinstance(images, Failure):
        raise Unclear(images.message)
    kind = images[0].media_type.removeprefix("image/")
    digest = blake2b(content, digest_size=16).hexdigest()
    file = home / FOLDER / f"{digest}.{kind}"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return file


def kept_picture(home: Path, name: str) -> Path:
    """Return the file of a picture that was kept. Raises `Unclear` if it is not there."""
    file = home / FOLDER / name
    if not _NAME.fullmatch(name) or not file.is_file():
        raise Unclear("The picture is not kept any more. Attach it again.")
    return file
