"""kill -9, again and again at moments drawn by chance, until the statement has ended.

What a journal has at a kill is what it acknowledged, or was about to: none of it is sent again. What
is sent again is, by the endpoint's own count, what was in flight: on the wire, or replied to in the
last second and not committed yet.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Literal, TypeAlias

import duckdb

import airquery
from tests.chaos.command import QUERY, TABLE, Place
from tests.chaos.endpoint import CONCURRENCY, PROMPTS, ROWS, CountingEndpoint


if TYPE_CHECKING:
    import random
    import subprocess
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


@dataclass(slots=True)
class Campaign:
    """One statement that is killed until it ends, and what that cost."""

    place: Place
    form: Form
    endpoint: CountingEndpoint
    kills: int = 0
    lost: int = 0

    def run(self, coming: Iterator[Moment], figures: Figures, *, most: int) -> None:
        """Kill it at the moments that come, at most so often; then let it end."""
        arguments = {
            "table": (TABLE, "--database", str(self.place.folder / "answers.duckdb")),
            "csv": (QUERY, "--output", "csv"),
        }
        while True:
            kept, before = self.place.kept(), self.endpoint.sent
            running = self.place.start(*arguments[self.form], "-q", out=self._rows)
            moment = next(coming)
            killed = self.kills < most and came(moment, running, self.endpoint)
            at = time.monotonic()
            if killed:
                running.kill()
            _, said = running.communicate(timeout=120)
            sent = self.endpoint.sent - before

            # What the journal had is not sent, and nothing is sent twice by one process.
            assert kept.isdisjoint(sent)
            assert set(sent.values()) <= {1}
            if not killed:
                assert (running.returncode, said) == (0, "")
                return
            self._note_kill(set(sent), at, moment, figures)

    def check(self) -> None:
        """Compare the result with that of a run that nothing disturbed, and count."""
        assert self.place.kept() == set(self.endpoint.sent)
        assert len(self.endpoint.sent) == PROMPTS
        assert self.endpoint.server.count == PROMPTS + self.lost
        if self.form == "csv":
            lines = ["i,answer", *(f"{i},{answer}" for i, answer in EXPECTED)]
            assert self._rows.read_text(encoding="utf-8").splitlines() == lines
        else:
            database = self.place.folder / "answers.duckdb"
            with duckdb.connect(str(database), read_only=True) as made:
                assert made.sql("SELECT * FROM answers ORDER BY i").fetchall() == EXPECTED

    @property
    def _rows(self) -> Path:
        return self.place.folder / "rows.csv"

    def _note_kill(self, sent: set[str], at: float, moment: Moment, figures: Figures) -> None:
        missing = sent - self.place.kept()
        replied_at = self.endpoint.replied_at
        writing = {prompt for prompt in missing if replied_at.get(prompt, math.inf) <= at}
        # It is not counted as in flight what the endpoint had replied to long before.
        assert {p for p in writing if replied_at[p] < at - WRITTEN_WITHIN_S} == set()
        assert len(missing - writing) <= CONCURRENCY
        self.kills += 1
        self.lost += len(missing)
        figures.add(
            "kills",
            journal=self.place.journal.partition(":")[0],
            moment=moment.kind,
            sent=len(sent),
            on_the_wire=len(missing - writing),
            being_written=len(writing),
            oldest_being_written_ms=round(
                max(((at - replied_at[p]) * 1000 for p in writing), default=0.0), 1
            ),
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
            campaign.run(coming, chaos.figures, most=wanted - kills)
            campaign.check()
        kills += campaign.kills

    assert kills == wanted
