"""What an operator fails with, told apart by what somebody does about it.

    AirflowException                 left to the task's retries
    ├── RateLimited                  an endpoint takes no more for now: later it does
    ├── EndpointAway                 an endpoint cannot be reached, or is broken
    ├── JournalAway                  the record of the answers is held or away
    └── AirflowFailException         never retried: something is to be mended first
        ├── EndpointRefuses          a wrong key, a quota that is used up, an unknown model
        └── BudgetSpent              there was no room for all requests

What was answered before any of them is kept, and is not paid for again.
"""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowException, AirflowFailException


class RateLimited(AirflowException):
    """An endpoint takes no more for now."""


class EndpointAway(AirflowException):
    """An endpoint cannot be reached, or is broken for now."""


class JournalAway(AirflowException):
    """The journal could not be used."""


class EndpointRefuses(AirflowFailException):
    """Every further request would be refused alike."""


class BudgetSpent(AirflowFailException):
    """A budget had no room for a request that must not be left out."""
