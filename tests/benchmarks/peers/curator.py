"""curator: requests and responses as JSONL, paced by requests and tokens a minute."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bespokelabs import (  # type: ignore[import-not-found]  # in the peer's environment only
    curator,
)


if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.client import Job

REQUIRES = ("bespokelabs-curator==0.1.31",)
KEEPS_ANSWERS = True
REQUESTS_A_MINUTE, TOKENS_A_MINUTE = 100_000, 500_000_000


def answer(job: Job) -> Sequence[str | None]:
    """Ask for all prompts; a row that fails does not end the run."""
    os.environ["OPENAI_API_KEY"] = "none"
    params = {
        "base_url": job.base_url,
        "max_requests_per_minute": REQUESTS_A_MINUTE,
        "max_tokens_per_minute": TOKENS_A_MINUTE,
        "require_all_responses": False,
    }
    if job.in_flight is not None:
        params["max_concurrent_requests"] = job.in_flight
    model = curator.LLM(model_name="gpt-4o-mini", backend="openai", backend_params=params)
    prompts = job.prompts()
    found = model(prompts, working_dir=str(job.folder)).dataset["response"]
    # What failed is left out, so that the answers have to be found by what they say.
    by_row = {text.removeprefix("answer to "): text for text in found if text}
    return [by_row.get(prompt) for prompt in prompts]
