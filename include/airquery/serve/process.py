"""Run the model server as a child process, for a test, a demo or a notebook.

Inside the `with` block the server is ready; after it, no process is left. What the server says on
stderr is kept, and shown if it does not get ready.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from airquery.errors import ConfigurationError
from airquery.serve.options import TOKEN_VARIABLE, URL_PREFIX, ServeOptions


if TYPE_CHECKING:
    from types import TracebackType


_STOP_S = 5.0
_TAIL_BYTES = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    process: subprocess.Popen[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    def stop(self) -> None:
        """End it kindly, then with its whole group by force."""
        with self.stdout, self.stderr:
            self.process.terminate()
            try:
                self.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def stderr_tail(self) -> str:
        """Return the last lines it said. Reads beside the offset that it writes at."""
        file = self.stderr.fileno()
        start = max(0, os.fstat(file).st_size - _TAIL_BYTES)
        return os.pread(file, _TAIL_BYTES, start).decode(errors="replace").strip()


class ServerProcess:
    """`python -m airquery.serve` as a child with a process group of its own.

    Args:
        options: What to serve; by default everything, on any free port.
        ready_timeout_s: How long loading may take.
    """

    def __init__(
        self, options: ServeOptions | None = None, *, ready_timeout_s: float = 60.0
    ) -> None:
        self._options = ServeOptions() if options is None else options
        self._ready_timeout_s = ready_timeout_s
        self._running: _Running | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Return the address of the server, without a path."""
        return self._url

    @property
    def pid(self) -> int:
        """Return the process id of the server, 0 if it does not run."""
        return 0 if self._running is None else self._running.process.pid

    def __enter__(self) -> Self:
        if self._running is not None:
            raise ConfigurationError("This model server runs already. Make another ServerProcess.")
        self._running = _start(self._options)
        try:
            self._url = _wait_for_url(self._running, self._ready_timeout_s)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._running is not None:
            self._running.stop()
        self._running, self._url = None, ""


def _start(options: ServeOptions) -> _Running:
    stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process is stopped
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module, and no shell
            [sys.executable, "-m", "airquery.serve", *_arguments(options)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=_environment(options),
            process_group=0,
        )
    except OSError:
        stderr.close()
        raise
    if process.stdout is None:
        raise ConfigurationError("The model server was started without its output.")
    return _Running(process=process, stdout=process.stdout, stderr=stderr)


def _wait_for_url(running: _Running, timeout_s: float) -> str:
    """Return the URL from the one line on stdout, or raise with what is on stderr."""
    deadline = time.monotonic() + timeout_s
    poll = select.poll()
    poll.register(running.stdout, select.POLLIN)
    said = b""
    while not said.endswith(b"\n"):
        left_s = deadline - time.monotonic()
        if left_s <= 0 or not poll.poll(left_s * 1000):
            problem = f"was not ready within {timeout_s:g} s"
            raise ConfigurationError(_failure(problem, running))
        piece = os.read(running.stdout.fileno(), 4096)
        if not piece:
            with suppress(subprocess.TimeoutExpired):
                running.process.wait(_STOP_S)
            problem = f"ended with exit code {running.process.returncode} before it was ready"
            raise ConfigurationError(_failure(problem, running))
        said += piece
    return said.decode().strip().removeprefix(URL_PREFIX)


def _failure(problem: str, running: _Running) -> str:
    return f"The model server {problem}. It said:\n{running.stderr_tail() or '(nothing)'}"


def _arguments(options: ServeOptions) -> list[str]:
    """Spell the options for the command line; the token goes by the environment, unseen by `ps`."""
    arguments = {
        "--host": options.host,
        "--port": options.port,
        "--models": ",".join(options.models),
        "--threads": options.threads,
        "--slots": options.slots,
        "--context": options.context_per_slot,
        "--cache-dir": options.cache_dir,
    }
    if options.model_path is not None:
        arguments["--model"] = options.model_path
    flags = ["--allow-remote"] if options.allow_remote else []
    return [*flags, *(f"{name}={value}" for name, value in arguments.items())]


def _environment(options: ServeOptions) -> dict[str, str]:
    environment = {"OMP_WAIT_POLICY": "passive", **os.environ}
    environment.pop(TOKEN_VARIABLE, None)
    if options.token is not None:
        environment[TOKEN_VARIABLE] = options.token
    root = Path(__file__).parents[2]
    # Installed packages are found anyway, and must not come before the standard library.
    if root.name not in ("site-packages", "dist-packages"):
        paths = [str(root), *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment
