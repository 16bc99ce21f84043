"""What the demo came to: counted from what the tasks returned and from the table of evaluations.

No figure is typed in anywhere: a pass is the sum of its runs' manifests.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict, dataclass
from operator import mul
from typing import TYPE_CHECKING, Any, Self

import duckdb
from rich.console import Console
from rich.table import Table

from airquery.warehouse import Warehouse
from airquery.warehouse.names import TableName


if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from airquery_airflow.testing import DayRun


COUNTERS = (
    "requests_sent",
    "from_journal",
    "failed",
    "quarantined",
    "prompt_tokens",
    "completion_tokens",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One pass over all days: sums of what its tasks returned, and how right the model was."""

    name: str
    rows: int
    requests_sent: int
    from_journal: int
    failed: int
    quarantined: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    accuracy: float | None

    @classmethod
    def of(
        cls, name: str, runs: Sequence[DayRun], *, seconds: float, accuracy: float | None
    ) -> Self:
        """Add up the runs of a pass."""
        returned = [one for run in runs for one in run.returned.values()]
        # The validation returns something else.
        manifests = [one for one in returned if "requests_sent" in one]
        return cls(
            name=name,
            rows=sum(run.returned["infer"]["rows"] for run in runs),
            seconds=round(seconds, 1),
            accuracy=None if accuracy is None else round(accuracy, 4),
            **{counter: sum(manifest[counter] for manifest in manifests) for counter in COUNTERS},
        )

    def shown(self) -> Iterator[tuple[str, str]]:
        """Yield each figure with its name, in words."""
        for name, value in asdict(self).items():
            if name == "accuracy":
                yield name, percent(value)
            elif name != "name":
                said = f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
                yield name.replace("_", " "), said


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How often each of three had the sentiment of a review right, and over how many reviews.

    `majority` is who always says what most reviews of that day are.
    """

    rated: int
    model: float | None
    baseline: float | None
    majority: float | None
    verbatim: float | None

    def verdict(self) -> str:
        """Say plainly how good the model is."""
        if self.model is None or self.baseline is None or self.majority is None:
            return "No review had a rating to compare with."
        if self.model <= self.majority:
            said = (
                "Always giving the commoner answer would have been at least as good: a model this "
                "small shows how the pipeline works, not what language models can do."
            )
        elif self.model <= self.baseline:
            said = "The lexicon is at least as good, and asks no language model."
        else:
            said = "The model is better than both."
        return (
            f"Sentiment right, of {self.rated} rated reviews: SmolLM2-135M {percent(self.model)}, "
            f"VADER (a lexicon) {percent(self.baseline)}, always the commoner class "
            f"{percent(self.majority)}. {said}"
        )


def evaluation_of(warehouse: Path, days: Collection[date]) -> Evaluation:
    """Read the evaluation of these days, each weighed by its rated reviews."""
    wanted = {day.isoformat() for day in days}
    rows = [
        row for row in rows_of(warehouse, "reviews.evaluation") if row["partition_key"] in wanted
    ]

    def mean(column: str, weight: str) -> float | None:
        # Sums are decimals in the table.
        weights = [float(row[weight]) for row in rows]
        values = [float(row[column] or 0) for row in rows]
        return sum(map(mul, values, weights)) / sum(weights) if sum(weights) else None

    return Evaluation(
        rated=sum(int(row["rated"]) for row in rows),
        model=mean("llm_accuracy", "rated"),
        baseline=mean("baseline_accuracy", "rated"),
        majority=mean("majority_accuracy", "rated"),
        verbatim=mean("verbatim_share", "opinions"),
    )


def rows_of(warehouse: Path, table: str, *, limit: int = 1000) -> list[dict[str, Any]]:
    """Return the first rows of a table as they lie."""
    with closing(duckdb.connect()) as connection:
        Warehouse(warehouse).attach(connection, table)
        found = connection.execute(f"FROM {TableName.parse(table).sql} LIMIT {limit:d}")
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def paid_again(passes: Sequence[Pass]) -> str | None:
    """Say what is wrong if a later pass sent a request."""
    sent = sum(one.requests_sent for one in passes[1:])
    if not sent:
        return None
    said = f"The second pass sent {sent} requests, and should have sent none."
    if passes[0].failed:
        said += (
            f" {passes[0].failed} requests of the first pass failed: a failure is not remembered, "
            "so those are asked again."
        )
    return said


def percent(share: float | None) -> str:
    """Say a share."""
    return "none" if share is None else f"{100 * share:.0f} %"


def write_summary(passes: Sequence[Pass], file: Path) -> None:
    """Write the figures of every pass for a program to read."""
    figures = [asdict(one) for one in passes]
    for one in figures:
        del one["name"]
    file.write_text(json.dumps({"passes": figures}, indent=2) + "\n", encoding="utf-8")


def print_figures(passes: Sequence[Pass], evaluation: Evaluation) -> None:
    """Show the passes beside each other, and how good the answers are."""
    table = Table("", *(one.name for one in passes))
    for column in table.columns[1:]:
        column.justify = "right"
    for figures in zip(*(one.shown() for one in passes), strict=True):
        table.add_row(figures[0][0], *(value for _, value in figures))
    console = Console(highlight=False)
    console.print(table)
    console.print(f"\n{evaluation.verdict()}", soft_wrap=True)
