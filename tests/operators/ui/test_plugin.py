"""What Airflow loads of the pages, and when."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from airquery_airflow.ui.plugin import AirqueryPlugin


if TYPE_CHECKING:
    from pathlib import Path

LOADED = """
import json, sys
from airflow import plugins_manager
loaded, errors = plugins_manager._get_plugins()
views, _ = plugins_manager._get_ui_plugins()
(app,) = plugins_manager.get_fastapi_plugins()[0]
print(json.dumps({
    # Where airquery is installed, the class is named twice, and loaded once.
    "errors": [text for text in errors.values() if "already registered" not in text],
    "prefix": app["url_prefix"],
    "tabs": {view["url_route"]: view["destination"] for view in views},
    "heavy": [name for name in ("airquery", "duckdb", "fastapi", "pyarrow") if name in sys.modules],
}))
"""


def test_every_process_of_airflow_loads_the_plugin_and_nothing_heavy_with_it(
    tmp_path: Path,
) -> None:
    metadata = tmp_path / "airquery-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: airquery\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[airflow.plugins]\nairquery = airquery_airflow.ui.plugin:AirqueryPlugin\n"
    )
    made = subprocess.run(
        [sys.executable, "-c", LOADED],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(made.stdout.splitlines()[-1]) == {
        "errors": [],
        "prefix": "/airquery",
        "tabs": {
            "airquery-run": "dag_run",
            "airquery-task": "task_instance",
            "airquery-usage": "nav",
            "airquery-playground": "nav",
            "airquery-endpoints": "nav",
        },
        "heavy": [],
    }


def test_every_address_is_relative_so_that_airflow_may_be_served_below_a_path() -> None:
    assert all(view["href"].startswith("airquery/") for view in AirqueryPlugin.external_views)
