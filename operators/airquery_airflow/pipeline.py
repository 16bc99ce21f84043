"""`ai_pipeline()`: the steps from files to validated columns, as one group of tasks.

Each step writes a table of its own and the next one reads it as the relation `source`, so a
pipeline's SQL names neither tables nor partitions. What is wrong with the arguments is said when
the DAG is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, TaskGroup, chain

from airquery.errors import suggestion
from airquery_airflow.extract_json import ExtractJSONOperator
from airquery_airflow.from_source import AIQuerySourceOperator, TransformSourceOperator
from airquery_airflow.in_parts import ai_query_in_parts
from airquery_airflow.ingest import IngestOperator
from airquery_airflow.table_task import TableTask
from airquery_airflow.validate import ValidateOperator


if TYPE_CHECKING:
    from airflow.sdk import BaseOperator


_SCHEMA = re.compile(r"[A-Za-z0-9_]+")
# What the pipeline itself says to its tasks.
_OWN = {"task_id", "table", "quarantine", "outlets"}


class AIPipeline(TaskGroup):
    """The group of a pipeline, and where its result is.

    `tables` has the table of each step by its name, `table` is the one of the result, and `asset`
    is updated when the last step has succeeded: the validation, if there is one.
    """

    tables: Mapping[str, str]
    table: str
    asset: Asset


def ai_pipeline(
    group_id: str,
    *,
    source: str | Sequence[str] | Mapping[str, Any],
    sql: str,
    prepare: str | Mapping[str, Any] | None = None,
    extract: str | Mapping[str, Any] | None = None,
    suite: str | None = None,
    schema: str | None = None,
    tables: Mapping[str, str] | None = None,
    splits: int | None = None,
    split_key: str | Sequence[str] = (),
    default_args: Mapping[str, Any] | None = None,
    **query: Any,
) -> AIPipeline:
    """Return a group of tasks: ingest, prepare, ask, extract and validate, as far as they are given.

    Args:
        group_id: The group's id.
        source: The files to read, or a dictionary of the arguments of `IngestOperator`.
        sql: The SELECT with ai_query in it, or the name of a `.sql` template. Like that of
            `prepare`, it reads the relation `source`: the rows of the step before it.
        prepare: A SELECT between the two, or a dictionary of the arguments of `TransformOperator`.
        extract: The schema of the JSON in the column `answer`, or a dictionary of the arguments of
            `ExtractJSONOperator`.
        suite: The path of a suite of expectations that the result must meet.
        schema: The schema of the tables; the group's id without it.
        tables: Other names for some of the tables `<schema>.received`, `.prepared`, `.answers`,
            `.extracted` and `.quarantine`: `{"extracted": "reviews.opinions"}`.
        splits: In how many parts to ask, at most 64, for a partition that is too large for one
            worker.
        split_key: The columns whose equal values stay in one part.
        default_args: Arguments of every task, such as `partition`, `warehouse` and `retries`.
        query: Further arguments of `AIQueryOperator`, such as `budget` and `max_error_ratio`.
    """
    _check_own("ai_pipeline", query)
    # The converter of this argument is deepcopy, of which mypy knows no type.
    group = AIPipeline(group_id, default_args=dict(default_args or {}))  # type: ignore[arg-type]
    steps = ["received", *(["prepared"] if prepare is not None else []), "answers"]
    steps += ["extracted", "quarantine"] if extract is not None else []
    group.tables = _names(group, steps, schema=schema, given=tables or {})
    group.table = group.tables["extracted" if extract is not None else "answers"]
    group.asset = Asset(group.table)
    with group:
        tasks: list[BaseOperator | TaskGroup] = [_ingest(group, source)]
        if prepare is not None:
            tasks.append(_prepare(group, prepare))
        before = group.tables["received" if prepare is None else "prepared"]
        asking = {"source": before, "sql": sql, "table": group.tables["answers"], **query}
        if extract is None and suite is None:
            asking["outlets"] = [group.asset]
        if splits is None:
            tasks.append(AIQuerySourceOperator(task_id="ask", **asking))
        else:
            tasks.append(ai_query_in_parts("ask", splits=splits, key=split_key, **asking))
        if extract is not None:
            tasks.append(_extract(group, extract, outlets=[] if suite else [group.asset]))
        if suite is not None:
            tasks.append(
                ValidateOperator(
                    task_id="validate", table=group.table, suite=suite, outlets=[group.asset]
                )
            )
        chain(*tasks)
    return group


def _ingest(group: AIPipeline, given: str | Sequence[str] | Mapping[str, Any]) -> IngestOperator:
    arguments = _arguments("source", given, "source")
    return IngestOperator(task_id="ingest", table=group.tables["received"], **arguments)


def _prepare(group: AIPipeline, given: str | Mapping[str, Any]) -> TransformSourceOperator:
    return TransformSourceOperator(
        task_id="prepare",
        source=group.tables["received"],
        table=group.tables["prepared"],
        **_arguments("prepare", given, "sql"),
    )


def _extract(
    group: AIPipeline, given: str | Mapping[str, Any], *, outlets: list[Asset]
) -> ExtractJSONOperator:
    return ExtractJSONOperator(
        task_id="extract",
        source=group.tables["answers"],
        table=group.tables["extracted"],
        quarantine=group.tables["quarantine"],
        outlets=outlets,
        **{"column": "answer", **_arguments("extract", given, "schema")},
    )


def _names(
    group: AIPipeline, steps: Sequence[str], *, schema: str | None, given: Mapping[str, str]
) -> dict[str, str]:
    """Name the table of each step, and refuse those that another task of the DAG writes."""
    for step in given:
        if step not in steps:
            raise ValueError(
                f"ai_pipeline {group.group_id!r} has no table {step!r}. {suggestion(step, steps)}"
            )
    named = schema or str(group.group_id).replace(".", "_")
    if not _SCHEMA.fullmatch(named):
        raise ValueError(
            f"ai_pipeline {group.group_id!r}: {named!r} cannot name a schema of tables. Give "
            "schema=... of letters, digits and underscores."
        )
    tables = {step: given.get(step, f"{named}.{step}") for step in steps}
    others = {task.table: task.task_id for task in group.dag.tasks if isinstance(task, TableTask)}
    for table in tables.values():
        if table in others:
            raise ValueError(
                f"ai_pipeline {group.group_id!r} would write {table!r}, which the task "
                f"{others[table]!r} writes already. Give another schema=... or tables=..."
            )
    return tables


def _arguments(name: str, given: object, main: str) -> dict[str, Any]:
    """Return what a step is given, by its main argument alone or as a dictionary."""
    if not isinstance(given, Mapping):
        return {main: given}
    _check_own(name, given)
    if main not in given:
        raise ValueError(f"{name} is a dictionary without {main!r}. Give it as well.")
    return dict(given)


def _check_own(name: str, given: Mapping[str, Any]) -> None:
    if found := sorted(_OWN.intersection(given)):
        raise ValueError(
            f"{name} has {found[0]!r}, which the pipeline says itself. Name tables with tables=..., "
            "and use the group's `asset`."
        )
