"""CSV that a spreadsheet shows and does not compute."""

from __future__ import annotations

import csv
import io

from airquery_airflow.ui.csv_text import csv_text


def test_text_that_would_be_a_formula_is_text_and_numbers_are_numbers() -> None:
    cells = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "a=1", -1, 0.5, None]

    [head, row] = csv.reader(io.StringIO(csv_text(list("abcdefghijk"), [cells]), newline=""))

    assert head == list("abcdefghijk")
    assert row == [
        "'=1+1",
        "'+1",
        "'-1",
        "'@x",
        "'\t=1",
        "'\r=1",
        "' =1",
        "a=1",
        "-1",
        "0.5",
        "",
    ]
