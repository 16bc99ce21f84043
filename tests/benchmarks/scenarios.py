"""The scenarios: what the endpoint plays, what clients are told, and how much there is to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from tests.benchmarks.script import Script


if TYPE_CHECKING:
    from collections.abc import Sequence


How: TypeAlias = Literal["once", "killed", "replayed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One question to every client.

    `told` is the number in flight that clients are given, None if they have to find it. A `killed`
    client is ended without warning when half of the rows are answered, and started again; a
    `replayed` one finds all answers where it left them. `clients` are those that it makes sense for,
    None all; `variants` says whether a client's variants take part.
    """

    name: str
    question: str
    script: Script
    rows: int
    told: int | None
    distinct: int | None = None
    keep_every: int = 1
    how: How = "once"
    limit_s: float = 90.0
    clients: Sequence[str] | None = None
    variants: bool = False
    only_full: bool = False

    @property
    def expected(self) -> int:
        """Return how many rows can be answered."""
        asked = range(0, self.rows, self.keep_every)
        distinct = self.distinct or self.rows
        return sum(i % distinct not in self.script.poison for i in asked)

    def admits(self, client: str) -> bool:
        """Tell whether a client takes part."""
        return client in self.clients if self.clients else self.variants or ":" not in client

    def asked(self) -> list[int]:
        """Return the different rows that are asked for, in order."""
        distinct = self.distinct or self.rows
        return list(dict.fromkeys(i % distinct for i in range(0, self.rows, self.keep_every)))


FAULTS = Script(cap=64, fails_once=0.02, poison=(100, 700), hangs=(300,))
FEW = 1_000
AT_ONCE = Script(median_s=0.0)


def _scale(rows: int, *, only_full: bool) -> Scenario:
    return Scenario(
        name=f"scale_{rows}",
        question=f"{rows:,} rows from an endpoint that answers at once: what does a row cost?",
        script=AT_ONCE,
        rows=rows,
        told=64,
        limit_s=1800.0,
        clients=("airquery", "openai") if rows == FEW else ("airquery",),
        only_full=only_full,
    )


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            name="healthy",
            question="Nothing goes wrong, the cap is known: how near is the bound?",
            script=Script(cap=64),
            rows=2000,
            told=64,
            variants=True,
        ),
        Scenario(
            name="adaptive",
            question="The same endpoint, and nobody says what it can take: how soon is it found?",
            script=Script(cap=64),
            rows=2000,
            told=None,
            clients=("airquery", "saturate", "ondine", "curator"),
        ),
        Scenario(
            name="wrong_cap",
            question="Told twice what the endpoint takes: what is lost, what is wasted?",
            script=Script(cap=32),
            rows=2000,
            told=64,
        ),
        Scenario(
            name="faults",
            question="2 % of the rows get one 503, two always a 400, one hangs 20 s once: which rows survive?",
            script=FAULTS,
            rows=1000,
            told=64,
        ),
        Scenario(
            name="duplicates",
            question="1,000 rows, 500 prompts: how many are paid for?",
            script=Script(cap=64),
            rows=1000,
            distinct=500,
            told=64,
        ),
        Scenario(
            name="filtered",
            question="A filter keeps 2 % of 200,000 rows: does the endpoint stay busy?",
            script=Script(cap=64),
            rows=200_000,
            keep_every=50,
            told=64,
            clients=("airquery", "airquery:inline", "openaivec"),
        ),
        Scenario(
            name="killed",
            question="Killed without warning at half of the rows, then run again: what is paid twice?",
            script=Script(cap=64),
            rows=1000,
            told=64,
            how="killed",
        ),
        Scenario(
            name="replayed",
            question="All answers are kept already: how fast do they come back?",
            script=AT_ONCE,
            rows=4_000,
            told=64,
            how="replayed",
        ),
        _scale(FEW, only_full=False),
        _scale(10_000, only_full=True),
        _scale(100_000, only_full=True),
        _scale(1_000_000, only_full=True),
        Scenario(
            name="healthy_full",
            question="20,000 rows at a cap of 256: does it hold when there is more of everything?",
            script=Script(cap=256),
            rows=20_000,
            told=256,
            limit_s=300.0,
            only_full=True,
        ),
    )
}
