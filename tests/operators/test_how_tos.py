"""The tasks of the how-tos can be made, and `airquery backfill` has the options that are shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from airquery_airflow.backfill.command import backfill


if TYPE_CHECKING:
    from airflow.sdk import DAG

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"


@pytest.mark.parametrize(
    ("page", "task", "says"),
    [
        ("budget", "infer", {"table": "reviews.answers", "approve_above": {"money": 1}}),
        ("schema-change", "ingest", {"table": "reviews.received", "on_schema_change": "evolve"}),
    ],
)
def test_the_task_of_a_page_can_be_made(
    page: str, task: str, says: dict[str, Any], dag: DAG
) -> None:
    [text] = re.findall(r"```python\n(.*?)```", (HOW_TO / f"{page}.md").read_text(), re.DOTALL)

    with dag:
        exec(text, {})  # noqa: S102 - it is what the page says

    assert dag.task_ids == [task]
    made = dag.get_task(task)
    assert {name: getattr(made, name) for name in says} == says


def test_the_options_of_the_backfills_are_there() -> None:
    app = typer.Typer()
    app.command()(backfill)
    known = {name for one in typer.main.get_command(app).params for name in one.opts}

    shown = set(re.findall(r"--[a-z-]+", (HOW_TO / "backfill.md").read_text()))

    assert shown
    assert shown - known == set()
