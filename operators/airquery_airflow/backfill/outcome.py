"""How the days of a range stand: the latest run of each, and what a shell is told in the end.

A day is done when its latest run succeeded, whoever made that run: a range is good when all of its
days are. A day that was planned and has no run is not good either.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Literal


if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from airquery_airflow.backfill.days import Day

State = Literal["missing", "queued", "running", "success", "failed"]
STATES: tuple[State, ...] = ("success", "failed", "running", "queued", "missing")
_OVER = {"success", "failed"}


class ExitCode(IntEnum):
    """What `airquery backfill` ends with; 1 is an error, 2 wrong usage, as for every command."""

    DONE = 0
    DAYS_FAILED = 4
    STILL_RUNNING = 5
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRun:
    """A run of one day, as it is now."""

    run_id: str
    day: Day
    state: State
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def over(self) -> bool:
        """Whether nothing will happen to it by itself."""
        return self.state in _OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTask:
    """A task that failed, and where its log is."""

    task_id: str
    map_index: int
    tries: int
    log: str

    def __str__(self) -> str:
        """Name it, with its place among mapped ones."""
        name = self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"
        return f"{name} (try {self.tries})"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStanding:
    """How one day stands; `run` is None while there is none."""

    day: Day
    run: DayRun | None

    @property
    def state(self) -> State:
        """Return the state of its run."""
        return "missing" if self.run is None else self.run.state


@dataclass(frozen=True, slots=True)
class Standing:
    """How all days of a range stand, in their order."""

    days: tuple[DayStanding, ...]

    @classmethod
    def of(cls, planned: Iterable[Day], runs: Iterable[DayRun]) -> Standing:
        """Put together what was planned and what has run."""
        latest = latest_runs(runs)
        days = sorted({*planned, *latest}, key=lambda day: day.in_order)
        return cls(tuple(DayStanding(day=day, run=latest.get(day)) for day in days))

    @property
    def over(self) -> bool:
        """Whether every run that there is has ended."""
        return all(one.run is None or one.run.over for one in self.days)

    @property
    def failed(self) -> tuple[DayStanding, ...]:
        """Return the days that are over and not good."""
        return tuple(one for one in self.days if one.state in {"failed", "missing"})

    @property
    def missing(self) -> bool:
        """Whether a day has no run."""
        return any(one.run is None for one in self.days)

    @property
    def exit_code(self) -> ExitCode:
        """Return what the shell is told."""
        if not self.over:
            return ExitCode.STILL_RUNNING
        return ExitCode.DAYS_FAILED if self.failed else ExitCode.DONE

    def counts(self) -> dict[State, int]:
        """Count the days of each state there is, in a fixed order."""
        found = Counter(one.state for one in self.days)
        return {state: found[state] for state in STATES if found[state]}

    def __str__(self) -> str:
        """Say the counts."""
        said = ", ".join(f"{count} {state}" for state, count in self.counts().items())
        return f"{days_text(len(self.days))}: {said}" if said else "no days"


def latest_runs(runs: Iterable[DayRun]) -> dict[Day, DayRun]:
    """Return the run that counts for each day.

    A partition that is run again has a new run beside the old one, and Airflow too goes by the one
    that started last.
    """
    latest: dict[Day, DayRun] = {}
    for run in runs:
        other = latest.get(run.day)
        if other is None or _age(run) >= _age(other):
            latest[run.day] = run
    return latest


def days_text(count: int) -> str:
    """Say a number of days."""
    return f"{count:,} day" if count == 1 else f"{count:,} days"


def _age(run: DayRun) -> tuple[bool, float]:
    return run.started is not None, run.started.timestamp() if run.started else 0.0
