"""An Airflow with our DAGs and pages, PostgreSQL below it, and endpoints of the tests' own."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import duckdb
import httpx

import airquery
from tests.browser.endpoints import endpoints
from tests.operators.backfill.airflow_server import PARTS, AirflowServer


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airquery.testing import EndpointServer
    from tests.postgres_server import PostgresServer

ROOT = Path(__file__).parents[2]
DAGS = ("product_reviews", "hostile", "approved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What runs, and where its things are."""

    airflow: AirflowServer
    server: EndpointServer
    settings: Mapping[str, str]

    def get(self, path: str, username: str = "admin") -> Any:
        """Ask Airflow's API."""
        login = self.airflow.login(username)
        credentials = {
            "username": username,
            "password": login["AIRQUERY_AIRFLOW_PASSWORD"],
        }
        with httpx.Client(base_url=self.airflow.url, timeout=60, trust_env=False) as client:
            token = client.post("/auth/token", json=credentials).json()["access_token"]
            found = client.get(f"/api/v2{path}", headers={"Authorization": f"Bearer {token}"})
        return found.raise_for_status().json()

    def manifest(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return what a task said it did."""
        run = quote(run_id, safe="")
        path = f"/dags/{dag_id}/dagRuns/{run}/taskInstances/{task_id}/xcomEntries/return_value"
        found: dict[str, Any] = self.get(f"{path}?deserialize=true")["value"]
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read the warehouse."""
        with duckdb.connect() as connection:
            airquery.Warehouse(Path(self.settings["AIRQUERY_WAREHOUSE"])).attach(connection)
            return connection.sql(sql).fetchall()


@contextmanager
def installation(folder: Path, postgres: PostgresServer) -> Iterator[Installation]:
    """Start everything."""
    dags = folder / "dags"
    dags.mkdir()
    for file in (ROOT / "dags" / "product_reviews.py", *(Path(__file__).parent / "dags").iterdir()):
        (dags / file.name).symlink_to(file)
    with endpoints(folder) as (server, declared):
        settings = {
            "AIRQUERY_ENDPOINTS": str(declared),
            "AIRQUERY_HOME": str(folder / "home"),
            "AIRQUERY_JOURNAL": postgres.new_database(),
            "AIRQUERY_WAREHOUSE": str(folder / "home" / "warehouse"),
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT": "False",
        }
        with AirflowServer(
            postgres.new_database(),
            dags_folder=dags,
            dag_ids=DAGS,
            parts={**PARTS, "triggerer": ("triggerer", "--skip-serve-logs")},
            settings=settings,
        ) as airflow:
            try:
                yield Installation(airflow=airflow, server=server, settings=settings)
            finally:
                (folder / "airflow.log").write_text(airflow.log, encoding="utf-8")
