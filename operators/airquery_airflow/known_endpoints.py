"""The endpoints that a statement names, wherever they are declared.

An endpoint is looked up in the file of endpoints and the `AIRQUERY_ENDPOINT_...` variables, then as
an Airflow connection of that id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowNotFoundException

import airquery
from airquery.errors import UnknownEndpoint
from airquery_airflow.hook import EndpointHook


if TYPE_CHECKING:
    from collections.abc import Iterable


def known_endpoints(sql: str) -> airquery.Registry:
    """Return the known endpoints, with a connection for each one that is not among them."""
    registry = airquery.Registry.read()
    return _with_connections(registry, airquery.endpoint_names(sql, registry))


def endpoints_named(names: Iterable[str]) -> dict[str, airquery.Endpoint]:
    """Return the endpoints of these names. Raises `UnknownEndpoint` or `InvalidEndpoint`."""
    wanted = sorted(set(names))
    registry = _with_connections(airquery.Registry.read(), wanted)
    return {name: registry.get(name) for name in wanted}


def _with_connections(registry: airquery.Registry, names: Iterable[str]) -> airquery.Registry:
    for name in names:
        if name in registry.names():
            continue
        try:
            registry = registry.with_endpoints(EndpointHook(name).get_conn())
        except AirflowNotFoundException as error:
            raise UnknownEndpoint(name, registry.names()) from error
    return registry
