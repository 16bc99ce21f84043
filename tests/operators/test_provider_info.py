from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow.providers_manager import _create_provider_info_schema_validator

from airquery_airflow import provider_info
from airquery_airflow.connection import OUR_FIELDS as TAKEN


LOADED = """
import sys
from airquery_airflow.provider_info import get_provider_info
get_provider_info()
print(sorted(name for name in sys.modules if name.startswith("air")))
"""
FORM = """
import json
from airflow.providers_manager import ProvidersManager
manager = ProvidersManager()
widgets = {
    widget.field_name: widget
    for name, widget in manager.connection_form_widgets.items()
    if name.startswith("extra__airquery_endpoint__")
}
print(json.dumps({
    "hidden": manager.field_behaviours["airquery_endpoint"]["hidden_fields"],
    "secret": [name for name, widget in widgets.items() if widget.is_sensitive],
    "enums": {name: widget.field["schema"].get("enum") for name, widget in widgets.items()},
}))
"""


def connection_type() -> dict[str, object]:
    info: Any = provider_info.get_provider_info()
    (only,) = info["connection-types"]
    return dict(only)


def test_reading_the_provider_loads_neither_operators_nor_the_engine() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert loaded.stdout.strip() == "['airquery_airflow', 'airquery_airflow.provider_info']"


def test_airflow_accepts_the_metadata() -> None:
    validator: Any = _create_provider_info_schema_validator
    validator().validate(provider_info.get_provider_info())


def test_the_hook_that_is_named_is_the_hook_of_this_type() -> None:
    name = connection_type()["hook-class-name"]
    module, _, attribute = str(name).rpartition(".")
    hook = getattr(import_module(module), attribute)

    assert hook.conn_type == connection_type()["connection-type"]
    assert hook.hook_name == connection_type()["hook-name"]


def test_every_key_is_kebab_case_and_every_field_has_a_label_and_a_type() -> None:
    info = provider_info.get_provider_info()
    fields = connection_type()["conn-fields"]

    assert not [key for key in (*info, *connection_type()) if "_" in key]
    assert isinstance(fields, dict)
    assert all(field["label"] and field["schema"]["type"][1] == "null" for field in fields.values())


def test_airflow_makes_the_form_of_it(tmp_path: Path) -> None:
    metadata = tmp_path / "airquery-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: airquery\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[apache_airflow_provider]\nprovider_info=airquery_airflow.provider_info:get_provider_info\n"
    )
    made = subprocess.run(
        [sys.executable, "-c", FORM],
        env=os.environ | {"PYTHONPATH": ":".join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    form = json.loads(made.stdout.splitlines()[-1])

    assert form["hidden"] == ["schema"]
    assert form["secret"] == ["secret_headers", "secret_query", "secret_proxy"]
    assert form["enums"]["task"] == ["chat", "completions", "embeddings", "custom"]


def test_the_form_has_every_field_that_a_connection_takes_but_what_is_spelled_secret() -> None:
    fields = connection_type()["conn-fields"]
    assert isinstance(fields, dict)

    # These go to the form as `secret_...`, or as what Airflow has itself.
    assert TAKEN - set(fields) == {"headers", "limits", "price", "proxy", "query"}
    assert set(fields) <= TAKEN


def test_the_reference_lists_the_form_as_it_is() -> None:
    fields: Any = connection_type()["conn-fields"]
    rows = [
        f"| `{name}` | {one['label']} | {values(one['schema'])} | {one['description']} |"
        for name, one in fields.items()
    ]
    text = (Path(__file__).parents[2] / "docs/reference/connection.md").read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if line.startswith("| `") and line.count("|") == 5]

    assert listed == [*rows]


def values(schema: dict[str, Any]) -> str:
    """Say what a field takes, and what it is without."""
    kind = schema["type"][0]
    if "enum" in schema:
        kind = ", ".join(f"`{one}`" for one in schema["enum"])
    elif schema.get("format") == "password":
        kind = "text, masked"
    elif kind == "string":
        kind = "text"
    return kind if "default" not in schema else f"{kind}; {schema['default']}"
