"""How fresh remembered answers must be: no older than an age, or of one namespace.

An age limit asks again what was answered too long ago. A namespace is a journal within the journal:
what was answered in another one is not known in it, so that a new name, such as that of a week,
begins anew, and a retry or a backfill under the same name pays nothing again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_AGE: Final = re.compile(r"([0-9]{1,9})([smhdw])")
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """What answers of the journal are good enough; without either, all are."""

    max_age_s: float | None = None
    namespace: str | None = None


def age_s(text: str) -> float:
    """Return the seconds of an age such as 12h or 30d. Raises `ValueError`."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"wants an age such as 30d or 12h (s, m, h, d or w), not {text!r}.")
    return float(found[1]) * UNITS_S[found[2]]


def namespace_of(text: str) -> str:
    """Return the name without the blanks around it. Raises `ValueError`."""
    name = text.strip()
    if not _NAME.fullmatch(name):
        raise ValueError("must be a name of 1 to 200 characters, without line breaks.")
    return name
