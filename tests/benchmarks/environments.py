"""The Python that each client runs in: ours for us, one of its own for every peer."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).parent / "peers"
OWN = "airquery"
INSTALL_LIMIT_S = 300
# Peers look for news, send statistics and draw bars; none of that is what is measured.
QUIET = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "TELEMETRY_ENABLED": "0",
    "TQDM_DISABLE": "1",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}


class NotInstalled(Exception):
    """A peer's packages could not be installed; the text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A Python and the variables it is started with."""

    python: Path
    variables: Mapping[str, str]

    def command(self, script: Path, client: str, arguments: Sequence[str]) -> Sequence[str]:
        """Return how to start a client."""
        # Without -P the folder of the script would come before the packages of the same names.
        return [str(self.python), "-P", str(script), client, *arguments]


def peers() -> Mapping[str, Sequence[str]]:
    """Return the clients that each file in peers/ offers: itself and its variants."""
    return {
        file.stem: (file.stem, *(f"{file.stem}:{v}" for v in _said(file, "VARIANTS")))
        for file in sorted(PEERS.glob("*.py"))
    }


def keeps_answers(client: str) -> bool:
    """Tell whether a client goes on where a killed one stopped."""
    return bool(_said(PEERS / f"{client.partition(':')[0]}.py", "KEEPS_ANSWERS"))


def environment(client: str, folder: Path, *, make: bool) -> Environment | None:
    """Return where a client runs; None if that was not made yet and shall not be.

    Raises `NotInstalled`, also when an earlier try has failed.
    """
    name = client.partition(":")[0]
    own = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")} | QUIET
    if name == OWN:
        sources = os.pathsep.join(str(ROOT / part) for part in ("include", "operators", "sql"))
        path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), sources)))
        return Environment(python=Path(sys.executable), variables=own | {"PYTHONPATH": path})
    home = folder / name
    if not make and not (home / "installed").exists():
        return None
    _install(home, _said(PEERS / f"{name}.py", "REQUIRES"))
    # What tiktoken would download comes with LiteLLM, so that measuring needs no network.
    files = next(home.glob("lib/*/site-packages/litellm/litellm_core_utils/tokenizers"), None)
    own |= {} if files is None else {"TIKTOKEN_CACHE_DIR": str(files)}
    return Environment(python=home / "bin" / "python", variables=own)


def _install(home: Path, requirements: Sequence[str]) -> None:
    stamp, reason = home / "installed", home / "failed"
    wanted = "\n".join(requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if reason.exists():
        raise NotInstalled(f"{reason.read_text()} (remove {home} to try again)")
    home.mkdir(parents=True, exist_ok=True)
    uv = [sys.executable, "-m", "uv", "-q"]
    python = str(home / "bin" / "python")
    try:
        _call([*uv, "venv", "--allow-existing", "--python", sys.executable, str(home)])
        _call([*uv, "pip", "install", "--python", python, *requirements])
    except NotInstalled as problem:
        reason.write_text(str(problem))
        raise
    stamp.write_text(wanted)


def _call(command: Sequence[str]) -> None:
    try:
        # Elsewhere, because uv would follow this project's own settings here.
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT_S,
            cwd=tempfile.gettempdir(),
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"not installed within {INSTALL_LIMIT_S} s") from None
    except subprocess.CalledProcessError as problem:
        raise NotInstalled(" ".join(problem.stderr.split())[:300]) from None


def _said(file: Path, name: str) -> tuple[str, ...]:
    """Read a constant of a peer without importing what it imports."""
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            value = ast.literal_eval(node.value)
            return value if isinstance(value, tuple) else (str(value),) if value else ()
    return ()
