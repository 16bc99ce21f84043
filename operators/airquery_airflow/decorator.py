"""`@task.ai_query`: a function that returns the SELECT of an `AIQueryOperator`.

The text is rendered once, as that of `@task.sql` and `@task.bash`, whose values may be templates;
a text in `literal()` is not. Prompts come from tables and are never rendered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.bases.decorator import (
    DecoratedOperator,
    TaskDecorator,
    determine_kwargs,
    task_decorator_factory,
)
from airflow.sdk.definitions._internal.types import SET_DURING_EXECUTION
from airflow.sdk.exceptions import AirflowFailException

from airquery_airflow.ai_query import AIQueryOperator


if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from airflow.sdk import Context


class AIQueryDecoratedOperator(DecoratedOperator, AIQueryOperator):
    """Run the SELECT that a function returns. What it returns is rendered as a template.

    Args:
        python_callable: The function: it returns the statement, or the name of a `.sql` template.
        op_args: Its positional arguments.
        op_kwargs: Its keyword arguments.
    """

    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *AIQueryOperator.template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **AIQueryOperator.template_fields_renderers,
    }
    custom_operator_name: str = "@task.ai_query"
    overwrite_rtif_after_execution: bool = True

    def __init__(
        self,
        *,
        python_callable: Callable[..., object],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if "sql" in kwargs:
            raise TypeError("@task.ai_query takes no sql: the function returns the statement.")
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            sql=SET_DURING_EXECUTION,
            **kwargs,
        )

    def execute(self, context: Context) -> Any:
        """Call the function, render what it returned, and run it."""
        known: dict[str, Any] = {**context, **self.op_kwargs}
        named = determine_kwargs(self.python_callable, self.op_args, known)
        returned = self.python_callable(*self.op_args, **named)
        # Only the statement: what the function was given may be anybody's text.
        sql = self.render_template(returned, context)
        if not (isinstance(sql, str) and sql.strip()):
            raise AirflowFailException(
                f"The function of task {self.task_id!r} returned {type(returned).__name__}. It "
                "must return the SELECT as text, or the name of a .sql template."
            )
        self.sql = sql
        return super().execute(context)


def ai_query_task(
    python_callable: Callable[..., object] | None = None,
    multiple_outputs: bool | None = None,
    **kwargs: Any,
) -> TaskDecorator:
    """Make a task of a function that returns a SELECT with ai_query in it.

    Args:
        python_callable: The function, when the decorator has no arguments.
        multiple_outputs: Whether each value of the manifest is an XCom of its own, such as `rows`.
        kwargs: The arguments of `AIQueryOperator` but `sql`: `table`, `partition`, `budget`, ...
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=AIQueryDecoratedOperator,
        **kwargs,
    )
