"""`airquery functions`: what there is, and one of them whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airquery.sqlfn.functions import functions


if TYPE_CHECKING:
    from tests.cli.conftest import Command


def cells(text: str) -> list[list[str]]:
    """Return the cells of the rows of a table."""
    lines = [line for line in text.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


@pytest.mark.usefixtures("folder")
def test_the_list_names_every_function_with_what_must_be_given(command: Command) -> None:
    ended = command("functions")

    assert (ended.code, ended.err) == (0, "")
    rows = cells(ended.out)
    assert [row[0].partition("(")[0] for row in rows] == sorted(functions())
    assert ["ai_classify(content, labels, …)", functions()["ai_classify"].headline] in rows
    assert ["ai_count_tokens(content)", functions()["ai_count_tokens"].headline] in rows


@pytest.mark.usefixtures("folder")
def test_one_function_is_shown_with_its_arguments_and_what_it_returns(command: Command) -> None:
    ended = command("functions", "AI_Mask")

    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].startswith("ai_mask(content, labels, endpoint => NULL, ")
    assert lines[2] == functions()["ai_mask"].summary
    assert [row[0] for row in cells(ended.out)] == [
        one.name for one in functions()["ai_mask"].arguments
    ]
    assert lines[-1] == "Returns VARCHAR."


@pytest.mark.usefixtures("folder")
def test_a_misspelt_name_is_told_the_near_one(command: Command) -> None:
    ended = command("functions", "ai_sumarize")

    assert (ended.code, ended.out) == (1, "")
    assert "Did you mean 'ai_summarize'?" in ended.err
