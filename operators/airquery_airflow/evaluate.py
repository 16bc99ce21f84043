"""Compare one partition of extracted rows with what is true of them, and stop at a bad score.

The scores are written whatever they are; only then does a bad one fail the task, without retries:
the rows will be the same.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from airquery_airflow.manifest import Manifest
from airquery_airflow.table_task import TableTask


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context
    from duckdb import DuckDBPyConnection

    from airquery.quality import FieldScore


log = logging.getLogger(__name__)

_CREATE = (
    "CREATE OR REPLACE TEMP TABLE _output (field VARCHAR, expected BIGINT, predicted BIGINT, "
    "correct BIGINT, precision DOUBLE, recall DOUBLE, f1 DOUBLE)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedManifest(Manifest):
    """The manifest of the scores, and the scores over all fields: None where there is nothing."""

    precision: float | None
    recall: float | None
    f1: float | None


class EvaluateOperator(TableTask):
    """Score extracted fields against the truth: precision, recall and F1 of each and of all.

    A value is right if it is the true one: texts whatever their case and spaces, numbers as
    numbers. A row that was not extracted has no values, so it lowers recall; one that is not in
    the truth lowers precision. The table has a row a field, and `(all)`, the sum of their counts.

    Args:
        source: The table of extracted rows, this partition of it.
        truth: The table of what is true, the same partition of it.
        key: The column, or columns, by which a row is found in the other table.
        fields: The columns to compare; both tables have them.
        table: The table of scores.
        minimum_f1: The F1 over all fields below which the task fails, from 0 to 1; it may be a
            template. A partition where nothing is true and nothing found has none, and passes.
    """

    template_fields: Sequence[str] = (
        *TableTask.template_fields,
        "source",
        "truth",
        "key",
        "fields",
        "minimum_f1",
    )

    def __init__(
        self,
        *,
        source: str,
        truth: str,
        key: str | Sequence[str],
        fields: Sequence[str],
        minimum_f1: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.truth = truth
        self.key = key
        self.fields = fields
        self.minimum_f1 = minimum_f1

    def execute(self, context: Context) -> dict[str, Any]:
        """Write the scores; fail if they are too bad."""
        self._minimum()
        return super().execute(context)

    def objection(self, summary: Mapping[str, Any]) -> AirflowFailException | None:
        """Refuse scores that are too bad."""
        minimum, f1 = self._minimum(), summary["f1"]
        if minimum is None or f1 is None or f1 >= minimum:
            return None
        return AirflowFailException(
            f"F1 over all fields is {f1:.3f} in partition {self.partition!r} of "
            f"{self.source!r}, below the minimum {minimum:g}. The scores of each field are in "
            f"{self.table!r}: mend the prompt or the model, or lower the minimum."
        )

    def write(self) -> EvaluatedManifest:
        """Compare and publish the scores."""
        from airquery.quality import Comparison, total  # noqa: PLC0415

        comparison = Comparison(
            found=self.source,
            truth=self.truth,
            key=(self.key,) if isinstance(self.key, str) else tuple(self.key),
            fields=tuple(self.fields),
        )
        with self.session() as session:
            session.attach(self.source, self.truth)
            with self.progress.step("Comparing the rows", percent=session.percent):
                by_field = comparison.scores(session.connection, partition=self.partition)
            overall = total(by_field)
            _create_output(session.connection, (*by_field, overall))
            published = session.publish(self.table, "FROM _output")
            scores = session.connection.table("_output")
            self.recording.show_some("evaluation", self.table, scores, total=published.rows)
        for score in (*by_field, overall):
            log.info("%s", score)
        return EvaluatedManifest(
            table=published.table,
            partition=published.partition,
            version=published.version,
            rows=published.rows,
            precision=overall.precision,
            recall=overall.recall,
            f1=overall.f1,
        )

    def _minimum(self) -> float | None:
        if self.minimum_f1 is None:
            return None
        try:
            minimum = float(self.minimum_f1)
        except ValueError:
            minimum = -1.0
        if not 0 <= minimum <= 1:
            raise AirflowFailException(
                f"minimum_f1 must be a number from 0 to 1, not {self.minimum_f1!r}."
            )
        return minimum


def _create_output(connection: DuckDBPyConnection, scores: Sequence[FieldScore]) -> None:
    connection.execute(_CREATE)
    rows = [
        [s.field, s.expected, s.predicted, s.correct, s.precision, s.recall, s.f1] for s in scores
    ]
    connection.executemany("INSERT INTO _output VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
