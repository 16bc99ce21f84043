"""The public surface is what `__all__` says, and nothing heavy comes with it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import airquery


NAMES = [
    "AirqueryError",
    "Answer",
    "Cancel",
    "Endpoint",
    "Failure",
    "Publication",
    "Registry",
    "Run",
    "RunStats",
    "Settings",
    "Usage",
    "Warehouse",
    "__version__",
    "connect",
    "endpoint_names",
    "fetch",
    "probe",
    "register",
    "run",
]


def test_the_public_names_are_these_and_can_be_had() -> None:
    assert sorted(airquery.__all__) == NAMES
    assert all(getattr(airquery, name) is not None for name in NAMES)
    assert set(NAMES) <= set(dir(airquery))


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        airquery.conect  # noqa: B018


def test_importing_airquery_imports_no_engine() -> None:
    heavy = ("duckdb", "httpx", "pyarrow", "sqlglot", "pydantic", "airflow", "deltalake")
    program = f"import sys, airquery; print([m for m in {heavy!r} if m in sys.modules])"

    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"
