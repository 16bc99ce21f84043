"""Check one partition of a table against a suite of expectations.

What an expectation that does not hold means for the run is said for each severity: a line in the
log, a skip of what follows, or a failure, without retries: the rows will be the same. What was
found is kept in a table, and the rows that fail go to quarantine where they have a key. Great
Expectations is imported when the task runs.
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airquery_airflow.told_task import ToldTask


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context
    from airflow.sdk.exceptions import AirflowException

    import airquery
    from airquery.quality import (
        Attempt,
        ExpectationOutcome,
        QualityResult,
        Quarantine,
        Severity,
        Suite,
    )


log = logging.getLogger(__name__)

Action: TypeAlias = Literal["log", "warn", "skip", "fail"]

# The gravest last: it decides about the task.
_ACTIONS: tuple[Action, ...] = ("log", "warn", "skip", "fail")
_DEFAULTS: Mapping[Severity, Action] = {"info": "log", "warning": "warn", "critical": "fail"}
_LEVELS = {
    "log": logging.INFO,
    "warn": logging.WARNING,
    "skip": logging.WARNING,
    "fail": logging.ERROR,
}
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
        actions: What follows when an expectation of a severity does not hold: `log`, `warn`,
            `skip` (the task and what follows it are skipped) or `fail`. What is not named stays
            `{"info": "log", "warning": "warn", "critical": "fail"}`.
        key: The columns that tell rows apart; without them, `unexpected_index_column_names` of
            the suite's `meta`. With either, the keys of failing rows go to quarantine.
        quarantine: The table of the failing rows; by default that of the table with
            `_quarantine` after its name.
        most_quarantined: How many rows each expectation may send there.
        results: The table that keeps what every attempt found; None for none.
    """

    template_fields: Sequence[str] = (
        *ToldTask.template_fields,
        "suite",
        "key",
        "quarantine",
        "results",
    )
    ui_color = "#e6f4ea"

    def __init__(
        self,
        *,
        suite: str,
        memory_limit: str = "2GB",
        actions: Mapping[Severity, Action] | None = None,
        key: str | Sequence[str] | None = None,
        quarantine: str | None = None,
        most_quarantined: int = 100_000,
        results: str | None = "airquery.validation_results",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.suite = suite
        self.memory_limit = memory_limit
        self.actions = _checked(actions or {})
        self.key = key
        self.quarantine = quarantine
        self.most_quarantined = most_quarantined
        self.results = results

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the partition; return a summary of the result."""
        attempt = _attempt(context)
        with self.telling(context):
            result = self._result(attempt)
            # A query that was stopped is an expectation that does not hold, to Great Expectations.
            self.cancel.check()
            self._keep(result, attempt)
            self.lineage.checked = result.outcomes
            self._show(result)
        failed = [outcome for outcome in result.outcomes if not outcome.success]
        for outcome in failed:
            action = self.actions[outcome.severity]
            log.log(_LEVELS[action], "%s: %s", outcome.severity, _said(outcome))
        for note in result.notes:
            log.warning("%s", note)
        log.info(
            "%s [%s]: %d of %d expectations hold",
            result.table,
            result.partition,
            len(result.outcomes) - len(failed),
            len(result.outcomes),
        )
        summary = _summary(result, failed)
        problem = self._objection(result, failed)
        self.tell(context, summary, problem=problem)
        if problem is not None:
            # A task that ends so returns nothing, and its result is wanted most.
            context["ti"].xcom_push(key="return_value", value=summary)
            raise problem
        return summary

    def _objection(
        self, result: QualityResult, failed: Sequence[ExpectationOutcome]
    ) -> AirflowException | None:
        """Return what the gravest of the outcomes means for the task."""
        for action, ending in (("fail", AirflowFailException), ("skip", AirflowSkipException)):
            grave = [outcome for outcome in failed if self.actions[outcome.severity] == action]
            if grave:
                return ending(
                    f"Partition {result.partition!r} of {result.table!r} does not meet the suite "
                    f"{result.suite!r}: {' '.join(map(_said, grave))}"
                )
        return None

    def _result(self, attempt: Attempt) -> QualityResult:
        from airquery.quality import check, load_suite  # noqa: PLC0415

        suite = load_suite(Path(self.suite))
        self.lineage.reads(self._warehouse().address(self.table))
        with (
            TemporaryDirectory(prefix="airquery-task-") as folder,
            self.progress.step(f"Checking {self.table} against {len(suite.expectations)} claims"),
            ExitStack() as killable,
        ):
            return check(
                suite,
                self._warehouse(),
                table=self.table,
                partition=self.partition,
                settings={"memory_limit": self.memory_limit, "temp_directory": folder},
                on_connect=lambda one: killable.enter_context(self.interruptible(one.interrupt)),
                quarantine=self._quarantine(suite, attempt),
            )

    def _keep(self, result: QualityResult, attempt: Attempt) -> None:
        from airquery.quality import append  # noqa: PLC0415

        if self.results is not None:
            append(self._warehouse(), result, attempt, table=self.results)

    def _show(self, result: QualityResult) -> None:
        """Keep what was found for the report."""
        from airquery_airflow.validated import show_quarantine, show_result  # noqa: PLC0415

        show_result(self.recording, result)
        if result.quarantined is not None:
            show_quarantine(
                self.recording,
                self._warehouse(),
                self._quarantine_table(),
                result.partition,
                total=result.quarantined,
            )

    def _quarantine(self, suite: Suite, attempt: Attempt) -> Quarantine | None:
        from airquery.quality import Quarantine  # noqa: PLC0415

        key = (self.key,) if isinstance(self.key, str) else tuple(self.key or suite.key)
        if not key and self.quarantine is None:
            return None
        if not key:
            raise AirflowFailException(
                f"The quarantine {self.quarantine!r} needs a key. Name the columns that tell the "
                f"rows of {self.table!r} apart in `key`."
            )
        return Quarantine(
            table=self._quarantine_table(),
            key=key,
            run_number=int(attempt.began.timestamp() * 1_000_000),
            most_rows=self.most_quarantined,
        )

    def _quarantine_table(self) -> str:
        return self.quarantine or f"{self.table}_quarantine"

    def _warehouse(self) -> airquery.Warehouse:
        import airquery  # noqa: PLC0415

        return airquery.Warehouse(self.warehouse or airquery.Settings.read().warehouse)


def _checked(actions: Mapping[Severity, Action]) -> dict[Severity, Action]:
    """Fill in the defaults. Raises `ValueError` when the DAG is parsed."""
    for severity, action in actions.items():
        if severity not in _DEFAULTS or action not in _ACTIONS:
            raise ValueError(
                f"actions has {severity!r}: {action!r}. A severity is one of "
                f"{', '.join(_DEFAULTS)}, an action one of {', '.join(_ACTIONS)}."
            )
    return {**_DEFAULTS, **actions}


def _attempt(context: Context) -> Attempt:
    from airquery.quality import Attempt  # noqa: PLC0415

    ti = context["ti"]
    return Attempt(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        try_number=ti.try_number,
        began=ti.start_date,
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
        "quarantined": result.quarantined,
    }
