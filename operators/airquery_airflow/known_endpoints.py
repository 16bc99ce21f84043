"""The endpoints that a statement names, wherever they are declared.

An endpoint is looked up in the file of endpoints and the `AIRQUERY_ENDPOINT_...` variables, then as
an Airflow connection of that id.
"""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowNotFoundException

import airquery
from airquery.errors import UnknownEndpoint
from airquery_airflow.hook import EndpointHook


def known_endpoints(sql: str) -> airquery.Registry:
    """Return the known endpoints, with a connection for each one that is not among them."""
    registry = airquery.Registry.read()
    for name in airquery.endpoint_names(sql, registry):
        if name in registry.names():
            continue
        try:
            registry = registry.with_endpoints(EndpointHook(name).get_conn())
        except AirflowNotFoundException as error:
            raise UnknownEndpoint(name, registry.names()) from error
    return registry
