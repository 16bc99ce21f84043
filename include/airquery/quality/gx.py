"""The only module that knows Great Expectations, which it imports when a suite is first run.

The SQL engine of GX opens a connection for each query and a transaction around all of them. DuckDB
takes neither well: another connection is another session, and after one failed query every later
one of its transaction fails. The engine here keeps one connection, in autocommit.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from airquery.errors import MissingPackage, QualityError
from airquery.quality.own_expectations import BATCH, define, driver_connection, raw_connection
from airquery.quality.result import ExpectationOutcome
from airquery.quality.suite import CUSTOM_SQL
from airquery.quality.unique_count import define_for
from airquery.warehouse.objects import register


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb
    from great_expectations import ExpectationSuite
    from great_expectations.datasource.fluent.interfaces import Batch
    from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
    from great_expectations.expectations.expectation import Expectation as GxExpectation
    from sqlalchemy import Connection

    from airquery.quality.suite import Expectation, Suite


# Results come back in another order, so each expectation carries its place in the suite.
_POSITION = "airquery_position"
_LONGEST_OBSERVATION = 300
# Of the expectations GX knows, some work on data frames only, or not in DuckDB's dialect.
_NOT_IN_SQL = re.compile(r"not supported for dialect|No provider found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What one expectation found, and the SELECT of the rows it did not expect, if GX wrote one.

    The SELECT begins with the columns of the key.
    """

    outcome: ExpectationOutcome
    rows: str | None


def build(suite: Suite) -> ExpectationSuite:
    """Make GX's suite. Raises `QualityError` for arguments that GX refuses, before any is run."""
    _prepare()
    from great_expectations import ExpectationSuite

    define()
    return ExpectationSuite(
        name=suite.name,
        expectations=[
            _built(suite, position, item) for position, item in enumerate(suite.expectations)
        ],
    )


def evaluate(
    suite: Suite, claims: ExpectationSuite, batch: Batch, *, key: Sequence[str] = ()
) -> tuple[Evaluated, ...]:
    """Evaluate every expectation on a batch, in the suite's order."""
    wanted: dict[str, Any] = {"result_format": "BASIC", "partial_unexpected_count": 0}
    if key:
        wanted["unexpected_index_column_names"] = list(key)
        wanted["return_unexpected_index_query"] = True
    try:
        found = batch.validate(
            claims, result_format=wanted, expectation_parameters=dict(suite.parameters)
        )
    # GX raises what it meets: its own errors, SQLAlchemy's, DuckDB's.
    except Exception as error:
        raise QualityError(f"Suite {suite.source or suite.name} cannot be run. {error}") from error
    reports: list[Any] = [result.to_json_dict() for result in found.results]
    by_position = {report["expectation_config"]["meta"][_POSITION]: report for report in reports}
    return tuple(
        Evaluated(
            outcome=_outcome(item, by_position[position]),
            rows=(by_position[position].get("result") or {}).get("unexpected_index_query"),
        )
        for position, item in enumerate(suite.expectations)
    )


def _prepare() -> None:
    """Import Great Expectations, silently: it greets, counts its users and draws bars."""
    logger = logging.getLogger("great_expectations")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    try:
        with warnings.catch_warnings():
            # Of the packages it imports, not of ours; what it runs later may still warn.
            warnings.simplefilter("ignore")
            import duckdb_sqlalchemy  # noqa: F401, PLC0415
            import great_expectations  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingPackage(
            error.name or "great_expectations",
            needed_for="A quality check",
            install="pip install 'airquery[gx]'",
        ) from error


@cache
def _datasource_type() -> type[SQLDatasource]:
    """Define the datasource; GX then knows it as `context.data_sources.add_airquery_duckdb`."""
    from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
    from great_expectations.execution_engine.sqlalchemy_execution_engine import (
        SqlAlchemyExecutionEngine,
    )

    class AirqueryDuckdbEngine(SqlAlchemyExecutionEngine):
        @contextmanager
        def get_connection(self) -> Iterator[Connection]:
            if self._connection is None:
                connection = self.engine.connect()
                self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
                register(driver_connection(connection))
            yield self._connection

        def close(self) -> None:
            if self._connection is not None:
                self._connection.close()
            super().close()

    define_for(AirqueryDuckdbEngine)

    class AirqueryDuckdbDatasource(SQLDatasource):
        # The name is what GX finds the class by, so it cannot be its parent's.
        type: Literal["airquery_duckdb"] = "airquery_duckdb"  # type: ignore[assignment]

        @property
        def execution_engine_type(self) -> Any:
            return AirqueryDuckdbEngine

        def get_engine(self) -> Any:
            """Return the engine that GX looks for the table by, which reads what ours reads."""
            engine = super().get_engine()
            with engine.connect() as connection:
                register(driver_connection(connection))
            return engine

    return AirqueryDuckdbDatasource


@contextmanager
def opened(
    database: Path, settings: Mapping[str, str]
) -> Iterator[tuple[Batch, duckdb.DuckDBPyConnection]]:
    """Open the batch in a DuckDB file, read-only, with the connection that it is read by."""
    from great_expectations import get_context
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    _datasource_type()
    sources: Any = context.data_sources
    source: SQLDatasource = sources.add_airquery_duckdb(
        name="warehouse",
        connection_string=f"duckdb:///{database}",
        kwargs={"connect_args": {"read_only": True, "config": dict(settings)}},
        create_temp_table=False,
    )
    try:
        asset = source.add_table_asset(name="batch", table_name=BATCH)
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        yield batch, raw_connection(source.get_execution_engine())
    finally:
        source.get_execution_engine().close()


def _built(suite: Suite, position: int, item: Expectation) -> GxExpectation:
    """Make a GX expectation, which checks its arguments."""
    from great_expectations.expectations.expectation_configuration import (
        ExpectationConfiguration,
    )
    from great_expectations.expectations.metadata_types import (
        FailureSeverity,
    )

    try:
        return ExpectationConfiguration(
            type=item.type,
            kwargs=dict(item.kwargs),
            meta={**item.meta, _POSITION: position},
            description=item.description,
            severity=FailureSeverity(item.severity),
        ).to_domain_obj()
    # GX's own error for an unknown type, pydantic's for wrong arguments, ValueError for the rest.
    except Exception as error:
        raise QualityError(
            f"Suite {suite.source or suite.name}, expectation {position + 1} ({item.type}) cannot "
            f"be used: {' '.join(str(error).split())}"
        ) from error


def _outcome(item: Expectation, report: Mapping[str, Any]) -> ExpectationOutcome:
    """Read one result of GX."""
    result: Mapping[str, Any] = report.get("result") or {}
    raised = _raised(report.get("exception_info") or {})
    success = raised is None and bool(report["success"])
    unexpected = result.get("unexpected_count")
    if item.type == CUSTOM_SQL:
        unexpected = result.get("observed_value")
    column = item.kwargs.get("column")
    return ExpectationOutcome(
        name=item.type,
        column=None if column is None else str(column),
        severity=item.severity if raised is None else "critical",
        success=success,
        unexpected_count=unexpected,
        element_count=result.get("element_count"),
        unexpected_percent=result.get("unexpected_percent"),
        observed=_observed(result),
        message=raised or _message(item, result, unexpected, success=success),
    )


def _raised(info: Mapping[str, Any]) -> str | None:
    """Return what an expectation raised; GX reports it once, or once for each metric."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if entry["raised_exception"]:
            # The statement and a link to SQLAlchemy's documentation follow.
            text = str(entry["exception_message"]).partition("\n[SQL:")[0]
            mend = f" Write it as SQL, in an {CUSTOM_SQL}." if _NOT_IN_SQL.search(text) else ""
            return f"It could not be evaluated: {text}{mend}"
    return None


def _message(
    item: Expectation, result: Mapping[str, Any], unexpected: int | None, *, success: bool
) -> str:
    """Say in words what was found: counts and aggregates, never the rows."""
    if unexpected is not None and result.get("element_count") is not None:
        found = f"Unexpected rows: {unexpected} of {result['element_count']}."
    elif unexpected is not None:
        found = f"Unexpected rows: {unexpected}."
    elif "observed_value" in result:
        found = f"Observed {_observed(result)}."
    else:
        found = "It holds." if success else "It does not hold."
    return found if item.description is None else f"{item.description}: {found}"


def _observed(result: Mapping[str, Any]) -> str | None:
    value = result.get("observed_value")
    return None if value is None else str(value)[:_LONGEST_OBSERVATION]
