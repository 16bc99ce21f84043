"""An endpoint that counts for itself: what was sent to it, how often, and when it replied."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

from airquery.testing import EndpointServer


if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

PROMPTS, ROWS = 40, 48
CONCURRENCY = 4
MEDIAN_S, SIGMA = 0.05, 0.8


class CountingEndpoint:
    """A context manager; its latencies are spread as those of a model, and follow from the seed."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311
        self._lock = threading.Lock()
        self._replied_at: dict[str, float] = {}
        self.replies = 0
        self.server = EndpointServer(
            answer=self._answer,
            latency_s=lambda _: MEDIAN_S * dice.lognormvariate(0.0, SIGMA),
        )

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.__exit__(kind, error, trace)

    @property
    def sent(self) -> Counter[str]:
        """Return how often each prompt came in."""
        return Counter(prompt_of(request.body) for request in self.server.requests)

    @property
    def replied_at(self) -> Mapping[str, float]:
        """Return when each prompt was last replied to, by `time.monotonic()`."""
        with self._lock:
            return dict(self._replied_at)

    def _answer(self, body: Mapping[str, Any]) -> str:
        prompt = prompt_of(body)
        with self._lock:
            self._replied_at[prompt] = time.monotonic()
            self.replies += 1
        return prompt


def prompt_of(body: Mapping[str, Any]) -> str:
    """Return what a request for a chat asks."""
    prompt: str = body["messages"][-1]["content"]
    return prompt
