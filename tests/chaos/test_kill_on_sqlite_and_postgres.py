"""kill -9, again and again at moments drawn by chance, until the statement has ended.

What a journal has at a kill is what it acknowledged, or was about to: none of it is sent again. What
is sent again is, by the endpoint's own count, what was in flight: on the wire, or replied to in the
last second and not committed yet.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Literal, TypeAlias

import duckdb

import airquery
from tests.chaos.command import QUERY, TABLE, Place
from tests.chaos.endpoint import CONCURRENCY, PROMPTS, ROWS, CountingEndpoint


if TYPE_CHECKING:
    import random
    import subprocess
    from collections import Counter
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chaos.figures import Chaos, Figures
    from tests.postgres_server import PostgresServer

Kind: TypeAlias = Literal["start", "reply", "end"]
Form: TypeAlias = Literal["table", "csv"]

LONG, SHORT = 30, 2
# How the moments take turns; the short form has the first two of them, which are others for each store.
KINDS: dict[str, tuple[Kind, ...]] = {
    "sqlite": ("reply", "end", "start", "reply", "reply"),
    "postgres": ("start", "reply", "reply", "end", "reply"),
}
# A reply waits 20 ms for company, and then for the disk of a machine that may be busy.
WRITTEN_WITHIN_S = 1.0
EXPECTED = [(i, f"row {i % PROMPTS}") for i in range(ROWS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When to kill: so long after the start, the process's so many-th reply, or the last one of all."""

    kind: Kind
    replies: int
    wait_s: float


def moments(kinds: tuple[Kind, ...], dice: random.Random) -> Iterator[Moment]:
    """Draw moments: inside of the start, around a commit of the journal, around the end."""
    longest_s = {"start": 1.5, "reply": 0.05, "end": 0.5}
    for kind in cycle(kinds):
        yield Moment(
            kind=kind, replies=dice.randint(1, 10), wait_s=dice.uniform(0.0, longest_s[kind])
        )


def came(moment: Moment, running: subprocess.Popen[str], endpoint: CountingEndpoint) -> bool:
    """Wait for a moment; False if the process ended before it."""
    before = endpoint.replies
    while moment.kind != "start":
        if moment.kind == "reply" and endpoint.replies >= before + moment.replies:
            break
        if moment.kind == "end" and len(endpoint.replied_at) == PROMPTS:
            break
        if running.poll() is not None:
            return False
        time.sleep(0.001)
    at = time.monotonic() + moment.wait_s
    while time.monotonic() < at and running.poll() is None:
        time.sleep(0.001)
    return running.poll() is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """What the endpoint and the journal said when the process was dead."""

    moment: Moment
    sent: set[str]
    kept: set[str]
    on_the_wire: set[str]
    being_written: set[str]
    so_far: Counter[str]


@dataclass(slots=True)
class Campaign:
    """One statement that is killed until it ends, and what that cost."""

    place: Place
    form: Form
    endpoint: CountingEndpoint
    kills: list[Kill] = field(default_factory=list)

    def run(self, coming: Iterator[Moment], *, most: int) -> None:
        """Kill it at the moments that come, at most so often; then let it end."""
        arguments = {
            "table": (TABLE, "--database", str(self.place.folder / "answers.duckdb")),
            "csv": (QUERY, "--output", "csv"),
        }
        while True:
            before, began = self.endpoint.sent, time.monotonic()
            running = self.place.start(*arguments[self.form], "-q", out=self._rows)
            moment = next(coming)
            killed = len(self.kills) < most and came(moment, running, self.endpoint)
            at = time.monotonic()
            if killed:
                running.kill()
            _, said = running.communicate(timeout=120)
            sent = self.endpoint.sent - before

            assert set(sent.values()) <= {1}
            if not killed:
                assert (running.returncode, said) == (0, "")
                return
            self._note_kill(moment, set(sent), began=began, at=at)

    def check(self, figures: Figures) -> None:
        """Compare the result with that of a run that nothing disturbed, and count what it cost."""
        assert self.place.kept() == set(self.endpoint.sent)
        assert len(self.endpoint.sent) == PROMPTS
        if self.form == "csv":
            lines = ["i,answer", *(f"{i},{answer}" for i, answer in EXPECTED)]
            assert self._rows.read_text(encoding="utf-8").splitlines() == lines
        else:
            database = self.place.folder / "answers.duckdb"
            with duckdb.connect(str(database), read_only=True) as made:
                assert made.sql("SELECT * FROM answers ORDER BY i").fetchall() == EXPECTED
        in_flight = 0
        for kill in self.kills:
            later = set(self.endpoint.sent - kill.so_far)
            in_flight += len(kill.on_the_wire) + len(kill.being_written)
            assert kill.kept.isdisjoint(later)
            figures.add(
                "kills",
                journal=self.place.journal.partition(":")[0],
                moment=kill.moment.kind,
                sent=len(kill.sent),
                on_the_wire=len(kill.on_the_wire),
                being_written=len(kill.being_written),
                sent_again=len(later & kill.sent),
                kept_sent_again=len(later & kill.kept),
            )
        assert self.endpoint.server.count - PROMPTS <= in_flight

    @property
    def _rows(self) -> Path:
        return self.place.folder / "rows.csv"

    def _note_kill(self, moment: Moment, sent: set[str], *, began: float, at: float) -> None:
        kept, replied_at = self.place.kept(), self.endpoint.replied_at
        missing = sent - kept
        # An older reply was to a process that is dead.
        writing = {prompt for prompt in missing if began <= replied_at.get(prompt, math.inf) <= at}
        # What the endpoint had replied to long before is not in flight any more.
        assert {p for p in writing if replied_at[p] < at - WRITTEN_WITHIN_S} == set()
        assert len(missing - writing) <= CONCURRENCY
        self.kills.append(
            Kill(
                moment=moment,
                sent=sent,
                kept=kept,
                on_the_wire=missing - writing,
                being_written=writing,
                so_far=self.endpoint.sent,
            )
        )


def test_nothing_disturbed_is_what_a_killed_run_is_compared_with(
    tmp_path: Path, endpoint: CountingEndpoint
) -> None:
    registry = airquery.Registry.from_mapping({"llm": endpoint.server.endpoint("llm")})
    settings = airquery.Settings.read(home=tmp_path)
    with airquery.connect(registry=registry, settings=settings) as connection:
        run = airquery.run(connection, QUERY)

    assert run.table is not None
    assert [tuple(row.values()) for row in run.table.to_pylist()] == EXPECTED


def test_whenever_it_is_killed_only_what_was_in_flight_is_sent_again(
    tmp_path: Path, store: str, postgres: PostgresServer, chaos: Chaos
) -> None:
    coming, wanted = moments(KINDS[store], chaos.dice()), chaos.pick(LONG, SHORT)
    forms: cycle[Form] = cycle(("table", "csv") if store == "sqlite" else ("csv", "table"))
    kills = 0
    while kills < wanted:
        url = postgres.new_database() if store == "postgres" else None
        with CountingEndpoint(chaos.seed + kills) as endpoint:
            place = Place.make(tmp_path / f"after {kills} kills", endpoint.server, url)
            campaign = Campaign(place, next(forms), endpoint)
            campaign.run(coming, most=wanted - kills)
            campaign.check(chaos.figures)
        kills += len(campaign.kills)

    assert kills == wanted
