"""Stub for a moment."""

from __future__ import annotations


class Concurrency:
    def __init__(self, *, told: int | None = None, start: int = 32, most: int = 2048) -> None:
        self.limit = told or start
        self.paused_until = 0.0

    def answered(self, now: float, *, sent_at: float, in_flight: int) -> None: ...
    def rejected(
        self, now: float, *, sent_at: float, in_flight: int, retry_after_s: float | None
    ) -> None: ...
    def faulted(self, now: float, *, sent_at: float, in_flight: int) -> None: ...
