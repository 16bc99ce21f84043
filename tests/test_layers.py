"""Who may import whom: dags -> operators -> include -> sql, and nothing back.

Every import counts, also one inside a function, under TYPE_CHECKING or by importlib.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator


ROOT = Path(__file__).parents[1]
LAYERS = {
    "dags": None,
    "operators": "airquery_airflow",
    "include": "airquery",
    "sql": "airquery_sql",
}
# By these names a package could be imported a second time, or a test from a source.
FOLDERS = {*LAYERS, "tests", "conftest"}
CLIENTS = {"aiohttp", "httpx", "httpx_aiohttp", "requests"}
MAY_IMPORT_A_CLIENT = {
    "include/airquery/execute/transport.py": "sends every request to an endpoint",
    "include/airquery/execute/pools.py": "keeps its connections",
    "include/airquery/execute/faults.py": "names its errors",
    "operators/airquery_airflow/backfill/api.py": "asks Airflow itself, never an endpoint",
}
# aiohttp is a server too, and what serves talks to its own processes.
SERVERS = ("include/airquery/serve/", "include/airquery/testing/")
# Each costs seconds and hundreds of megabytes, at every parse of every Dag.
TOO_HEAVY_TO_PARSE = ("great_expectations", "pandas", "duckdb")

PARSE = f"""
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag
folder = sys.argv[1]
bag = BundleDagBag(dag_folder=folder, bundle_path=Path(folder), bundle_name="dags")
heavy = [name for name in {TOO_HEAVY_TO_PARSE!r} if name in sys.modules]
print(json.dumps({{"dags": sorted(bag.dags), "errors": bag.import_errors, "heavy": heavy}}))
"""
FIND = """
import sys
from airflow.utils.file import list_py_file_paths
print(*list_py_file_paths(sys.argv[1], safe_mode=False), sep="\\n")
"""


def imported(tree: ast.Module) -> Iterator[str]:
    """Name every module that a source file imports, anywhere in it."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                yield from (alias.name for alias in aliases)
            case ast.ImportFrom(module=module, level=level):
                yield "." * level + (module or "")
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def fault(layer: str, path: str, module: str) -> str | None:
    """Say what is wrong with an import, if anything is."""
    top = module.partition(".")[0]
    order = list(LAYERS)
    left = [package for package in list(LAYERS.values())[: order.index(layer)] if package]
    if module.startswith("."):
        return "relative"
    if top in FOLDERS:
        return "a folder, not an installed package"
    if top in left:
        return "to the left"
    if top == "airflow" and layer in {"include", "sql"}:
        return "Airflow, which the engine does not know"
    serves = top == "aiohttp" and path.startswith(SERVERS)
    if top in CLIENTS and path not in MAY_IMPORT_A_CLIENT and not serves:
        return "an HTTP client, which only the transport uses"
    return None


def faults(root: Path) -> list[str]:
    """List every forbidden import below `root`, as `file: module (why)`."""
    files = [
        (layer, file.relative_to(root).as_posix(), ast.parse(file.read_text(encoding="utf-8")))
        for layer in LAYERS
        for file in sorted((root / layer).rglob("*.py"))
    ]
    return [
        f"{path}: {module} ({why})"
        for layer, path, tree in files
        for module in imported(tree)
        if (why := fault(layer, path, module))
    ]


def plant(root: Path, path: str, source: str) -> None:
    """Write one source file of a made-up repository."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")


def in_airflow(script: str, folder: Path, home: Path) -> str:
    """Run a script in a new process with an Airflow home of its own, and return what it prints."""
    environment = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "PYTHONPATH": os.pathsep.join(
            str(ROOT / layer) for layer in ("include", "operators", "sql")
        ),
    }
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_layer_imports_only_what_stands_to_its_right() -> None:
    for layer, package in LAYERS.items():
        assert list((ROOT / layer / (package or "")).rglob("*.py")), f"{layer} holds no module"
    assert faults(ROOT) == []


def test_every_forbidden_import_is_found(tmp_path: Path) -> None:
    plant(tmp_path, "sql/airquery_sql/a.py", "import airquery.errors\n")
    plant(tmp_path, "sql/airquery_sql/b.py", "def f():\n    from airquery_airflow import hook\n")
    plant(tmp_path, "include/airquery/c.py", "def f():\n    import os, airflow.sdk as sdk\n")
    plant(
        tmp_path,
        "include/airquery/d.py",
        "if TYPE_CHECKING:\n    from airquery_airflow.hook import Hook\n",
    )
    plant(
        tmp_path, "include/airquery/e.py", "import importlib\nimportlib.import_module('airflow')\n"
    )
    plant(tmp_path, "include/airquery/f.py", "from . import errors\n")
    plant(tmp_path, "include/airquery/g.py", "from tests.conftest import clock\n")
    plant(tmp_path, "operators/airquery_airflow/h.py", "from httpx import Client\n")
    plant(tmp_path, "include/airquery/j.py", "import aiohttp\n")
    plant(tmp_path, "include/airquery/serve/k.py", "import httpx\n")
    plant(tmp_path, "dags/i.py", "from include.airquery import run\n")

    assert faults(tmp_path) == [
        "dags/i.py: include.airquery (a folder, not an installed package)",
        "operators/airquery_airflow/h.py: httpx (an HTTP client, which only the transport uses)",
        "include/airquery/c.py: airflow.sdk (Airflow, which the engine does not know)",
        "include/airquery/d.py: airquery_airflow.hook (to the left)",
        "include/airquery/e.py: airflow (Airflow, which the engine does not know)",
        "include/airquery/f.py: . (relative)",
        "include/airquery/g.py: tests.conftest (a folder, not an installed package)",
        "include/airquery/j.py: aiohttp (an HTTP client, which only the transport uses)",
        "include/airquery/serve/k.py: httpx (an HTTP client, which only the transport uses)",
        "sql/airquery_sql/a.py: airquery.errors (to the left)",
        "sql/airquery_sql/b.py: airquery_airflow (to the left)",
    ]


def test_imports_to_the_right_and_of_other_packages_are_free(tmp_path: Path) -> None:
    plant(tmp_path, "dags/a.py", "import airflow, airquery_airflow, airquery, airquery_sql\n")
    plant(
        tmp_path,
        "operators/airquery_airflow/b.py",
        "import airflow, airquery, airquery_airflow.c\n",
    )
    plant(tmp_path, "include/airquery/d.py", "import airquery_sql, airquery.e, duckdb\n")
    plant(tmp_path, "include/airquery/execute/transport.py", "import aiohttp\n")
    plant(tmp_path, "include/airquery/serve/f.py", "from aiohttp import web\n")

    assert faults(tmp_path) == []


def test_every_module_that_may_import_a_client_does() -> None:
    for path in MAY_IMPORT_A_CLIENT:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert CLIENTS & {module.partition(".")[0] for module in imported(tree)}, path


def test_parsing_every_dag_imports_nothing_heavy(tmp_path: Path) -> None:
    parsed = json.loads(in_airflow(PARSE, ROOT / "dags", tmp_path).splitlines()[-1])

    assert parsed["errors"] == {}
    assert parsed["dags"]
    assert parsed["heavy"] == []


def test_a_bundle_of_the_whole_repository_holds_only_the_dags(tmp_path: Path) -> None:
    found = {Path(line) for line in in_airflow(FIND, ROOT, tmp_path).splitlines()}

    assert found == set((ROOT / "dags").rglob("*.py"))
