"""What only some versions of Airflow have is found where it is, and replaced where it is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import airflow.sdk.exceptions
import pytest
from airflow.providers.standard.triggers.hitl import HITLTrigger
from airflow.sdk.exceptions import TaskDeferred

from airquery_airflow import TransformOperator
from airquery_airflow.compat import state_store, wait_for_person


ASKED: dict[str, Any] = {
    "ti_id": UUID(int=7),
    "options": ["Approve", "Reject"],
    "method_name": "approved",
    "kwargs": {"ceiling": {"money": 5.0}},
    "timeout": timedelta(hours=1),
}


def task() -> TransformOperator:
    return TransformOperator(task_id="t", sql="SELECT 1 AS a", table="s.t")


@pytest.mark.skipif(
    not hasattr(airflow.sdk.exceptions, "TaskAwaitingInput"), reason="Airflow 3.2 waits otherwise"
)
def test_a_person_is_waited_for_without_a_triggerer_where_airflow_can() -> None:
    waiting = airflow.sdk.exceptions.TaskAwaitingInput

    with pytest.raises(waiting) as left:
        wait_for_person(task(), **ASKED)

    found = left.value
    assert (found.method_name, found.kwargs, found.timeout) == (
        "approved",
        {"ceiling": {"money": 5.0}},
        timedelta(hours=1),
    )


def test_a_person_is_waited_for_in_the_triggerer_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(airflow.sdk.exceptions, "TaskAwaitingInput", raising=False)

    with pytest.raises(TaskDeferred) as left:
        wait_for_person(task(), **ASKED)

    trigger = left.value.trigger
    assert isinstance(trigger, HITLTrigger)
    assert (trigger.ti_id, trigger.options) == (UUID(int=7), ["Approve", "Reject"])
    assert trigger.timeout_datetime is not None
    assert (left.value.method_name, left.value.kwargs) == (
        "approved",
        {"ceiling": {"money": 5.0}},
    )


def test_a_task_has_a_store_only_where_airflow_gives_it_one() -> None:
    store: Any = object()
    given: Any = {"task_state_store": store}
    nothing: Any = {}

    assert (state_store(given), state_store(nothing)) == (store, None)
