"""`python -m airquery.serve`: the server with as few imports as it can do with.

What is wrong with the settings is one line on stderr and exit code 1.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airquery.errors import AirqueryError
from airquery.serve.options import (
    ALL_MODELS,
    CHAT_MODEL,
    DEFAULT_HOST,
    DEFAULT_PORT,
    TOKEN_VARIABLE,
    ServeOptions,
    default_cache_dir,
    default_slots,
    default_threads,
    read_token,
)
from airquery.serve.server import serve


if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve as the arguments say; return the exit code."""
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("airquery").setLevel(logging.INFO)
    given = _parser().parse_args(arguments)
    try:
        serve(_options(given))
    except AirqueryError as error:
        sys.stderr.write(f"airquery serve: {error}\n")
        return 1
    return 0


def _options(given: argparse.Namespace) -> ServeOptions:
    models = ALL_MODELS if given.models is None else tuple(_names(given.models))
    if given.model is not None and given.models is None:
        models = (given.model.stem, *(name for name in ALL_MODELS if name != CHAT_MODEL))
    return ServeOptions(
        host=given.host,
        allow_remote=given.allow_remote,
        port=given.port,
        models=models,
        model_path=given.model,
        threads=default_threads() if given.threads is None else given.threads,
        slots=default_slots() if given.slots is None else given.slots,
        context_per_slot=given.context,
        cache_dir=default_cache_dir() if given.cache_dir is None else given.cache_dir,
        token=read_token(given.token_file),
    )


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airquery.serve",
        description="Serve chat, embeddings, a lexicon and entities over HTTP, from installed packages.",
    )
    add = parser.add_argument
    add("--host", default=DEFAULT_HOST, help="address to listen on (default: this machine only)")
    add(
        "--port", type=int, default=DEFAULT_PORT, help="0 takes any free one (default: %(default)s)"
    )
    add("--models", help=f"names, with commas between (default: {','.join(ALL_MODELS)})")
    add("--model", type=Path, help=f"GGUF file of a chat model, in place of {CHAT_MODEL}")
    add("--threads", type=int, help="threads a model computes with")
    add("--slots", type=int, help="requests a model works on at once")
    add("--context", type=int, default=4096, help="tokens a chat request may have (%(default)s)")
    add("--cache-dir", type=Path, help="where the converted embedding model is kept")
    add(
        "--allow-remote",
        action="store_true",
        help="let --host be an address that other machines reach; needs a token",
    )
    add(
        "--token-file",
        type=Path,
        help=f"file with the token that every request needs (default: what {TOKEN_VARIABLE} holds)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
