"""ondine: columns of a DataFrame through LiteLLM; adaptive concurrency unless told a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd  # type: ignore[import-untyped]  # noqa: TID253  (in the peer's environment only)
from ondine import (  # type: ignore[import-not-found]  # in the peer's environment only
    PipelineBuilder,
)


if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.client import Job

REQUIRES = ("ondine==2.1.1",)


def answer(job: Job) -> Sequence[str | None]:
    """Fill one column from another; a row that fails is skipped and stays empty."""
    frame = pd.DataFrame({"prompt": job.prompts()})
    builder = (
        PipelineBuilder.create()
        .from_dataframe(frame, input_columns=["prompt"], output_columns=["answer"])
        .with_prompt("{prompt}")
        .with_llm(model="m", provider="openai", api_key="none", base_url=job.base_url)
        .with_error_policy("skip")
    )
    if job.in_flight is None:
        builder = builder.with_adaptive_concurrency()
    else:
        builder = builder.with_concurrency(job.in_flight)
    answers = builder.build().execute().data["answer"]
    return [text if isinstance(text, str) else None for text in answers]
