"""One Airflow connection as one endpoint.

The key stays inside the `Endpoint` and in Airflow's masker: no message or return value of the hook
shows it.
"""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

import airquery


class EndpointHook(BaseHook):
    """Read the connection `conn_id` as an endpoint of that name."""

    conn_name_attr = "conn_id"
    default_conn_name = "airquery_endpoint_default"
    conn_type = "airquery_endpoint"
    hook_name = "airquery endpoint"

    def __init__(self, conn_id: str = default_conn_name, logger_name: str | None = None) -> None:
        super().__init__(logger_name=logger_name)
        self.conn_id = conn_id

    def get_conn(self) -> airquery.Endpoint:
        """Return the endpoint. Raises `AirflowNotFoundException` or `InvalidEndpoint`."""
        # pydantic is loaded here, so that importing the hook does not wait for it.
        from airquery.endpoints.declaration import endpoint_from_fields  # noqa: PLC0415
        from airquery_airflow.connection import fields_of, source_of  # noqa: PLC0415

        connection = self.get_connection(self.conn_id)
        endpoint = endpoint_from_fields(
            self.conn_id, fields_of(connection), source=source_of(connection), environ={}
        )
        # What is secret of the query, Airflow masks by the field's name; the rest of it are dates.
        for secret in set(endpoint.secrets()).difference(endpoint.query.values()):
            mask_secret(secret.reveal())
        return endpoint

    def test_connection(self) -> tuple[bool, str]:
        """Ask the endpoint for its list of models, which costs nothing.

        Says what was found, or what to mend. Airflow tests a copy under a name that it made up, so
        no name is said.
        """
        try:
            found = airquery.probe(self.get_conn()).removeprefix(f"{self.conn_id}: ")
        except airquery.AirqueryError as error:
            return False, self._nameless(str(error))
        return True, found[:1].upper() + found[1:]

    def _nameless(self, problem: str) -> str:
        name = repr(self.conn_id)
        for said, instead in (
            (f"Endpoint {name} (Airflow connection {name}): ", ""),
            (f"Airflow connection {name}", "this connection"),
            (f"Endpoint {name}", "The endpoint"),
            (f"{self.conn_id}: ", ""),
        ):
            problem = problem.replace(said, instead)
        return problem if problem.startswith("http") else problem[:1].upper() + problem[1:]
