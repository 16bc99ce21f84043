"""A backfill from its plan to its end: what is asked of Airflow, in which order.

`begin` makes a backfill, or finds the same one running, or finds nothing to do; `follow` looks until
every run has ended. Stopping at any point leaves in Airflow what is there, and doing all of it again
goes on with that.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from airquery_airflow.backfill.errors import BackfillInTheWay, DagPaused, TooManyDays
from airquery_airflow.backfill.outcome import Standing, days_text


if TYPE_CHECKING:
    from airquery_airflow.backfill.dag import Backfill, BackfilledDag, DagState, Order
    from airquery_airflow.backfill.days import Day

# Airflow closes a backfill half a minute after its last run, and one that was cut off while it was
# made after two minutes.
_CLOSES_WITHIN_S: Final = 240.0


class Board(Protocol):
    """What is told how far it is."""

    def say(self, text: str) -> None:
        """Take one line about what happens."""

    def show(self, standing: Standing) -> None:
        """Take how the days stand now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What is followed: a backfill, or only runs that are there already.

    What one that ran already had planned is not known.
    """

    backfill: Backfill | None
    planned: tuple[Day, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """One order for one DAG. `poll_s` is how long to wait between two looks."""

    dag: BackfilledDag
    state: DagState
    order: Order
    board: Board
    poll_s: float
    max_days: int

    def plan(self) -> tuple[Day, ...]:
        """Ask which days would run. Raises `TooManyDays`."""
        planned = self.dag.planned(self.order)
        if len(planned) > self.max_days:
            raise TooManyDays(len(planned), allowed=self.max_days)
        return planned

    def begin(self) -> Begun:
        """Make the backfill, or find what there is.

        Raises `BackfillInTheWay`, `DagPaused`, `TooManyDays`.
        """
        if self.state.paused:
            raise DagPaused(self.dag.dag_id)
        give_up = time.monotonic() + _CLOSES_WITHIN_S
        told = False
        while True:
            running = self.dag.running()
            if running is None:
                begun = self._made()
                if begun is not None:
                    return begun
            elif self._has_runs_left(running):
                return self._followed(running)
            elif time.monotonic() > give_up:
                raise BackfillInTheWay(self.dag.dag_id, backfill=str(running))
            elif not told:
                self.board.say(f"{running} has no run left: waiting until Airflow closes it")
                told = True
            time.sleep(self.poll_s)

    def follow(self, begun: Begun, *, until: float) -> Standing:
        """Look until every run has ended, or until a time of `time.monotonic`."""
        paused = False
        while True:
            # Asked first: once it is over, no run comes that is not there.
            backfill = begun.backfill and self.dag.look(begun.backfill)
            if backfill and backfill.paused and not (paused or backfill.over):
                self.board.say(f"{backfill} is paused: somebody has to unpause it in Airflow")
            paused = backfill is not None and backfill.paused
            standing = self.standing(begun.planned)
            self.board.show(standing)
            over = backfill is None or backfill.over
            if standing.over and (over or (begun.planned and not standing.missing)):
                return standing
            if time.monotonic() + self.poll_s > until:
                return standing
            time.sleep(self.poll_s)

    def standing(self, planned: tuple[Day, ...]) -> Standing:
        """Look how the days stand."""
        return Standing.of(planned, self.dag.runs(self.order.span, self.state))

    def _made(self) -> Begun | None:
        """Make a backfill if there is something to do; None if another one came first."""
        planned = self.plan()
        if not planned:
            return Begun(backfill=None, planned=())
        created = self.dag.create(self.order)
        if created is None:
            return None
        self.board.say(f"{created} is made: {days_text(len(planned))} to run")
        return Begun(backfill=created, planned=planned)

    def _followed(self, running: Backfill) -> Begun:
        if not running.does(self.order):
            raise BackfillInTheWay(self.dag.dag_id, backfill=str(running))
        self.board.say(f"{running} runs already: following it")
        return Begun(backfill=running, planned=())

    def _has_runs_left(self, running: Backfill) -> bool:
        return not all(run.over for run in self.dag.runs(running.span, self.state))
