"""The pictures of a row: from bytes or paths to images a model is sent, or to the row's failure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from airquery.answer import Failure
from airquery.request import Image


if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from airquery.sqlfn.given import Files


# The first bytes of a JPEG file (ITU-T T.81, SOI and the next marker) and of a PNG file (ISO 15948, 5.2).
_STARTS: Final[dict[bytes, Literal["image/jpeg", "image/png"]]] = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
}
MOST_BYTES: Final = 50 << 20


def read_images(files: Sequence[bytes], kind: Files) -> tuple[Image, ...] | Failure:
    """Return the images, or why the row cannot be asked."""
    images: list[Image] = []
    for number, given in enumerate(files, start=1):
        data = _read(Path(given.decode())) if kind == "paths" else given
        image = data if isinstance(data, Failure) else _image(data, number)
        if isinstance(image, Failure):
            return image
        images.append(image)
    return tuple(images)


def _read(path: Path) -> bytes | Failure:
    try:
        if path.stat().st_size > MOST_BYTES:
            return _refused(f"the file {str(path)!r} has more than {MOST_BYTES >> 20} MiB.")
        return path.read_bytes()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        return _refused(f"the file {str(path)!r} cannot be read: {reason}.")


def _image(data: bytes, number: int) -> Image | Failure:
    for start, media_type in _STARTS.items():
        if data.startswith(start):
            return Image(media_type=media_type, data=data)
    return _refused(
        f"picture {number} is neither JPEG nor PNG ({len(data):,} bytes that start with "
        f"{data[:8]!r}). Convert it, or leave the row out."
    )


def _refused(problem: str) -> Failure:
    return Failure(condition="AI_FUNCTION_UNSUPPORTED_REQUEST", message=f"files: {problem}")
