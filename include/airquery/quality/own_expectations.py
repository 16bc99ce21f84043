"""The expectations that this project adds to Great Expectations: classes that it finds by name.

They are defined when a suite is first run, because their parents take seconds to import. They work
on a batch that `check` has opened: it knows the earlier partitions.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from airquery.errors import QualityError
from airquery.quality.drift import drift
from airquery.quality.json_schema import misfit_function, read_schema
from airquery.quoting import quoted
from airquery_sql import read


if TYPE_CHECKING:
    import duckdb
    from sqlalchemy import Connection


CONFORMS = "expect_column_values_to_conform_to_json_schema"
STABLE_LABELS = "expect_label_distribution_to_be_within_bounds_of_earlier_partitions"
OWN_TYPES = frozenset({CONFORMS, STABLE_LABELS})

BATCH = "airquery_batch"
EARLIER = "airquery_earlier"

_COUNTS = read("quality/label_counts.sql")


@cache
def define() -> None:
    """Make Great Expectations know them."""
    _define_schema()
    _define_labels()


def _define_schema() -> None:
    import sqlalchemy as sa  # noqa: PLC0415  (it comes with Great Expectations)
    from great_expectations.execution_engine.sqlalchemy_execution_engine import (
        SqlAlchemyExecutionEngine,
    )
    from great_expectations.expectations.expectation import ColumnMapExpectation
    from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
        column_condition_partial,
    )
    from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
        ColumnMapMetricProvider,
    )

    class ColumnValuesConformToJsonSchema(ColumnMapMetricProvider):
        condition_metric_name = "column_values.airquery_conform_to_json_schema"
        condition_value_keys = ("json_schema",)

        @column_condition_partial(engine=SqlAlchemyExecutionEngine)
        def _sqlalchemy(  # GX makes a class method of it.
            cls: Any,  # noqa: N805
            column: Any,
            json_schema: Any,
            _execution_engine: Any,
            **_given: Any,
        ) -> Any:
            function = misfit_function(raw_connection(_execution_engine), read_schema(json_schema))
            return getattr(sa.func, function)(column).is_(None)

    class ExpectColumnValuesToConformToJsonSchema(ColumnMapExpectation):
        """Expect every value of a column to be JSON that a JSON Schema accepts; NULL is no value."""

        json_schema: str | dict[str, Any]
        map_metric = "column_values.airquery_conform_to_json_schema"
        success_keys = ("json_schema", "mostly")
        args_keys = ("column", "json_schema")


def _define_labels() -> None:
    from great_expectations.execution_engine.sqlalchemy_execution_engine import (
        SqlAlchemyExecutionEngine,
    )
    from great_expectations.expectations.expectation import BatchExpectation
    from great_expectations.expectations.metrics.metric_provider import metric_value
    from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

    class TableLabelCounts(TableMetricProvider):
        metric_name = "table.airquery_label_counts"
        value_keys = ("column", "partitions")

        @metric_value(engine=SqlAlchemyExecutionEngine)
        def _sqlalchemy(  # GX makes a class method of it.
            cls: Any,  # noqa: N805
            execution_engine: Any,
            metric_value_kwargs: Any,
            **_given: Any,
        ) -> Any:
            query = _COUNTS.format(
                batch=BATCH,
                earlier=EARLIER,
                column=quoted(metric_value_kwargs["column"]),
                partitions=int(metric_value_kwargs["partitions"]),
            )
            return raw_connection(execution_engine).execute(query).fetchall()

    class ExpectLabelDistributionToBeWithinBoundsOfEarlierPartitions(BatchExpectation):
        """Expect the shares of labels to be near their means over the partitions before."""

        column: str
        partitions: int = 7
        min_partitions: int = 3
        max_share_change: float | None = None
        max_psi: float | None = 0.25
        metric_dependencies = ("table.airquery_label_counts",)
        success_keys = (
            "column",
            "partitions",
            "min_partitions",
            "max_share_change",
            "max_psi",
        )
        args_keys = ("column",)

        def _validate(
            self,
            metrics: Any,
            runtime_configuration: Any = None,  # noqa: ARG002  (GX's signature)
            execution_engine: Any = None,  # noqa: ARG002
        ) -> Any:
            kwargs = self._get_success_kwargs()
            return _judged(metrics["table.airquery_label_counts"], kwargs)


def _judged(counted: list[tuple[str | None, str, int]], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Compare the labels with those before, or say why that cannot be done yet."""
    counts: dict[str | None, dict[str, int]] = {}
    for partition, label, count in counted:
        counts.setdefault(partition, {})[label] = count
    now = counts.pop(None, {})
    needed = max(1, kwargs["min_partitions"])
    if not now:
        said, holds = "nothing, because the partition has no labels", True
    elif len(counts) < needed:
        said = f"nothing yet: {len(counts)} earlier partitions have labels, {needed} are needed"
        holds = True
    else:
        found = drift(now, list(counts.values()))
        said = str(found)
        holds = found.within(max_share_change=kwargs["max_share_change"], max_psi=kwargs["max_psi"])
    return {"success": holds, "result": {"observed_value": said}}


def raw_connection(execution_engine: Any) -> duckdb.DuckDBPyConnection:
    """Return DuckDB's own connection, which the engine keeps."""
    with execution_engine.get_connection() as connection:
        return driver_connection(connection)


def driver_connection(connection: Connection) -> duckdb.DuckDBPyConnection:
    """Return DuckDB's own connection, which SQLAlchemy's has."""
    wrapped: Any = connection.connection.driver_connection
    raw: duckdb.DuckDBPyConnection = getattr(wrapped, "_ConnectionWrapper__c", wrapped)
    return raw


def check_own(kind: str, kwargs: dict[str, object]) -> None:
    """Refuse arguments that can be known to be wrong before anything is imported or read."""
    if kind == CONFORMS:
        read_schema(kwargs.get("json_schema"))
    elif kind == STABLE_LABELS:
        for name in ("partitions", "min_partitions"):
            value = kwargs.get(name, 1)
            if not isinstance(value, int) or value < 1:
                raise QualityError(f"{name!r} must be a whole number of at least 1.")
