"""Make the parts of a partition one partition again, in one commit, and remove them.

Either all parts are there, with as many rows as the split counted, or nothing is published. A merge
that was killed after its commit finds that it was done, and only removes the parts.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.sdk import TriggerRule
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery_airflow.manifest import Manifest
from airquery_airflow.table_task import TableTask


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airquery import Publication
    from airquery.warehouse.parts import Part
    from airquery.warehouse.staging import Staging
    from airquery_airflow.session import Session


log = logging.getLogger(__name__)

_COUNTS = ("requests_sent", "from_journal", "failed", "prompt_tokens", "completion_tokens")


class MergeOperator(TableTask):
    """Publish the rows of all parts as one partition.

    It runs when all parts have ended, whatever became of them, and names those that are missing.

    Args:
        table: The table of the whole result, as the parts were told it.
        parts: What `SplitOperator` returned: `split.output`.
        manifests: What the parts returned: `asked.output`. The merged manifest has their sums.
    """

    template_fields: Sequence[str] = (*TableTask.template_fields, "parts", "manifests")
    ui_color = "#fef7e0"

    def __init__(self, *, parts: Any, manifests: Any = (), **kwargs: Any) -> None:
        super().__init__(**{"trigger_rule": TriggerRule.ALL_DONE, **kwargs})
        self.parts = parts
        self.manifests = manifests

    def write(self) -> Manifest:
        """Check the parts, publish their rows and remove them."""
        from airquery.warehouse.parts import Part  # noqa: PLC0415

        parts = [Part.read(values) for values in self.parts or ()]
        if not parts:
            raise AirflowFailException(
                f"Partition {self.partition!r} of {self.table!r} has no parts: the task that "
                "splits its source has not succeeded. Clear that one."
            )
        split = parts[0].split
        with self.session() as session:
            staging = session.warehouse.staging(self.table, parts[0].partition)
            published = self._merged(session, staging, split)
            if published is None:
                published = self._merge(session, staging, parts)
            staging.remove(until=split)
        return _summed(Manifest.of(published), self.manifests or ())

    def _merged(self, session: Session, staging: Staging, split: int) -> Publication | None:
        """Return what an earlier attempt published of this split, if one did."""
        before = staging.advance(split).before
        if before is None or before < split:
            return None
        if before > split:
            raise AirflowFailException(
                f"Partition {self.partition!r} of {self.table!r} was not written: a split that was "
                "made later is merged already."
            )
        log.info("The parts were merged by an earlier attempt.")
        return session.warehouse.published(self.table, self.partition)

    def _merge(self, session: Session, staging: Staging, parts: list[Part]) -> Publication:
        if missing := staging.missing(parts):
            names = ", ".join(part.name for part in missing)
            raise AirflowFailException(
                f"Partition {self.partition!r} of {self.table!r} was not written, because "
                f"{len(missing)} of its parts failed: {names}. Clear their tasks: what was "
                "answered is not asked again."
            )
        session.cancel.check()
        rows = session.connection.sql(staging.select(session.connection, parts))
        with self.progress.step(f"Writing {self.table}"):
            published = session.warehouse.publish(
                self.table,
                rows,
                partition=self.partition,
                run_number=session.run_number,
                advance=staging.advance(parts[0].split),
            )
        if not published.written:
            raise AirflowException(
                f"Partition {self.partition!r} of {self.table!r} was not written: an attempt that "
                "began later has written it already."
            )
        session.wrote(published, rows)
        return published


def _summed(merged: Manifest, manifests: Iterable[Mapping[str, Any] | None]) -> Manifest:
    """Add what the parts asked to the manifest of their rows."""
    asked = [manifest for manifest in manifests if manifest]
    prices: dict[str, float] = {}
    for one in asked:
        prices[one["currency"]] = prices.get(one["currency"], 0.0) + one["price"]
    currency = max(prices, key=lambda name: prices[name], default=merged.currency)
    for other, spent in prices.items():
        if spent and other != currency:
            log.warning("The parts cost %.6f %s as well.", spent, other)
    return replace(
        merged,
        **{name: sum(one[name] for one in asked) for name in _COUNTS},
        price=prices.get(currency, 0.0),
        currency=currency,
        outcome="partial" if any(one["outcome"] == "partial" for one in asked) else "complete",
    )
