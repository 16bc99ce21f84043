"""Which declared endpoints may be asked in batches, and how they say that they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airquery.endpoints.endpoint import Batch


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Provider, Task
    from airquery.endpoints.fields import EndpointFields


BATCHED: Final[frozenset[tuple[Provider, Task]]] = frozenset(
    {("openai", "chat"), ("openai", "embeddings"), ("anthropic", "chat")}
)


def check_batch(fields: EndpointFields, provider: Provider) -> None:
    """Refuse a batch that no provider takes. Raises `ValueError`."""
    if fields.mode != "batch":
        if fields.batch is not None:
            raise ValueError("field 'batch' goes only with mode 'batch'. Add mode: batch.")
        return
    if (provider, fields.task) not in BATCHED:
        known = ", ".join(" ".join(pair) for pair in sorted(BATCHED))
        raise ValueError(
            f"mode 'batch' does not go with provider {provider!r} and task {fields.task!r}, for "
            f"which no batch API is known. It goes with {known}. Leave mode out."
        )


def batch_of(fields: EndpointFields) -> Batch | None:
    """Return how an endpoint is asked in batches; None if it is not."""
    if fields.mode != "batch":
        return None
    return Batch() if fields.batch is None else Batch(**fields.batch.model_dump())
