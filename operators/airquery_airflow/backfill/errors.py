"""What Airflow's API can answer that a person has to know.

AirqueryError
├── AirflowUnreachable   no answer, or none of use: later it may be another
├── AirflowRefused       it said no; carries the status
├── BackfillInTheWay     another backfill of the DAG runs, and Airflow has one at a time
├── DagPaused            a backfill of it would wait for ever
└── TooManyDays          more runs are planned than somebody allowed
"""

from __future__ import annotations

from airquery.errors import AirqueryError, ConfigurationError


class AirflowUnreachable(AirqueryError):
    """Airflow did not answer, or answered that it cannot now."""

    retryable = True

    def __init__(self, url: str, problem: str) -> None:
        self.url = url
        super().__init__(
            f"Airflow at {url} {problem}. Look whether its API server runs, then give the same "
            "command again."
        )


class AirflowRefused(AirqueryError):
    """Airflow answered with a status that asking again does not change."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class BackfillInTheWay(AirqueryError):
    """Another backfill of the same DAG has not ended."""

    retryable = True

    def __init__(self, dag_id: str, *, backfill: str) -> None:
        super().__init__(
            f"{backfill} runs, and Airflow has only one backfill of a DAG at a time. Wait for it, "
            f"or cancel it: airquery backfill --dag {dag_id} --cancel"
        )


class DagPaused(AirqueryError):
    """A paused DAG starts no run, a backfill's neither."""

    def __init__(self, dag_id: str) -> None:
        super().__init__(
            f"DAG {dag_id!r} is paused, so its backfill would wait for ever. Unpause it in Airflow."
        )


class TooManyDays(ConfigurationError):
    """The plan is longer than `--max-days`."""

    def __init__(self, planned: int, *, allowed: int) -> None:
        super().__init__(
            f"{planned:,} runs are planned, more than --max-days {allowed:,}. Shorten the range, or "
            "allow more."
        )
