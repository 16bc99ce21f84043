"""What Airflow is told of our pages: where they are mounted, and where links to them stand.

Every Airflow process loads this module, also those that have no pages, so it imports nothing else.
Addresses are relative: Airflow's pages name a base, and may be served below a path.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin


if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_RUN = "airquery/runs/{DAG_ID}/{RUN_ID}"


class LazyApp:
    """The application, made when the first request for one of its pages comes."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._app is None:
            # Others are answered while it is loaded.
            self._app = await asyncio.to_thread(_made)
        await self._app(scope, receive, send)


def _made() -> ASGIApp:
    from airquery_airflow.ui.app import create_app  # noqa: PLC0415 - see the module

    return create_app()


def _page(name: str, route: str) -> dict[str, Any]:
    return {
        "name": name,
        "href": f"airquery/{route.removeprefix('airquery-')}",
        "destination": "nav",
        "category": "airquery",
        "url_route": route,
    }


class AirqueryPlugin(AirflowPlugin):
    """A tab on runs and on their tasks, and three pages in the navigation."""

    name = "airquery"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": "/airquery", "name": "airquery"}]  # noqa: RUF012 - Airflow's attribute
    external_views = [  # noqa: RUF012 - Airflow's attribute
        {
            "name": "Run report",
            "href": _RUN,
            "destination": "dag_run",
            "url_route": "airquery-run",
        },
        {
            "name": "Run report",
            "href": f"{_RUN}?task_id={{TASK_ID}}&map_index={{MAP_INDEX}}",
            "destination": "task_instance",
            "url_route": "airquery-task",
        },
        _page("AI usage", "airquery-usage"),
        _page("AI playground", "airquery-playground"),
        _page("AI endpoints", "airquery-endpoints"),
    ]
