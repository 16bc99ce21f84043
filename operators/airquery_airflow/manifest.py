"""What a task hands to the next one: where its rows are and what they cost, never a row.

It is stored in Airflow's database and shown to everyone who may read the run, so it holds names and
numbers only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery import Publication, RunStats
    from airquery.execute.budget import RunOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One written partition of one table, and the requests that were made for it.

    `requests_sent` were paid for, `from_journal` were answered by an earlier run; `failed` of both
    ended without a usable answer. `quarantined` rows are in a table of their own. Tokens and price
    are those of `requests_sent`. `outcome` is `complete`, or `partial` where something failed.
    `schema_changes` says how the rows' columns differ from those that the table had.
    """

    table: str
    partition: str
    version: int
    rows: int
    requests_sent: int = 0
    from_journal: int = 0
    failed: int = 0
    quarantined: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    price: float = 0.0
    currency: str = "USD"
    outcome: RunOutcome = "complete"
    schema_changes: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        published: Publication,
        *,
        asked: RunStats | None = None,
        outcome: RunOutcome = "complete",
        quarantined: int = 0,
        schema_changes: Sequence[str] = (),
    ) -> Self:
        """Make the manifest of a written partition, and of the statement that asked for it."""
        written = cls(
            table=published.table,
            partition=published.partition,
            version=published.version,
            rows=published.rows,
            quarantined=quarantined,
            schema_changes=schema_changes,
        )
        if asked is None:
            return written
        return replace(
            written,
            requests_sent=asked.sent,
            from_journal=asked.from_journal,
            failed=asked.failed,
            prompt_tokens=asked.prompt_tokens,
            completion_tokens=asked.completion_tokens,
            price=asked.price,
            currency=asked.currency,
            outcome=outcome,
        )

    def to_xcom(self) -> dict[str, Any]:
        """Return it as JSON values."""
        values = asdict(self)
        changes = list(values.pop("schema_changes"))
        return {**values, "schema_changes": changes} if changes else values

    def __str__(self) -> str:
        """Say it as one line of a log."""
        said = f"{self.table} [{self.partition}] version {self.version}: {self.rows} rows"
        if self.quarantined:
            said += f", {self.quarantined} quarantined"
        if self.schema_changes:
            said += f", {len(self.schema_changes)} changes of its columns"
        if self.requests_sent or self.from_journal:
            said += (
                f"; {self.requests_sent} requests sent, {self.from_journal} from the journal, "
                f"{self.failed} failed; {self.prompt_tokens} + {self.completion_tokens} tokens, "
                f"{self.price:.6f} {self.currency}"
            )
        return said
