"""The endpoint that a pipeline asks: one of the endpoint file, or a new entry in it.

An entry is added as text, so that the file's comments and order stay, and only if the file then
says what it said and the entry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import yaml

from airquery.errors import InvalidSetting


if TYPE_CHECKING:
    from pathlib import Path


_DEFAULT = "my-llm"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# The address is that of `airquery serve`, which needs no key.
_FIELDS = """\
task: chat
base_url: http://127.0.0.1:8077/v1
model: smollm2
api_key: ${LLM_KEY:-}
price: {input_per_million: 0.15, output_per_million: 0.60, currency: USD}
"""
_HEAD = """\
# Whom the pipelines ask: as it stands, `airquery serve` on this machine. LLM_KEY is taken from the
# environment. Write your provider's address, model and prices in place of these.
endpoints:
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An endpoint's name, its file, and the file's new text, or None if it declares it already."""

    name: str
    file: Path
    text: str | None

    @classmethod
    def read(cls, file: Path, name: str | None) -> Self:
        """Find the endpoint in its file, or prepare it. Raises `InvalidSetting`."""
        if name is not None and not _NAME.fullmatch(name):
            raise InvalidSetting(
                f"{name!r} cannot name an endpoint. Take letters, digits, dots, hyphens and "
                "underscores."
            )
        before = file.read_text(encoding="utf-8") if file.exists() else None
        declared = {} if before is None else _declared(before, file)
        chats = (key for key, fields in declared.items() if _is_chat(fields))
        wanted = name or next(chats, _DEFAULT)
        if wanted in declared:
            return cls(name=wanted, file=file, text=None)
        return cls(name=wanted, file=file, text=_with_entry(before, wanted, file))

    def write(self) -> str:
        """Write the file if it changes; say what it has."""
        if self.text is None:
            return f"{self.file} has the endpoint {self.name!r} already"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(self.text, encoding="utf-8")
        return f"{self.file} with the endpoint {self.name!r}"


def _is_chat(fields: object) -> bool:
    return isinstance(fields, dict) and fields.get("task") == "chat"


def _declared(text: str, file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidSetting(f"{file} is not YAML: {error}") from error
    endpoints = found.get("endpoints") if isinstance(found, dict) else None
    return endpoints if isinstance(endpoints, dict) else {}


def _with_entry(before: str | None, name: str, file: Path) -> str:
    """Return the text of the file with the entry first among its endpoints."""
    lines = [f"{name}:", *(f"  {line}" for line in _FIELDS.splitlines())]
    if before is None:
        return _HEAD + "".join(f"  {line}\n" for line in lines)
    found = re.search(
        r"^endpoints:[ \t]*(#.*)?\n(?:[ \t]*(#.*)?\n)*(?P<indent> +)", before, re.MULTILINE
    )
    if found is not None:
        place = found.start("indent")
        entry = "".join(f"{found['indent']}{line}\n" for line in lines)
        after = before[:place] + entry + before[place:]
        expected = {name: yaml.safe_load(_FIELDS), **_declared(before, file)}
        if _declared(after, file) == expected:
            return after
    raise InvalidSetting(
        f"{file} is written in a way that an entry cannot be added to. Declare the endpoint {name!r} "
        "in it yourself, or name another file with --endpoints."
    )
