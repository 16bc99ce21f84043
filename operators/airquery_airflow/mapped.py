"""Refuse the instances of a mapped task that would overwrite each other's partition.

An instance sees no other, so it looks at what was written before it was rendered: a place that is
not mapped, and whose templates say nothing that differs between instances, is the same for all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.exceptions import AirflowFailException


if TYPE_CHECKING:
    from airflow.sdk import Context

    from airquery_airflow.table_task import TableTask


DEFAULT_PARTITION: Final = "{{ dag_run.partition_key or ds }}"
_TEMPLATE: Final = re.compile(r"\{[{%](.*?)[}%]\}", re.DOTALL)
_DIFFERS: Final = re.compile(r"\b(?:ti|task_instance|task|params|map_index|op_kwargs)\b")


def check_places(task: TableTask, context: Context, written: Mapping[str, object]) -> None:
    """Refuse a mapped task all of whose instances write one place, `written` as in the DAG.

    Raises `AirflowFailException`.
    """
    if (context["ti"].map_index or 0) < 0:
        return
    dag = task.get_dag()
    known = None if dag is None else dag.task_dict.get(task.task_id)
    for name, value in written.items():
        if _can_differ(value) or (isinstance(known, MappedOperator) and _maps(known, name, value)):
            return
    raise AirflowFailException(
        f"Task {task.task_id!r} is mapped, and all its instances would write the partition "
        f"{task.partition!r} of {task.table!r}. Give each its own, such as "
        "partition='{{ dag_run.partition_key or ds }}/{{ ti.map_index }}'. To divide one partition, "
        "use ai_query_in_parts."
    )


def _can_differ(value: object) -> bool:
    """Say whether a value may be another one in each instance; what comes from a task may be."""
    if value is None:
        return False
    if not isinstance(value, str):
        return True
    return any(_DIFFERS.search(code) for code in _TEMPLATE.findall(value))


def _maps(known: MappedOperator, name: str, value: object) -> bool:
    """Say whether the DAG maps a task over this argument."""
    if name in known.partial_kwargs:
        return False
    given: object = getattr(known.expand_input, "value", None)
    if isinstance(given, Mapping):
        return name in given
    if isinstance(given, Sequence):
        return any(not isinstance(one, Mapping) or name in one for one in given)
    # The arguments come from another task: those that have their default are not among them.
    return value not in {None, DEFAULT_PARTITION}
