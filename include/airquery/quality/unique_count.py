"""How many values of a column are not unique, counted by groups.

Great Expectations counts them in a window over every row, for the sake of row stores. DuckDB groups
a million values in a fraction of that time. What it finds is the same, so only the count is
replaced; which rows they are is still asked in its own way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from great_expectations.execution_engine.sqlalchemy_execution_engine import (
        SqlAlchemyExecutionEngine,
    )


def define_for(engine: type[SqlAlchemyExecutionEngine]) -> None:
    """Let Great Expectations count so wherever it works with this engine."""
    import sqlalchemy as sa  # noqa: PLC0415  (it comes with Great Expectations)
    from great_expectations.expectations.metrics.metric_provider import (
        MetricProvider,
        metric_value,
    )

    class UniqueUnexpectedCount(MetricProvider):
        metric_name = "column_values.unique.unexpected_count"
        domain_keys = ("batch_id", "table", "column", "row_condition", "condition_parser")
        value_keys = ()

        @metric_value(engine=engine)
        def _sqlalchemy(  # GX makes a class method of it.
            cls: Any,  # noqa: N805
            execution_engine: Any,
            metric_domain_kwargs: Any,
            **_given: Any,
        ) -> int:
            rows = execution_engine.get_domain_records(domain_kwargs=metric_domain_kwargs)
            column: sa.ColumnClause[Any] = sa.column(metric_domain_kwargs["column"])
            found = sa.select(sa.func.count().label("found")).select_from(
                rows.subquery() if isinstance(rows, sa.Select) else rows
            )
            groups = found.where(column.is_not(None)).group_by(column)
            again = groups.having(sa.func.count() > 1).subquery()
            total = sa.select(sa.func.coalesce(sa.func.sum(again.c.found), 0))
            return int(execution_engine.execute_query(total).scalar())
