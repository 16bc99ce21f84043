"""What people write first: `openai.AsyncOpenAI`, a semaphore and `asyncio.gather`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from openai import (  # type: ignore[import-not-found]  # in the peer's environment only
    AsyncOpenAI,
)


if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.client import Job

REQUIRES = ("openai==3.52.0",)


def answer(job: Job) -> Sequence[str | None]:
    """Ask for all prompts at once, so many of them in flight."""
    return asyncio.run(_gathered(job))


async def _gathered(job: Job) -> Sequence[str | None]:
    gate = asyncio.Semaphore(job.in_flight or 64)
    async with AsyncOpenAI(base_url=job.base_url, api_key="none") as client:

        async def one(prompt: str) -> str | None:
            async with gate:
                reply = await client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": prompt}]
                )
            text: str | None = reply.choices[0].message.content
            return text

        return await asyncio.gather(*map(one, job.prompts()))
