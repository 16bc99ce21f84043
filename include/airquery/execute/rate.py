"""Stub for a moment."""

from __future__ import annotations
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    requests: int = 1
    input_tokens: int = 0
    output_tokens: int = 0


class RateLimits:
    def __init__(self, limits: object) -> None: ...
    def wait_s(self, cost: Cost, now: float) -> float:
        return 0.0

    def take(self, cost: Cost, now: float) -> None: ...
