"""The endpoints that a user may see, and who may send to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.api_fastapi.app import get_auth_manager

from airquery_airflow.playground.known import known_endpoints


if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from airquery import Settings
    from airquery_airflow.playground.known import Known


def visible_endpoints(user: BaseUser, settings: Settings) -> dict[str, Known]:
    """Return the endpoints by name; of Airflow's connections those that the user may read.

    Raises `ConfigurationError` if what declares them cannot be read.
    """
    visible = get_auth_manager().get_authorized_connections(user=user, method="GET")
    return known_endpoints(settings, visible=visible)
