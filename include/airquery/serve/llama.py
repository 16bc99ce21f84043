"""Serve one GGUF file by llama.cpp: a program of its own, run by its path.

It reads one line of JSON on stdin (the settings), writes one on stdout (`{"url": ...}` or
`{"error": ...}`), and ends when stdin does: so it never outlives whoever started it. It ends by
`os._exit`, because the library's own way down waits for requests in flight, and can wait for ever.
It imports nothing of airquery, so that starting it costs the library's import only.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, NoReturn


# Idle OpenMP threads spin by default, and take the processor from every other process: eleven
# times slower beside one. The library reads this once, when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def main() -> NoReturn:
    """Serve until stdin ends."""
    settings = json.loads(sys.stdin.buffer.readline())
    try:
        server = start(settings)
    except (ImportError, OSError, RuntimeError) as error:
        _say({"error": str(error)})
        os._exit(1)
    _say({"url": server.listening_address})
    sys.stdin.buffer.read()
    os._exit(0)


def start(settings: dict[str, Any]) -> Any:
    """Load the file and listen on a free port of the loopback address."""
    import xllamacpp  # type: ignore[import-untyped]  # the package has no types

    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings["path"]
    parameters.model_alias = {settings["name"]}
    parameters.hostnames = ["127.0.0.1"]
    # A port in use would end the process.
    parameters.port = 0
    parameters.api_keys = [settings["api_key"]]
    parameters.n_parallel = settings["slots"]
    parameters.n_ctx = settings["context_per_slot"] * settings["slots"]
    parameters.cpuparams.n_threads = settings["threads"]
    parameters.cpuparams_batch.n_threads = settings["threads"]
    parameters.n_threads_http = settings["connections"]
    parameters.embedding = settings["embedding"]
    if settings["embedding"]:
        # A text is embedded in one batch. One that is too long for the model must meet the limit
        # of the context (a 400 that says so) before the limit of the batch (a 500).
        parameters.n_ubatch = 2 * settings["context_per_slot"]
    # A store of old prompts beside the slots: up to 8 GiB by default, and of no use to batches,
    # whose prompts share a prefix and are asked once.
    parameters.cache_ram_mib = 0
    parameters.cache_idle_slots = False
    parameters.ui = False
    # Errors only: what is said above that could hold a prompt.
    parameters.verbosity = 1
    return xllamacpp.Server(parameters)


def _say(message: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
