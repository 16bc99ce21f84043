"""LOTUS: semantic operators over pandas, through LiteLLM in threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lotus  # type: ignore[import-not-found]  # in the peer's environment only
import pandas as pd  # type: ignore[import-untyped]  # noqa: TID253  (in the peer's environment only)
from lotus.models import LM  # type: ignore[import-not-found]


if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.client import Job

REQUIRES = ("lotus-ai==1.2.4", "pillow")


def answer(job: Job) -> Sequence[str | None]:
    """Map one column to another."""
    told = {} if job.in_flight is None else {"max_batch_size": job.in_flight}
    lotus.settings.configure(lm=LM(model="openai/m", api_base=job.base_url, api_key="none", **told))
    frame = pd.DataFrame({"prompt": job.prompts()})
    answers: Sequence[str | None] = list(frame.sem_map("Answer {prompt}")["_map"])
    return answers
