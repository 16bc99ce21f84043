from __future__ import annotations

import subprocess
import sys

import pytest

import airquery_airflow


def test_every_public_name_is_there_when_it_is_asked_for() -> None:
    found = {name: getattr(airquery_airflow, name) for name in airquery_airflow.__all__}

    assert {name: thing.__name__ for name, thing in found.items()} == {name: name for name in found}
    assert dir(airquery_airflow) == sorted(airquery_airflow.__all__)


def test_any_other_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'AiQueryOperator'"):
        airquery_airflow.AiQueryOperator  # noqa: B018


def test_the_operators_are_loaded_without_what_their_tasks_need() -> None:
    heavy = ("duckdb", "pyarrow", "deltalake", "sqlglot", "great_expectations", "pydantic_settings")
    script = "import sys, airquery_airflow as a; [getattr(a, n) for n in a.__all__]; print({})"
    shown = script.format(f"[m for m in {heavy} if m in sys.modules]")

    loaded = subprocess.run(
        [sys.executable, "-c", shown],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert loaded.stdout.splitlines()[-1] == "[]"
