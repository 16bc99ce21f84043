"""The labels of a call: names, each with a description or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from airquery.sqlfn.given import invalid


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.sqlfn.given import Given


LONGEST_NAME = 100
LONGEST_DESCRIPTION = 1_000
EXAMPLE = """["urgent", "not urgent"] or {"urgent": "needs an answer today"}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Labels in the order they were given. `listed` says that they were a list of SQL, not JSON."""

    described: Mapping[str, str]
    listed: bool

    def find(self, text: str) -> str | None:
        """Return the label that a model meant: its case and the marks around it do not matter."""
        for written in (str.casefold, _bare):
            wanted = written(text)
            for name in self.described:
                if written(name) == wanted:
                    return name
        return None

    def lines(self) -> str:
        """Return them as lines of a prompt."""
        return "\n".join(
            f"- {name}: {about}" if about else f"- {name}" for name, about in self.described.items()
        )


def read_labels(given: Given, *, least: int, most: int) -> Labels:
    """Read `labels`: a list, or JSON text of an array or an object. Raises `StatementError`."""
    value = given.more.get("labels")
    listed = isinstance(value, list)
    if isinstance(value, str):
        value = _parsed(given, value)
    pairs = _pairs(given, value)
    names = [name for name, _ in pairs]
    if not least <= len(names) <= most:
        raise invalid(given.function, f"labels has {len(names)}; give {least} to {most}.")
    folded = [name.casefold() for name in names]
    doubled = [name for name in names if folded.count(name.casefold()) > 1]
    if doubled:
        raise invalid(given.function, f"the label {doubled[0]!r} is given twice.")
    for name, about in pairs:
        if not name.strip() or len(name) > LONGEST_NAME:
            raise invalid(
                given.function,
                f"the label {name[:LONGEST_NAME]!r} must have 1 to {LONGEST_NAME} characters.",
            )
        if len(about) > LONGEST_DESCRIPTION:
            raise invalid(
                given.function,
                f"the description of {name!r} has {len(about):,} characters; at most "
                f"{LONGEST_DESCRIPTION:,} are allowed.",
            )
    return Labels(described=dict(pairs), listed=listed)


def _bare(text: str) -> str:
    return text.strip(" \t\r\n\"'`.*").casefold()


def _parsed(given: Given, text: str) -> object:
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        raise invalid(
            given.function, f"labels is not JSON ({problem}). Write {EXAMPLE}, or a list."
        ) from problem
    return value


def _pairs(given: Given, value: object) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        items = list(value.items())
    else:
        items = [(name, "") for name in value] if isinstance(value, list) else [(None, "")]
    pairs: list[tuple[str, str]] = []
    for name, about in items:
        if not isinstance(name, str) or not isinstance(about, str | None):
            raise invalid(
                given.function, f"labels must be a list of names, or JSON text such as {EXAMPLE}."
            )
        pairs.append((name, about or ""))
    return pairs
