"""Daft: a distributed DataFrame with `prompt`; by default one row that fails ends the query."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import daft  # type: ignore[import-not-found]  # in the peer's environment only
from daft.functions import prompt  # type: ignore[import-not-found]


if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.client import Job

REQUIRES = ("daft[openai]==0.7.26",)


def answer(job: Job) -> Sequence[str | None]:
    """Answer one column with another, over chat completions."""
    os.environ["OPENAI_API_KEY"] = "none"
    os.environ["OPENAI_BASE_URL"] = job.base_url
    frame = daft.from_pydict({"prompt": job.prompts()})
    told = {} if job.in_flight is None else {"concurrency": job.in_flight}
    asked = prompt(
        daft.col("prompt"), provider="openai", model="m", use_chat_completions=True, **told
    )
    answers: Sequence[str | None] = frame.with_column("a", asked).to_pydict()["a"]
    return answers
