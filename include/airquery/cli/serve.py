"""`airquery serve`: the model server, in this process, until it is stopped."""

from __future__ import annotations

import logging
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer


def serve(
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; by default this machine only.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="8077 by default; 0 takes any free one.")] = None,
    models: Annotated[
        str | None,
        typer.Option(help="Names with commas between; by default smollm2,minilm,vader,bert-ner."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="GGUF file of a chat model, in place of smollm2.")
    ] = None,
    slots: Annotated[
        int | None, typer.Option(help="Requests that a model works on at once.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads that a model computes with.")] = None,
    allow_remote: Annotated[
        bool,
        typer.Option(
            "--allow-remote",
            help="Let --host be an address that other machines reach; needs a token.",
        ),
    ] = False,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the token that every request needs; "
            "by default it is what AIRQUERY_SERVE_TOKEN holds."
        ),
    ] = None,
) -> None:
    """Serve chat, embeddings, a lexicon and entities over HTTP.

    The models come from installed packages. One line on stdout says where it listens, once they are
    loaded.
    """
    # Loaded here, because the help does not need them.
    from airquery.serve import options  # noqa: PLC0415
    from airquery.serve.server import serve as run_server  # noqa: PLC0415

    names = None if models is None else [one.strip() for one in models.split(",")]
    logging.getLogger("airquery").setLevel(logging.INFO)
    run_server(
        options.ServeOptions(
            host=options.DEFAULT_HOST if host is None else host,
            allow_remote=allow_remote,
            port=options.DEFAULT_PORT if port is None else port,
            models=options.ALL_MODELS if names is None else tuple(filter(None, names)),
            model_path=model,
            threads=options.default_threads() if threads is None else threads,
            slots=options.default_slots() if slots is None else slots,
            token=options.read_token(token_file),
        )
    )
