"""flexllm: an asyncio client that writes a JSONL file as it goes and reads it when started again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flexllm import (  # type: ignore[import-not-found]  # in the peer's environment only
    LLMClient,
)


if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.client import Job

REQUIRES = ("flexllm==0.17.10",)
KEEPS_ANSWERS = True


def answer(job: Job) -> Sequence[str | None]:
    """Ask for all prompts in one batch; it has no mode that finds the number in flight."""
    told = {} if job.in_flight is None else {"concurrency_limit": job.in_flight}
    messages = [[{"role": "user", "content": prompt}] for prompt in job.prompts()]
    with LLMClient(base_url=job.base_url, api_key="none", model="m", **told) as client:
        results = client.chat_batch_sync(
            messages, output_jsonl=str(job.folder / "answers.jsonl"), show_progress=False
        )
    return [result.content for result in results]
