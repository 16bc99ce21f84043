"""saturate: rows in, Parquet out; `Fixed` when told a number, else `Auto`, its own default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saturate import (  # type: ignore[import-not-found]  # in the peer's environment only
    Auto,
    Fixed,
    pump,
    read_output,
)


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.client import Job

REQUIRES = ("saturate==0.2.0",)
KEEPS_ANSWERS = True


def answer(job: Job) -> Sequence[str | None]:
    """Pump all prompts through the endpoint, then read what was written."""
    rows = [(str(i), {"prompt": prompt}) for i, prompt in enumerate(job.prompts())]
    output = str(job.folder / "answers")
    pump(
        rows,
        to_request=_request,
        parse=_answer,
        endpoint=job.base_url,
        output=output,
        window=Auto() if job.in_flight is None else Fixed(job.in_flight),
    )
    found = {name: row["answer"] for name, row in read_output(output)}
    return [found.get(name) for name, _ in rows]


def _request(row: Mapping[str, str]) -> object:
    return {"model": "m", "messages": [{"role": "user", "content": row["prompt"]}]}


def _answer(row: object, reply: Mapping[str, Sequence[Mapping[str, Mapping[str, str]]]]) -> object:
    del row
    return {"answer": reply["choices"][0]["message"]["content"]}
