"""What a server is asked to be.

`ServeOptions` refuses what cannot work before a port is bound or a model is read. Loopback is the
default: a host that other machines can reach has to be allowed, and needs a token. The token never
shows in a `repr`.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airquery.errors import InvalidSetting, suggestion
from airquery.settings import Settings


if TYPE_CHECKING:
    from pathlib import Path


CHAT_MODEL: Final = "smollm2"
EMBEDDING_MODEL: Final = "minilm"
LEXICON_MODEL: Final = "vader"
ENTITY_MODEL: Final = "bert-ner"
ALL_MODELS: Final = (CHAT_MODEL, EMBEDDING_MODEL, LEXICON_MODEL, ENTITY_MODEL)

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8077
TOKEN_VARIABLE: Final = "AIRQUERY_SERVE_TOKEN"  # noqa: S105 (a name, not a token)
# What comes before the URL in the one line on stdout.
URL_PREFIX: Final = "airquery serve: "

_HIGHEST_PORT = 65_535


def read_token(file: Path | None) -> str | None:
    """Return the token from a file, else from the environment. None where there is none."""
    if file is None:
        return os.environ.get(TOKEN_VARIABLE, "").strip() or None
    try:
        token = file.read_text(encoding="ascii").strip()
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "is not ASCII text"
    else:
        if token:
            return token
        problem = "is empty"
    raise InvalidSetting(f"The token file {str(file)!r} {problem}. Write the token into it.")


def default_threads() -> int:
    """Return how many threads a model computes with: more than four gain a small one nothing."""
    return min(os.cpu_count() or 1, 4)


def default_slots() -> int:
    """Return how many requests a model works on at once."""
    return min(max(os.cpu_count() or 1, 2), 4)


def default_cache_dir() -> Path:
    """Return the folder that converted models are kept in."""
    return Settings.read().home / "models"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """The settings of one server.

    Args:
        host: The address to listen on. Anything but loopback can be reached by other machines: it
            needs `allow_remote` and a token.
        allow_remote: Whether other machines may reach the server.
        port: 0 takes any free one; the line on stdout says which.
        models: Which of `ALL_MODELS` to load. The name of the file in `model_path` stands for
            the chat model.
        model_path: A GGUF file of a chat model, served under its file stem in place of `smollm2`.
        threads: Threads a model computes with.
        slots: Requests a model works on at once; further ones wait.
        context_per_slot: Tokens of prompt and answer that one request to the chat model may have.
        cache_dir: Where the converted embedding model is kept.
        token: If set, every request but `/health` needs `Authorization: Bearer <token>`.
    """

    host: str = DEFAULT_HOST
    allow_remote: bool = False
    port: int = 0
    models: tuple[str, ...] = ALL_MODELS
    model_path: Path | None = None
    threads: int = field(default_factory=default_threads)
    slots: int = field(default_factory=default_slots)
    context_per_slot: int = 4096
    cache_dir: Path = field(default_factory=default_cache_dir)
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= _HIGHEST_PORT:
            raise InvalidSetting(f"Port {self.port} does not exist. Use 0 to {_HIGHEST_PORT}.")
        for name in ("threads", "slots", "context_per_slot"):
            if getattr(self, name) < 1:
                raise InvalidSetting(f"{name} must be at least 1, not {getattr(self, name)}.")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise InvalidSetting("The token must be printable ASCII text. Set another one.")
        if self.token is not None and not self.token.strip():
            raise InvalidSetting("The token must not be blank. Set another one.")
        self._check_reach()
        self._check_models()

    def _check_reach(self) -> None:
        """Refuse to be reached by other machines by accident, or without a token."""
        if _is_loopback(self.host):
            return
        reached = f"Other machines can reach a server that listens on {self.host!r}"
        if not self.allow_remote:
            raise InvalidSetting(
                f"{reached}. Leave --host out, or add --allow-remote and set {TOKEN_VARIABLE}."
            )
        if self.token is None:
            raise InvalidSetting(
                f"{reached}, and it has no token. Set {TOKEN_VARIABLE}, or name a file that holds "
                "one with --token-file."
            )

    def _check_models(self) -> None:
        if self.model_path is not None and self.chat_name in ALL_MODELS[1:]:
            raise InvalidSetting(
                f"The file {str(self.model_path)!r} would be served as {self.chat_name!r}, which "
                "is the name of another model. Rename the file."
            )
        known = {*ALL_MODELS, self.chat_name}
        for name in self.models:
            if name not in known:
                raise InvalidSetting(f"Model {name!r} is not served. {suggestion(name, known)}")
        if not self.models:
            raise InvalidSetting(f"No model is asked for. Known: {', '.join(sorted(known))}.")
        if self.model_path is not None and not {CHAT_MODEL, self.chat_name} & set(self.models):
            raise InvalidSetting(
                f"A model file is given, but models says {','.join(self.models)}. "
                f"Add {self.chat_name!r} to it, or leave the file out."
            )

    @property
    def chat_name(self) -> str:
        """Return the name that the chat model answers to."""
        return CHAT_MODEL if self.model_path is None else self.model_path.stem


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
