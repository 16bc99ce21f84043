"""The tasks of the how-tos can be made, and `airquery backfill` has the options that are shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from airquery_airflow.backfill.command import backfill


if TYPE_CHECKING:
    from airflow.sdk import DAG

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"


@pytest.mark.parametrize(("page", "task"), [("budget", "infer"), ("schema-change", "ingest")])
def test_the_task_of_a_page_can_be_made(page: str, task: str, dag: DAG) -> None:
    [text] = re.findall(r"```python\n(.*?)```", (HOW_TO / f"{page}.md").read_text(), re.DOTALL)

    with dag:
        exec(text, {})  # noqa: S102 - it is what the page says

    assert dag.task_ids == [task]


def test_the_options_of_the_backfills_are_there() -> None:
    app = typer.Typer()
    app.command()(backfill)
    known = {name for one in typer.main.get_command(app).params for name in one.opts}

    assert set(re.findall(r"--[a-z-]+", (HOW_TO / "backfill.md").read_text())) <= known
