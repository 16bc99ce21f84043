"""Our pages as Airflow serves them: its own middlewares, auth manager and metadata database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import pytest
from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.app import init_middlewares
from airflow.sdk import DAG
from fastapi import FastAPI
from fastapi.testclient import TestClient

from airquery_airflow import testing
from airquery_airflow.ui.plugin import AirqueryPlugin


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


ROLES = {"ada": "ADMIN", "bob": "VIEWER", "ann": "VIEWER", "eve": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a browser is given."""

    status_code: int
    text: str
    headers: Mapping[str, str]


class Browse(Protocol):
    """How a test opens a page of airquery."""

    def __call__(self, address: str, *, user: str | None = "bob") -> Shown: ...


@pytest.fixture(scope="module")
def client(metadata_database: None) -> Iterator[TestClient]:  # noqa: ARG001 - made before
    """Serve what the plugin mounts."""
    settings = {
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.operators.ui.airflow_users.SomeDagsAuthManager",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a-secret-of-the-tests-" + 64 * "x",
    }
    with pytest.MonkeyPatch.context() as environment:
        for name, value in settings.items():
            environment.setenv(name, value)
        app = FastAPI()
        for one in AirqueryPlugin.fastapi_apps:
            app.mount(one["url_prefix"], one["app"])
        airflow_app.init_auth_manager(app)
        init_middlewares(app)
        with TestClient(app, base_url="http://airflow.test") as client:
            yield client
    airflow_app.purge_cached_app()


@pytest.fixture(scope="module")
def known_dags(metadata_database: None) -> None:  # noqa: ARG001 - as above
    """Let Airflow know some DAGs, of which `ann` may read those whose id begins with `open_`."""
    for dag_id in ("open_reviews", "open_tickets", "secret_plans"):
        testing.store(DAG(dag_id, schedule=None, start_date=datetime(2026, 10, 1, tzinfo=UTC)))


@pytest.fixture
def browse(client: TestClient) -> Browse:
    """Open a page as a user, with the cookie that a browser would send."""

    def browse(address: str, *, user: str | None = "bob") -> Shown:
        client.cookies.clear()
        if user is not None:
            client.cookies.set("_token", token(user))
        answer = client.get(f"/airquery{address}")
        return Shown(status_code=answer.status_code, text=answer.text, headers=dict(answer.headers))

    return browse


def token(user: str) -> str:
    """Return what a user has after a login."""
    manager = airflow_app.get_auth_manager()
    return manager.generate_jwt(SimpleAuthManagerUser(username=user, role=ROLES[user]))
