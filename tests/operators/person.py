"""A person who answers what a task asks in Airflow, as its required actions would record it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.models import TaskInstance
from airflow.models.hitl import HITLDetail
from airflow.models.trigger import handle_event_submit
from airflow.sdk import timezone
from airflow.triggers.base import TriggerEvent
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select


if TYPE_CHECKING:
    from collections.abc import Iterator

ASKED_WITHIN_S = 120.0


class Person:
    """Chooses an option of every question of a DAG; `questions` are what was asked."""

    def __init__(self, dag_id: str, choice: str) -> None:
        self._dag_id = dag_id
        self._choice = choice
        self.questions: list[tuple[str, str]] = []
        self.done = threading.Event()

    def wait_and_answer(self) -> None:
        """Answer until nobody may ask any more."""
        until = time.monotonic() + ASKED_WITHIN_S
        while not self.done.wait(0.1) and time.monotonic() < until:
            self._answer()

    def _answer(self) -> None:
        waiting = (
            select(TaskInstance, HITLDetail)
            .join(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
            .where(
                TaskInstance.dag_id == self._dag_id,
                TaskInstance.state == TaskInstanceState.AWAITING_INPUT,
            )
        )
        with create_session() as session:
            for task, asked in session.execute(waiting).all():
                # The task goes on in another session, which may not have told that it does.
                if asked.responded_at is not None:
                    continue
                self.questions.append((asked.subject, asked.body or ""))
                asked.chosen_options = [self._choice]
                asked.responded_at = timezone.utcnow()
                asked.responded_by = {"id": "1", "name": "Ada"}
                event = TriggerEvent(asked.as_resume_event_payload())  # type: ignore[no-untyped-call]  # Airflow's own
                handle_event_submit(event, task_instance=task, session=session)


@contextmanager
def person(dag_id: str, choice: str) -> Iterator[Person]:
    """Have a person at hand while a DAG runs."""
    somebody = Person(dag_id, choice)
    thread = threading.Thread(target=somebody.wait_and_answer, daemon=True)
    thread.start()
    try:
        yield somebody
    finally:
        somebody.done.set()
        thread.join()
