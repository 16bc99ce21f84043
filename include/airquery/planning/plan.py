"""How one statement is executed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from airquery.sqlfn.calls import CallSite


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one statement is executed.

    `text` is the statement itself, `sites` are its calls, and `note` says which of them are not
    answered ahead, and why. Each of `readers` asks ahead what the calls of one depth need, and waits
    for the answers of those that they build on: all may run at once. `rounds` ask the same, but
    are run and drained in order, each before the next. `counting` finds what can be counted without
    an answer: the calls that build on no other. `tables` are the names that it reads, in
    lower case, and `own` says why only its own transaction will do.
    """

    text: str
    rounds: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    counting: str = ""
    sites: tuple[CallSite, ...] = ()
    note: str = ""
    tables: frozenset[str] = frozenset()
    own: str = ""

    @property
    def all_ahead(self) -> bool:
        """Tell whether every call is answered ahead."""
        return all(site.ahead for site in self.sites)

    def uncounted(self) -> tuple[str, ...]:
        """Say of which calls the requests are not known before others are answered, and why."""
        return tuple(
            f"{site.function}({site.endpoint or ''}) is not counted: "
            + (site.reason or "it builds on another call's answers")
            for site in self.sites
            if not (self.counting and site.ahead and site.depth == 1)
        )

    def decisions(self) -> tuple[str, ...]:
        """Say of each call how it is answered, and why."""
        return tuple(
            f"{site.function}({site.endpoint or ''}): "
            + (
                f"read ahead, depth {site.depth}"
                if site.ahead
                else f"chunk by chunk: {site.reason}"
            )
            for site in self.sites
        )
