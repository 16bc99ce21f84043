"""What only some of the supported versions of Airflow have, found by looking for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import airflow.sdk.exceptions
from airflow.sdk import timezone
from airflow.sdk.exceptions import TaskDeferred


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy


class StateStore(Protocol):
    """What a task of Airflow 3.3 keeps from one of its tries to the next."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return what is kept under a key."""

    def set(self, key: str, value: Any) -> None:
        """Keep a JSON value."""

    def delete(self, key: str) -> None:
        """Keep it no longer."""


def state_store(context: Context) -> StateStore | None:
    """Return the store of a task's state; None before Airflow 3.3."""
    store: StateStore | None = context.get("task_state_store")
    return store


def wait_for_person(
    task: BaseOperator,
    *,
    ti_id: Any,
    options: Sequence[str],
    method_name: str,
    kwargs: Mapping[str, Any],
    timeout: timedelta | None,
) -> NoReturn:
    """Let a task wait for the answer to what it asked: from 3.3 on without a triggerer."""
    awaiting = getattr(airflow.sdk.exceptions, "TaskAwaitingInput", None)
    if awaiting is not None:
        raise awaiting(method_name=method_name, kwargs=dict(kwargs), timeout=timeout)
    from airflow.providers.standard.triggers.hitl import HITLTrigger  # noqa: PLC0415 - before 3.3

    until = None if timeout is None else timezone.utcnow() + timeout
    trigger = HITLTrigger(ti_id=ti_id, options=list(options), params={}, timeout_datetime=until)
    task.defer(trigger=trigger, method_name=method_name, kwargs=dict(kwargs))


def has_left(problem: BaseException) -> bool:
    """Tell whether what a task raised lets it leave its worker, to come back later."""
    awaiting = getattr(airflow.sdk.exceptions, "TaskAwaitingInput", TaskDeferred)
    return isinstance(problem, TaskDeferred | awaiting)


def masked(text: str) -> str:
    """Return a text without the secrets that Airflow keeps out of its logs."""
    # Loading it configures logging, which a parsed DAG has no need of.
    from airflow.sdk.log import redact  # type: ignore[attr-defined]  # noqa: PLC0415

    return str(redact(text))


def exception_retry_policy(
    *,
    later: Mapping[str, tuple[timedelta | None, str]],
    never: Mapping[str, str],
) -> ExceptionRetryPolicy | None:
    """Make a policy of exceptions' dotted names: tried again after a delay, or not at all.

    None where Airflow knows no policies.
    """
    try:
        from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule  # noqa: PLC0415
    except ImportError:
        return None
    return ExceptionRetryPolicy(
        rules=[
            *(
                RetryRule(
                    exception=name, action=RetryAction.RETRY, retry_delay=delay, reason=reason
                )
                for name, (delay, reason) in later.items()
            ),
            *(
                RetryRule(exception=name, action=RetryAction.FAIL, reason=reason)
                for name, reason in never.items()
            ),
        ]
    )
