"""Every endpoint that can be asked here, and where it is declared.

Those of the file and of the variables come first, as for operators; then Airflow's connections of
our types that the user may see. One that cannot be used is listed with the reason.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow.sdk.exceptions import AirflowException

import airquery
from airquery.endpoints.declaration import endpoint_from_fields
from airquery.endpoints.declared import from_environment, from_file
from airquery.errors import ConfigurationError, InvalidEndpoint
from airquery_airflow.connection import fields_of


if TYPE_CHECKING:
    from collections.abc import Iterator, Set as AbstractSet

    from airflow.models.connection import Connection

    from airquery import Endpoint, Settings


OUR_TYPES: Final = ("airquery_endpoint", "airquery-endpoint", "pydanticai")
# Most of these are no endpoints: those are that say what they are.
_OTHER_TYPES: Final = ("http", "https")
_SAYS_SO: Final = frozenset({"task", "model"})
_IN_ENVIRONMENT: Final = "AIRFLOW_CONN_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One endpoint by its name; without `endpoint`, `problem` says why it cannot be used."""

    name: str
    source: str
    endpoint: Endpoint | None = None
    problem: str = ""


def known_endpoints(settings: Settings, *, visible: AbstractSet[str]) -> dict[str, Known]:
    """Return the endpoints by name; of the stored connections those that are `visible`.

    What the process itself was started with is no secret to whoever may use the page. Raises
    `ConfigurationError` if what declares them cannot be read.
    """
    connections = {**_stored(visible), **_in_environment()}
    found = {name: _of_connection(name, one) for name, one in connections.items()}
    found |= {one.name: one for one in _declared(settings)}
    return dict(sorted(found.items()))


def _declared(settings: Settings) -> Iterator[Known]:
    registry = airquery.Registry.read(settings)
    declared = {
        **(from_file(settings.endpoints) if settings.endpoints else {}),
        **from_environment(os.environ),
    }
    for name, declaration in declared.items():
        try:
            yield Known(name=name, source=declaration.source, endpoint=registry.get(name))
        except ConfigurationError as problem:
            yield Known(name=name, source=declaration.source, problem=str(problem))


def _stored(visible: AbstractSet[str]) -> dict[str, Connection]:
    from airflow.models.connection import Connection  # noqa: PLC0415 - only pages read the database
    from airflow.utils.session import create_session  # noqa: PLC0415 - as above
    from sqlalchemy import select  # noqa: PLC0415 - as above

    kinds = (*OUR_TYPES, *_OTHER_TYPES)
    with create_session() as session:
        rows = session.scalars(select(Connection).where(Connection.conn_type.in_(kinds))).all()
        session.expunge_all()
    return {one.conn_id: one for one in rows if one.conn_id in visible and _is_endpoint(one)}


def _in_environment() -> dict[str, Connection]:
    found = {}
    for variable, text in os.environ.items():
        if variable.startswith(_IN_ENVIRONMENT) and text.strip():
            name = variable.removeprefix(_IN_ENVIRONMENT).lower()
            connection = _from_text(name, text)
            if connection is not None and _is_endpoint(connection):
                found[name] = connection
    return found


def _from_text(name: str, text: str) -> Connection | None:
    from airflow.models.connection import Connection  # noqa: PLC0415 - as above

    try:
        if text.lstrip().startswith("{"):
            return Connection.from_json(text, conn_id=name)
        return Connection(conn_id=name, uri=text)
    except (ValueError, TypeError, AirflowException):
        # It is no connection to Airflow either, which says so where it is used.
        return None


def _is_endpoint(connection: Connection) -> bool:
    if connection.conn_type in OUR_TYPES:
        return True
    return connection.conn_type in _OTHER_TYPES and bool(_SAYS_SO & set(connection.extra_dejson))


def _of_connection(name: str, connection: Connection) -> Known:
    source = f"Airflow connection {name!r}"
    try:
        fields = fields_of(connection)
        endpoint = endpoint_from_fields(name, fields, source=source, environ={})
    except InvalidEndpoint as problem:
        return Known(name=name, source=source, problem=str(problem))
    return Known(name=name, source=source, endpoint=endpoint)
