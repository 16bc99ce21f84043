"""fenic: a DataFrame engine with `semantic.map`; it paces by requests a minute, not by a cap."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import fenic  # type: ignore[import-not-found]  # in the peer's environment only


if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.client import Job

# It imports what openai 3 does not bring any more; litellm brings the files that tiktoken would
# download.
REQUIRES = ("fenic==0.13.0", "openai<3", "litellm")
# It wants both numbers; these do not hold it back.
REQUESTS_A_MINUTE, TOKENS_A_MINUTE = 100_000, 500_000_000


def answer(job: Job) -> Sequence[str | None]:
    """Map one column to another."""
    os.environ["OPENAI_API_KEY"] = "none"
    model = fenic.OpenAILanguageModel(
        model_name="gpt-4o-mini",
        rpm=REQUESTS_A_MINUTE,
        tpm=TOKENS_A_MINUTE,
        base_url=job.base_url,
    )
    session = fenic.Session.get_or_create(
        fenic.SessionConfig(
            app_name="bench",
            db_path=job.folder,
            semantic=fenic.SemanticConfig(language_models={"m": model}, default_language_model="m"),
        )
    )
    frame = session.create_dataframe({"prompt": job.prompts()})
    mapped = frame.select(fenic.semantic.map("{{ prompt }}", prompt=fenic.col("prompt")).alias("a"))
    answers: Sequence[str | None] = mapped.to_pydict()["a"]
    session.stop()
    return answers
