"""One statement over a large partition as a handful of tasks: split, ask the parts, merge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from airquery_airflow.merge import MergeOperator
from airquery_airflow.part import AIQueryPartOperator, check_not_planned
from airquery_airflow.split import SplitOperator, check_parts


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def ai_query_in_parts(
    group_id: str,
    *,
    source: str,
    sql: str,
    table: str,
    splits: int,
    key: str | Sequence[str] = (),
    outlets: Sequence[Any] = (),
    **query: Any,
) -> TaskGroup:
    """Return a group that does what an `AIQueryOperator` does, in parts on several workers.

    Args:
        group_id: The group's id.
        source: The table whose partition is cut into parts.
        sql: The statement, or the name of a `.sql` template. It reads the relation `source`, or the
            source by its own name, and makes one row of each row.
        table: The table to write.
        splits: How many parts, at most 64.
        key: The columns whose equal values stay together; all columns without it.
        outlets: The assets that the merge updates.
        query: Further arguments of `AIQueryOperator`, such as `budget` and `pool`. All tasks of the
            group get `partition`, `warehouse` and `duckdb_config` of them.
    """
    check_parts(splits)
    # A mapped operator is made, and would say so, only when it runs.
    check_not_planned(dry_run=query.get("dry_run"))
    place: Mapping[str, Any] = {
        name: query[name] for name in ("partition", "warehouse", "duckdb_config") if name in query
    }
    with TaskGroup(group_id) as group:
        split = SplitOperator(task_id="split", table=source, parts=splits, key=key, **place)
        ask = AIQueryPartOperator.partial(
            task_id="ask",
            sql=sql,
            table=table,
            **{"map_index_template": "part {{ task.part.name }}", **query},
        ).expand(part=split.output)
        MergeOperator(
            task_id="merge",
            table=table,
            parts=split.output,
            manifests=ask.output,
            outlets=list(outlets),
            **place,
        )
    return group
