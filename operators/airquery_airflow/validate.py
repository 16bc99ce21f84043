"""Check one partition of a table against a suite of expectations.

A critical expectation that does not hold fails the task, without retries: the rows will be the
same. A warning is a line in the log. Great Expectations is imported when the task runs.
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from airquery_airflow.told_task import ToldTask


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airquery.quality import ExpectationOutcome, QualityResult


log = logging.getLogger(__name__)

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}
# So that the summary stays under a kilobyte.
_NAMED = 6
_LONGEST_NAME = 80


class ValidateOperator(ToldTask):
    """Run a suite on a partition and say what was found.

    Args:
        table: The table, as `schema.table`.
        suite: The path of the suite, a JSON file that Great Expectations can read and write.
        partition: Which partition of the table.
        warehouse: The root of the tables; without it, what `AIRQUERY_WAREHOUSE` says.
        memory_limit: What DuckDB may use of the memory.
    """

    template_fields: Sequence[str] = (*ToldTask.template_fields, "suite")
    ui_color = "#e6f4ea"

    def __init__(
        self,
        *,
        suite: str,
        memory_limit: str = "2GB",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.suite = suite
        self.memory_limit = memory_limit

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the partition; return a summary of the result."""
        with self.telling(context):
            result = self._result()
            # A query that was stopped is an expectation that does not hold, to Great Expectations.
            self.cancel.check()
            self.lineage.checked = result.outcomes
        failed = [outcome for outcome in result.outcomes if not outcome.success]
        for outcome in failed:
            log.log(_LEVELS[outcome.severity], "%s: %s", outcome.severity, _said(outcome))
        log.info(
            "%s [%s]: %d of %d expectations hold",
            result.table,
            result.partition,
            len(result.outcomes) - len(failed),
            len(result.outcomes),
        )
        summary = _summary(result, failed)
        holds = result.worst_severity != "critical"
        self.tell(context, summary, state="done" if holds else "failed")
        if not holds:
            # A task that fails returns nothing, and its result is wanted most.
            context["ti"].xcom_push(key="return_value", value=summary)
            critical = [outcome for outcome in failed if outcome.severity == "critical"]
            raise AirflowFailException(
                f"Partition {result.partition!r} of {result.table!r} does not meet the suite "
                f"{result.suite!r}: {' '.join(map(_said, critical))}"
            )
        return summary

    def _result(self) -> QualityResult:
        import airquery  # noqa: PLC0415
        from airquery.quality import check, load_suite  # noqa: PLC0415

        suite = load_suite(Path(self.suite))
        warehouse = airquery.Warehouse(self.warehouse or airquery.Settings.read().warehouse)
        self.lineage.reads(warehouse.address(self.table))
        with (
            TemporaryDirectory(prefix="airquery-task-") as folder,
            self.progress.step(f"Checking {self.table} against {len(suite.expectations)} claims"),
            ExitStack() as killable,
        ):
            return check(
                suite,
                warehouse,
                table=self.table,
                partition=self.partition,
                settings={"memory_limit": self.memory_limit, "temp_directory": folder},
                on_connect=lambda one: killable.enter_context(self.interruptible(one.interrupt)),
            )


def _said(outcome: ExpectationOutcome) -> str:
    on = "" if outcome.column is None else f" ({outcome.column})"
    return f"{outcome.name}{on}: {outcome.message}"


def _summary(result: QualityResult, failed: list[ExpectationOutcome]) -> dict[str, Any]:
    """Return names and counts, no rows, in less than a kilobyte."""
    named = [f"{outcome.name} ({outcome.column or 'table'})"[:_LONGEST_NAME] for outcome in failed]
    return {
        "suite": result.suite,
        "table": result.table,
        "partition": result.partition,
        "success": result.success,
        "worst_severity": result.worst_severity,
        "expectations": len(result.outcomes),
        "failed_by_severity": dict(Counter(outcome.severity for outcome in failed)),
        "failed": named[:_NAMED],
    }
