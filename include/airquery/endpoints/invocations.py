"""Where a served model takes its requests: the serving contract of MLflow and Databricks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airquery.endpoints import wire


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Endpoint


def invocations_url(endpoint: Endpoint) -> str:
    """Complete the base URL: a host, its `/serving-endpoints`, or the whole address already."""
    base = endpoint.base_url.rstrip("/")
    if base.endswith("/invocations"):
        return wire.url(endpoint, "")
    served = f"/{quote(endpoint.model or endpoint.name, safe='')}/invocations"
    if base.endswith("/serving-endpoints"):
        return wire.url(endpoint, served)
    return wire.url(endpoint, f"/serving-endpoints{served}")
