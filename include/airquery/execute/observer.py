"""Who is told of the requests that a statement pays for, as they are sent and end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol


if TYPE_CHECKING:
    from airquery.execute.flight import Ending
    from airquery.request import Request


class Observer(Protocol):
    """Told from the engine's threads, so it keeps others out and never waits. It raises nothing."""

    def sent(self, request: Request) -> None:
        """Note that a request may go out; it is told again for each further attempt."""

    def throttled(self) -> None:
        """Note that an endpoint asked for patience."""

    def ended(self, request: Request, ending: Ending) -> None:
        """Note how a request ended that was sent."""
