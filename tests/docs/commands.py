"""`airquery` for many short commands: a process that has loaded it, and forks for each of them.

What a page costs is mostly loading the same modules again. A command is still a process of its own,
with its own arguments, environment, folder and files; only its imports are there before.

    python commands.py SOCKET serves, and python commands.py SOCKET ask ... is the command.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from importlib import import_module
from typing import NoReturn


LOADED = (
    "airquery.cli.plan",
    "airquery.cli.rows",
    "airquery.cli.sql",
    "airquery.execute.pools",
    "airquery.planning.build",
    "airquery.journal.sqlite_store",
    "airquery.runner",
    "duckdb",
    "pyarrow.parquet",
    "rich.progress",
    "sqlglot.dialects.duckdb",
    "yaml",
)
MOST = 1 << 20


def serve(path: str) -> NoReturn:
    """Run a command for each that asks, one at a time, until this process is ended."""
    from airquery.cli.app import main  # noqa: PLC0415 - the one that asks must not load it

    for name in LOADED:
        import_module(name)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)  # noqa: T201 - whoever started it waits for this
        while True:
            asking, _ = listening.accept()
            with asking:
                message, files, _, _ = socket.recv_fds(asking, MOST, 3)
                child = os.fork()
                if child == 0:
                    arguments, folder, environ = json.loads(message)
                    for number, file in enumerate(files):
                        os.dup2(file, number)
                    os.chdir(folder)
                    os.environ.clear()
                    os.environ.update(environ)
                    sys.argv = ["airquery", *arguments]
                    main(arguments)
                    sys.exit(0)
                for file in files:
                    os.close(file)
                _, status = os.waitpid(child, 0)
                asking.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def ask(path: str, arguments: list[str]) -> int:
    """Have a command run with the files of this process; return its exit code."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(path)
        message = json.dumps([arguments, os.environ["PWD"], dict(os.environ)]).encode()
        socket.send_fds(asking, [message], [0, 1, 2])
        return int(asking.recv(16) or b"1")


if __name__ == "__main__":
    if sys.argv[2:3] == ["ask"]:
        sys.exit(ask(sys.argv[1], sys.argv[3:]))
    serve(sys.argv[1])
