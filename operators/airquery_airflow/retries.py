"""A preset: which failures a task is tried again after, when, and which fail it at once.

What somebody has to mend first (a key, a budget, a statement, a table that is not there, a suite
that does not hold) is an `AirflowFailException`, which Airflow never retries, policy or not. The
policy is about the rest.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airquery_airflow.compat import exception_retry_policy


if TYPE_CHECKING:
    from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy


_KEPT = "What was answered is kept and not paid for again."


def retry_policy(
    *,
    rate_limited: timedelta = timedelta(minutes=10),
    endpoint_away: timedelta = timedelta(minutes=5),
) -> ExceptionRetryPolicy | None:
    """Return a policy for `retry_policy=` of a task, or of `default_args`; None on Airflow 3.2.

    Args:
        rate_limited: How long to wait for an endpoint that takes no more for now.
        endpoint_away: How long to wait for an endpoint that cannot be reached, or is broken.

    How often is the task's `retries`; whatever the policy has no rule for waits its `retry_delay`.
    """
    return exception_retry_policy(
        later={
            "airquery_airflow.failures.RateLimited": (
                rate_limited,
                f"An endpoint takes no more requests for now. {_KEPT}",
            ),
            "airquery_airflow.failures.EndpointAway": (
                endpoint_away,
                f"An endpoint is away or broken. {_KEPT}",
            ),
            "airquery_airflow.failures.JournalAway": (
                None,
                "The journal could not be used, so nothing more was asked.",
            ),
        },
        never={
            "jinja2.exceptions.TemplateError": "A template cannot be rendered: mend it, or give "
            "the run what it needs.",
        },
    )
