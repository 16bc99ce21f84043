"""Take `${NAME}` from the environment.

Only braces are special: a lone `$` stays as it is. A variable that is unset or blank is an error
that names it, never an empty string; `${NAME:-}`, which only `api_key` takes, is nothing at all
then. Nothing here puts a value into a message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Mapping


_OPTIONAL = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*):-\}")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def refers(text: str) -> bool:
    """Say whether the text takes anything from the environment."""
    return "${" in text


def required(text: str, environ: Mapping[str, str]) -> str | None:
    """Turn `${NAME:-}` into `${NAME}`, or into None where NAME is not set."""
    optional = _OPTIONAL.fullmatch(text.strip())
    if optional is None:
        return text
    name = optional.group(1)
    return f"${{{name}}}" if environ.get(name, "").strip() else None


def check_references(field: str, text: str) -> None:
    """Refuse `${...}` that names no variable. Raises `ValueError`."""
    if refers(_REFERENCE.sub("", text)):
        raise ValueError(
            f"field {field!r} holds a '${{' that no variable name and '}}' follow. "
            "Write ${NAME}, with letters, digits and underscores only."
        )


def resolved(field: str, text: str, environ: Mapping[str, str]) -> str:
    """Put the variables' values in. Raises `ValueError` that names the first missing one."""
    check_references(field, text)

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        found = environ.get(name, "").strip()
        if not found:
            raise ValueError(
                f"field {field!r} takes ${{{name}}} from the environment, where {name} is not set. "
                f"Set {name}."
            )
        return found

    return _REFERENCE.sub(value, text)
