from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from airquery.errors import MissingPackage, QualityError
from airquery.quality import (
    Expectation,
    ExpectationOutcome,
    QualityResult,
    Suite,
    check,
    load_suite,
)
from airquery.quality.suite import known_types


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airquery.quality import Severity
    from airquery.warehouse import Warehouse


ROWS = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}}


def in_a_new_process(code: str) -> str:
    """Run code in an interpreter that has imported nothing yet; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return done.stdout


def test_a_suite_file_is_read_as_it_is_written(suite_file: Callable[..., Path]) -> None:
    path = suite_file(
        {**ROWS, "severity": "info", "meta": {"owner": "me"}, "description": "One row"},
        {"type": "expect_column_to_exist", "kwargs": {"column": "a"}, "id": "7", "notes": None},
        suite_parameters={"low": 1},
        meta={"great_expectations_version": "1.24.1"},
        notes="why",
    )
    assert load_suite(path) == Suite(
        name="reviews",
        expectations=(
            Expectation(
                type="expect_table_row_count_to_equal",
                kwargs={"value": 1},
                severity="info",
                meta={"owner": "me"},
                description="One row",
            ),
            Expectation(type="expect_column_to_exist", kwargs={"column": "a"}),
        ),
        parameters={"low": 1},
        source=str(path),
    )


def test_loading_a_suite_does_not_import_great_expectations(
    suite_file: Callable[..., Path],
) -> None:
    path = suite_file(ROWS)
    printed = in_a_new_process(
        "import sys; from pathlib import Path; from airquery.quality import check, load_suite; "
        f"print(load_suite(Path({str(path)!r})).name); "
        "print({'great_expectations', 'pandas', 'sqlalchemy'} & sys.modules.keys())"
    )
    assert printed.split("\n") == ["reviews", "set()", ""]


def test_without_great_expectations_a_suite_loads_and_a_check_names_the_package(
    suite_file: Callable[..., Path],
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    known_types.cache_clear()
    suite = load_suite(suite_file({"type": "expect_anything", "kwargs": {}}))
    with pytest.raises(MissingPackage, match=r"'great_expectations'.*'airquery\[gx\]'"):
        check(suite, warehouse, table="main.reviews", partition="good")
    known_types.cache_clear()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(QualityError, match=r"none\.json cannot be read: No such file"):
        load_suite(tmp_path / "none.json")


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "suite.json"
    path.write_text('{"name": ')
    with pytest.raises(QualityError, match=r"suite\.json is no JSON: "):
        load_suite(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"expectation": []}, r"unknown key 'expectation'\. Did you mean 'expectations'\?"),
        ({"name": ""}, "'name' must be a text"),
        ({"name": 7}, "'name' must be a text"),
        ({"expectations": {}}, "'expectations' must be a list with at least one"),
        ({"expectations": []}, "'expectations' must be a list with at least one"),
        ({"suite_parameters": [1]}, "suite_parameters must be a JSON object"),
    ],
)
def test_a_suite_of_another_form_is_refused(
    suite_file: Callable[..., Path], content: dict[str, object], problem: str
) -> None:
    with pytest.raises(QualityError, match=rf"reviews\.json.*{problem}"):
        load_suite(suite_file(ROWS, **content))


def test_a_file_that_holds_no_object_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "suite.json"
    path.write_text("[]")
    with pytest.raises(QualityError, match="must be a JSON object"):
        load_suite(path)


@pytest.mark.parametrize(
    ("expectation", "problem"),
    [
        ("expect_column_to_exist", "must be a JSON object"),
        ({"kwargs": {}}, "'type' must be a text"),
        ({**ROWS, "kwarg": {}}, r"unknown key 'kwarg'\. Did you mean 'kwargs'\?"),
        ({**ROWS, "kwargs": [1]}, "kwargs must be a JSON object"),
        ({**ROWS, "severity": "fatal"}, "severity 'fatal' is none of info, warning, critical"),
        ({**ROWS, "severity": ["info"]}, "is none of info, warning, critical"),
        (
            {"type": "expect_column_values_to_be_uniq", "kwargs": {}},
            (
                r"no expectation 'expect_column_values_to_be_uniq'\. "
                r"Did you mean 'expect_column_values_to_be_unique'\?"
            ),
        ),
        (
            {"type": "unexpected_rows_expectation", "kwargs": {}},
            "'unexpected_rows_query' must select from {batch}",
        ),
        (
            {
                "type": "unexpected_rows_expectation",
                "kwargs": {"unexpected_rows_query": "SELECT '{}' FROM {batch}"},
            },
            "any other brace in it must be doubled",
        ),
        (
            {
                "type": "unexpected_rows_expectation",
                "kwargs": {"unexpected_rows_query": "SELECT '{' FROM {batch}"},
            },
            "any other brace in it must be doubled",
        ),
    ],
)
def test_an_expectation_of_another_form_is_refused_with_its_place(
    suite_file: Callable[..., Path], expectation: object, problem: str
) -> None:
    with pytest.raises(QualityError, match=rf"reviews\.json, expectation 2.*{problem}"):
        load_suite(suite_file(ROWS, expectation))


@pytest.mark.parametrize(
    ("failed", "worst"),
    [
        ([], None),
        (["info"], "info"),
        (["warning", "info"], "warning"),
        (["info", "critical", "warning"], "critical"),
    ],
)
def test_the_worst_failed_severity_decides(failed: list[Severity], worst: Severity | None) -> None:
    def outcome(severity: Severity, *, success: bool) -> ExpectationOutcome:
        return ExpectationOutcome(
            name="e",
            column=None,
            severity=severity,
            success=success,
            unexpected_count=None,
            element_count=None,
            unexpected_percent=None,
            message="",
        )

    outcomes = [outcome("critical", success=True)]
    outcomes += [outcome(severity, success=False) for severity in failed]
    result = QualityResult(suite="s", table="t", partition="p", outcomes=tuple(outcomes))
    assert (result.success, result.worst_severity) == (worst is None, worst)
