"""async-batch-llm: workers that cool down together after a 429, and a JSONL file to resume from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from async_batch_llm import (  # type: ignore[import-not-found]  # in the peer's environment only
    ArtifactIdentity,
    JsonlArtifactStore,
    ResumePolicy,
    llm,
    process_prompts,
)


if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.client import Job

REQUIRES = ("async-batch-llm[openai]==0.28.0",)
KEEPS_ANSWERS = True


def answer(job: Job) -> Sequence[str | None]:
    """Process all prompts, and put the results back into their order."""
    return asyncio.run(_processed(job))


async def _processed(job: Job) -> Sequence[str | None]:
    model = llm("openai-compatible:m", base_url=job.base_url, api_key="none")
    identity = ArtifactIdentity(provider="bench", model="m")
    batch = await process_prompts(
        model,
        [(str(i), prompt) for i, prompt in enumerate(job.prompts())],
        concurrency=job.in_flight or 64,
        preserve_order=True,
        artifact_store=JsonlArtifactStore(job.folder / "answers.jsonl", identity=identity),
        resume=ResumePolicy.REUSE_SUCCESSES,
    )
    return [result.output if result.success else None for result in batch.results]
