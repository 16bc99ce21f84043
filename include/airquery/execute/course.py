"""How a statement went: when its requests ended, and what their failures said.

It takes the same room for ten requests and for ten million: there are at most so many moments, which
grow longer, and of each kind of failure a few messages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airquery.answer import Failure


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airquery.execute.answers import Result

MOST_MOMENTS: Final = 120
FIRST_WIDTH_S: Final = 0.1
MOST_SAMPLES: Final = 5
# What is refused before it is known whom to ask.
_NOBODY: Final = ""


@dataclass(slots=True)
class Kind:
    """Failures of one condition at one endpoint: how many, and the first different messages."""

    count: int = 0
    samples: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SoFar:
    """What it was at one moment.

    `moments` say when each began, in seconds, and what was answered, failed and sent in it. `kinds`
    are failures by condition and endpoint.
    """

    width_s: float
    moments: tuple[tuple[float, int, int, int], ...]
    kinds: Mapping[tuple[str, str], Kind]


class Course:
    """What a statement's requests came to, as time went by. Whoever changes it keeps others out."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._answered: list[int] = []
        self._failed: list[int] = []
        self._sent: list[int] = []
        self._width_s = FIRST_WIDTH_S
        self._kinds: dict[tuple[str, str], Kind] = {}

    def ended(self, endpoint: str, result: Result) -> None:
        """Note how a request ended."""
        place = self._place()
        self._answered[place] += 1
        if result.source == "endpoint" and result.attempts:
            self._sent[place] += 1
        if isinstance(result.outcome, Failure):
            self._failed[place] += 1
            self._keep(endpoint, result.outcome)

    def remembered(self, count: int) -> None:
        """Note requests that the journal answered."""
        self._answered[self._place()] += count

    def refused(self, failure: Failure) -> None:
        """Note a request that could not be made."""
        place = self._place()
        self._answered[place] += 1
        self._failed[place] += 1
        self._keep(_NOBODY, failure)

    def misfit(self, endpoint: str, failure: Failure) -> None:
        """Note that an answer turned out to be none."""
        self._failed[self._place()] += 1
        self._keep(endpoint, failure)

    def so_far(self) -> SoFar:
        """Return what it is now."""
        counts = zip(self._answered, self._failed, self._sent, strict=True)
        return SoFar(
            self._width_s,
            tuple((round(at * self._width_s, 3), *each) for at, each in enumerate(counts)),
            {key: Kind(kind.count, [*kind.samples]) for key, kind in self._kinds.items()},
        )

    def _keep(self, endpoint: str, failure: Failure) -> None:
        kind = self._kinds.setdefault((failure.condition, endpoint), Kind())
        kind.count += 1
        if len(kind.samples) < MOST_SAMPLES and failure.message not in kind.samples:
            kind.samples.append(failure.message)

    def _place(self) -> int:
        """Return the moment that it is, made if it is a new one."""
        seconds = self._monotonic() - self._began
        place = int(seconds / self._width_s)
        if place < len(self._answered):
            return place
        while place >= MOST_MOMENTS:
            self._double()
            place = int(seconds / self._width_s)
        for counts in (self._answered, self._failed, self._sent):
            counts.extend([0] * (place + 1 - len(counts)))
        return place

    def _double(self) -> None:
        self._width_s *= 2
        for counts in (self._answered, self._failed, self._sent):
            counts[:] = [sum(counts[i : i + 2]) for i in range(0, len(counts), 2)]
