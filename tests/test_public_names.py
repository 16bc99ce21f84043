"""The public surface is what `__all__` says, and nothing heavy comes with it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import airquery


if TYPE_CHECKING:
    from pathlib import Path

    from airquery.testing import EndpointServer


NAMES = [
    "AirqueryError",
    "Answer",
    "Budget",
    "Cancel",
    "Endpoint",
    "EndpointEstimate",
    "Estimate",
    "Failure",
    "Publication",
    "Registry",
    "Run",
    "RunStats",
    "Settings",
    "Span",
    "Usage",
    "Warehouse",
    "__version__",
    "connect",
    "endpoint_names",
    "fetch",
    "function_endpoint",
    "plan",
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


def test_running_a_statement_imports_neither_pandas_nor_airflow(
    server: EndpointServer, tmp_path: Path
) -> None:
    heavy = ("pandas", "airflow", "great_expectations", "xllamacpp")
    program = (
        "import sys, airquery; from airquery.endpoints.endpoint import Endpoint;"
        f"endpoint = Endpoint(name='llm', task='chat', base_url={server.url + '/v1'!r}, model='m');"
        "registry = airquery.Registry.from_mapping({'llm': endpoint});"
        f"settings = airquery.Settings.read(home={str(tmp_path)!r});"
        "connection = airquery.connect(registry=registry, settings=settings);"
        "sql = \"SELECT ai_query('llm', t, returnType => 'STRING') FROM (VALUES ('x'), (NULL)) AS v(t)\";"
        "print(airquery.run(connection, sql).table.num_rows);"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )

    output = subprocess.check_output([sys.executable, "-c", program], text=True)

    assert output.split(maxsplit=1) == ["2", "[]\n"]
