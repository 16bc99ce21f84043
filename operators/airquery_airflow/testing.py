"""A throw-away Airflow for tests of DAGs: one folder, no daemon, nothing of yours touched.

`configure` must come before the first import of Airflow anywhere in the process, so this module
imports it only inside functions.
"""

from __future__ import annotations

import atexit
import base64
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from airflow.sdk import DAG


_BUNDLE = "dags-folder"
_SCRATCH = "airquery-airflow-"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRun:
    """How a run ended: its state, each task's state, and what each task returned.

    The instances of a mapped task are `task_id[0]`, `task_id[1]` and so on.
    """

    state: str
    tasks: Mapping[str, str]
    returned: Mapping[str, Any]


def configure(home: Path, *, dags_folder: Path) -> None:
    """Point Airflow at `home`. Raises `RuntimeError` if Airflow is loaded already."""
    if "airflow.configuration" in sys.modules:
        raise RuntimeError("Airflow is imported already: configure its home before that.")
    home.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(bytes(32)).decode(),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def configure_scratch() -> Path:
    """Point Airflow at a temporary folder without DAGs, which goes with the process.

    May be called again: every folder of tests that needs Airflow calls it, in any order.
    """
    home = Path(os.environ.get("AIRFLOW_HOME", ""))
    if not home.name.startswith(_SCRATCH):
        home = Path(tempfile.mkdtemp(prefix=_SCRATCH))
        (home / "dags").mkdir()
        configure(home, dags_folder=home / "dags")
        atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


def create_database() -> None:
    """Create the metadata database, which is all that a run needs."""
    from airflow.utils import db  # noqa: PLC0415

    db.initdb()


def load_dag(folder: Path, dag_id: str) -> DAG:
    """Load a DAG from a folder, as a dag-processor would. Raises `LookupError` with the reason."""
    from airflow.dag_processing.dagbag import BundleDagBag  # noqa: PLC0415

    bag = BundleDagBag(dag_folder=str(folder), bundle_path=folder, bundle_name=_BUNDLE)
    if dag_id not in bag.dags:
        raise LookupError(f"There is no DAG {dag_id!r} in {folder}. {bag.import_errors or ''}")
    return bag.dags[dag_id]


def run_day(dag: DAG, day: date, conf: Mapping[str, object] | None = None) -> DayRun:
    """Run a DAG for one logical date in this process and wait for its end."""
    from airflow.models.xcom import XComModel  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    store(dag)
    logical_date = datetime(day.year, day.month, day.day, tzinfo=UTC)
    run = dag.test(logical_date=logical_date, run_conf=dict(conf or {}))
    with create_session() as session:
        rows = session.query(XComModel).filter_by(dag_id=dag.dag_id, run_id=run.run_id).all()
        returned = {
            _name(row.task_id, row.map_index): XComModel.deserialize_value(row)
            for row in rows
            if row.key == "return_value"
        }
    tasks = {
        _name(task.task_id, task.map_index): str(task.state) for task in run.get_task_instances()
    }
    return DayRun(state=str(run.state), tasks=tasks, returned=returned)


def _name(task_id: str, map_index: int) -> str:
    return task_id if map_index < 0 else f"{task_id}[{map_index}]"


def store(dag: DAG) -> None:
    """Write the DAG to the database, as a dag-processor would: a run needs it there.

    An earlier one of that id goes first, with its runs: Airflow warns of a second version.
    """
    from airflow.api.common.delete_dag import delete_dag  # noqa: PLC0415
    from airflow.dag_processing.bundles.manager import DagBundlesManager  # noqa: PLC0415
    from airflow.dag_processing.collection import update_dag_parsing_results_in_db  # noqa: PLC0415
    from airflow.exceptions import DagNotFound  # noqa: PLC0415
    from airflow.serialization.serialized_objects import LazyDeserializedDAG  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    with suppress(DagNotFound):
        delete_dag(dag.dag_id)
    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]
    with create_session() as session:
        update_dag_parsing_results_in_db(
            _BUNDLE,
            None,
            [LazyDeserializedDAG.from_dag(dag)],
            {},
            None,
            set(),
            session=session,
            files_parsed=set(),
        )
