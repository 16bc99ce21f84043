"""Who may see what, by the permissions that Airflow has already.

A run's report is for whoever may read the run, its tasks and what they returned. The playground spends money with any of the keys, so
it is for whoever may make connections, unless `AIRQUERY_PLAYGROUND_ACCESS` says otherwise.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.configuration import conf
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from fastapi import Depends, HTTPException, Request
from sqlalchemy import select

from airquery.errors import InvalidSetting


if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

ACCESS: Final = "AIRQUERY_PLAYGROUND_ACCESS"
VIEW: Final = "airquery playground"
_KINDS: Final = ("connections", "custom_view", "off")

may_read_run = requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN)
# A report shows the tasks of a run as well, and what they returned or put aside.
MAY_READ_RUN: Final = (
    may_read_run,
    requires_access_dag(method="GET", access_entity=DagAccessEntity.TASK_INSTANCE),
    requires_access_dag(method="GET", access_entity=DagAccessEntity.XCOM),
)


def readable_dags(user: BaseUser) -> AbstractSet[str]:
    """Return the ids of the DAGs that a user may read."""
    return get_auth_manager().get_authorized_dag_ids(user=user, method="GET")


def visible(user: BaseUser, dag_ids: AbstractSet[str | None]) -> AbstractSet[str | None]:
    """Return of which DAGs a user may see what they asked; None is what was asked without one.

    What Airflow knows no more has no permissions left, and is seen like what has no DAG.
    """
    found: set[str | None] = {*(dag_ids & readable_dags(user))}
    if may_use_playground(user):
        found |= dag_ids - _known(dag_ids - {None})
    return found


def _known(dag_ids: AbstractSet[str | None]) -> AbstractSet[str]:
    with create_session() as session:
        return set(session.scalars(select(DagModel.dag_id).where(DagModel.dag_id.in_(dag_ids))))


def may_use_playground(user: BaseUser) -> bool:
    """Tell whether a user may ask endpoints at will. Raises `InvalidSetting`."""
    manager = get_auth_manager()
    match playground_access():
        case "connections":
            return manager.is_authorized_connection(method="POST", user=user)
        case "custom_view":
            return manager.is_authorized_custom_view(method="GET", resource_name=VIEW, user=user)
        case _:
            return False


def playground_access() -> str:
    """Return what the environment says of who may use the playground. Raises `InvalidSetting`."""
    said = os.environ.get(ACCESS, "").strip().lower() or _KINDS[0]
    if said not in _KINDS:
        raise InvalidSetting(f"{ACCESS} must be one of {', '.join(_KINDS)}.")
    return said


def playground_user(user: GetUserDep) -> BaseUser:
    """Return the user, who may use the playground. Raises `HTTPException` 403."""
    if not may_use_playground(user):
        raise HTTPException(
            403,
            "The playground asks endpoints with the keys of all connections. It is for those who may "
            f"make connections; {ACCESS} can say otherwise.",
        )
    return user


def same_origin(request: Request) -> None:
    """Refuse what another site's page made a browser send. Raises `HTTPException` 403.

    A request with a token of its own cannot be made so, and needs no origin.
    """
    if "authorization" in request.headers:
        return
    said = request.headers.get("origin") or request.headers.get("referer") or ""
    ours = {request.headers.get("host"), urlsplit(conf.get("api", "base_url", fallback="")).netloc}
    if not said or urlsplit(said).netloc not in ours - {None, ""}:
        raise HTTPException(
            403,
            "The form was not sent from this Airflow. Behind a proxy set [api] base_url to the "
            "address that browsers use.",
        )


PlaygroundUser = Annotated[BaseUser, Depends(playground_user)]
