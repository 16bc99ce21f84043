"""DocETL: a pipeline of operations over documents, through LiteLLM in threads."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from docetl.api import (  # type: ignore[import-not-found]  # in the peer's environment only
    Dataset,
    MapOp,
    Pipeline,
    PipelineOutput,
    PipelineStep,
)


if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.client import Job

REQUIRES = ("docetl==0.3.0",)


def answer(job: Job) -> Sequence[str | None]:
    """Map every document to its answer."""
    os.environ["OPENAI_API_KEY"] = "none"
    os.environ["OPENAI_API_BASE"] = job.base_url
    documents = [{"i": i, "prompt": prompt} for i, prompt in enumerate(job.prompts())]
    (job.folder / "in.json").write_text(json.dumps(documents))
    operation = MapOp(
        name="ask",
        type="map",
        prompt="{{ input.prompt }}",
        output={"schema": {"answer": "string"}, "mode": "structured_output"},
        model="openai/m",
    )
    Pipeline(
        name="bench",
        datasets={"in": Dataset(type="file", path=str(job.folder / "in.json"))},
        operations=[operation],
        steps=[PipelineStep(name="all", input="in", operations=["ask"])],
        output=PipelineOutput(type="file", path=str(job.folder / "out.json")),
        max_threads=job.in_flight,
    ).run()
    written = json.loads((job.folder / "out.json").read_text())
    found = {row["i"]: row.get("answer") for row in written}
    return [found.get(document["i"]) for document in documents]
