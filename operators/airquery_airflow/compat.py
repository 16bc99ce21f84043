"""What only newer versions of Airflow have: looked for here, and nowhere else.

Retry policies and the store of a task's state came with Airflow 3.3; 3.2 goes without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol


if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from airflow.sdk import Context
    from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy


class StateStore(Protocol):
    """Where a task keeps JSON values that others may read while it runs."""

    def set(self, key: str, value: dict[str, object]) -> None:
        """Keep a value under a key, in place of an earlier one."""


def task_state_store(context: Context) -> StateStore | None:
    """Return the store of this task's state, or None where Airflow has none."""
    values: Mapping[str, object] = dict(context)
    return values.get("task_state_store")  # type: ignore[return-value] # what Airflow put there


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
