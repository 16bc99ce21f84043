"""A SELECT with ai_query in it over one part of a partition, into the staging table of its result.

Parts know nothing of each other: they run on any worker at any time, and a part that failed is run
again alone. Each input row gives one row; a part of which that is not so publishes nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airquery_airflow.ai_query import AIQueryOperator


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import airquery
    from airquery.execute.flight import Cache
    from airquery_airflow.session import Session


class AIQueryPartOperator(AIQueryOperator):
    """Run a SELECT on one part of a partition; `MergeOperator` makes the parts one partition.

    The statement reads the relation `source`, or the source by its own name: both are the rows of
    this part. It makes one row of each of them, so GROUP BY, LIMIT and the like are refused.

    Args:
        part: One of the parts that `SplitOperator` returned.
        table: The table of the whole result; the part is kept in `<table>__parts`.
        budget: The bounds hold for each part, and those under `per_day` for all of them together.
    """

    template_fields: Sequence[str] = (*AIQueryOperator.template_fields, "part")

    def __init__(self, *, part: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_not_planned(dry_run=self.only_plan)
        self.part = part
        self._written["part"] = part

    @contextmanager
    def session(
        self, registry: airquery.Registry | None = None, *, cache: Cache = "reuse"
    ) -> Iterator[Session]:
        """Open the task's DuckDB session, which sees and writes this part alone."""
        from airquery_airflow.part_session import part_session  # noqa: PLC0415

        with super().session(registry, cache=cache) as session:
            yield part_session(session, self.part)


def check_not_planned(*, dry_run: object) -> None:
    """Refuse a dry run of parts, when a DAG is parsed."""
    if dry_run:
        raise ValueError(
            "dry_run: a part must write what the merge waits for. Plan without a split: the "
            "requests are the same."
        )
