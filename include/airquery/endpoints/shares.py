"""Split what was counted once over those it was counted for, so that the parts sum up to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.answer import Usage


if TYPE_CHECKING:
    from collections.abc import Sequence


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """Split a number in proportion to the weights, or evenly if all of them are 0."""
    if not any(weights):
        weights = [1] * len(weights)
    whole, reached = sum(weights), 0
    found = []
    for weight in weights:
        before = total * reached // whole
        reached += weight
        found.append(total * reached // whole - before)
    return found


def usages(usage: Usage, *, asked: Sequence[int], answered: Sequence[int]) -> list[Usage]:
    """Split tokens by the lengths of what was asked and of what was answered."""
    prompts = shares(usage.prompt_tokens, asked)
    completions = shares(usage.completion_tokens, answered)
    # A part follows its whole, so that nobody has more of the part.
    cached = shares(usage.cached_tokens, prompts)
    reasoning = shares(usage.reasoning_tokens, completions)
    return [
        Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=read,
            reasoning_tokens=thought,
        )
        for prompt, completion, read, thought in zip(
            prompts, completions, cached, reasoning, strict=True
        )
    ]
