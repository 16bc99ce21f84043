"""The `options` of a call: a map or a struct whose names are known, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airquery.errors import suggestion
from airquery.sqlfn.given import invalid


if TYPE_CHECKING:
    from airquery.sqlfn.given import Given

Options = Mapping[str, object]

LONGEST_INSTRUCTIONS = 20_000


def read_options(given: Given, known: Sequence[str]) -> Options:
    """Return the options that were given. Raises `StatementError` for a name that is not known."""
    value = given.more.get("options")
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise invalid(
            given.function,
            "options must be a map such as MAP {'version': '2.0'}, or a struct.",
        )
    for name in value:
        if name not in known:
            raise invalid(
                given.function, f"it has no option {name!r}. {suggestion(str(name), known)}"
            )
    return {name: one for name, one in value.items() if one is not None}


def version_of(given: Given, options: Options, known: Sequence[str], *, default: str) -> str:
    """Return the version that a call asks for. Raises `StatementError`."""
    version = str(options.get("version", default))
    if version not in known:
        raise invalid(
            given.function, f"option version is {version!r}. {suggestion(version, known)}"
        )
    return version


def flag_of(given: Given, options: Options, name: str) -> bool:
    """Return an option that is true or false; a map has it as text. Raises `StatementError`."""
    value = options.get(name, False)
    found = {"true": True, "false": False}.get(str(value).lower())
    if found is None:
        raise invalid(given.function, f"option {name} must be 'true' or 'false', not {value!r}.")
    return found


def instructions_of(given: Given, options: Options) -> str:
    """Return the instructions as lines of a prompt, or nothing. Raises `StatementError`."""
    text = options.get("instructions", "")
    if not isinstance(text, str):
        raise invalid(given.function, "option instructions must be text.")
    if len(text) > LONGEST_INSTRUCTIONS:
        raise invalid(
            given.function,
            f"option instructions has {len(text):,} characters; at most "
            f"{LONGEST_INSTRUCTIONS:,} are allowed.",
        )
    return f"{text}\n" if text else ""
