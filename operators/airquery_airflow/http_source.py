"""An Airflow connection as the place that data is asked of: its address and its headers.

The extra is read as Airflow's own HTTP hook reads it: what is no option of that hook is a header.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowFailException

from airquery.endpoints.redaction import address
from airquery_airflow.connection import HTTP_OPTIONS


if TYPE_CHECKING:
    from airflow.sdk import Connection


_SCHEMES = {"http", "https"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSource:
    """What to ask: `headers` hold the connection's secrets."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


def source_of(url: str, conn_id: str | None, headers: Mapping[str, str]) -> HttpSource:
    """Join what the task and its connection say. Raises `AirflowFailException`."""
    if conn_id is None:
        _check(url)
        return HttpSource(url=url, headers=headers)
    connection = BaseHook.get_connection(conn_id)
    base = _base(connection)
    whole = urljoin(base.rstrip("/") + "/", url if urlsplit(url).scheme else url.lstrip("/"))
    _check(whole)
    if _origin(whole) != _origin(base):
        raise AirflowFailException(
            f"{address(whole)} is not at {address(base)}, where connection {conn_id!r} leads: its "
            "keys would go elsewhere. Give the path alone, or another http_conn_id."
        )
    return HttpSource(url=whole, headers={**_headers(connection), **headers})


def _base(connection: Connection) -> str:
    host = connection.host or ""
    if "://" in host:
        return host
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.schema or 'https'}://{host}{port}"


def _headers(connection: Connection) -> dict[str, str]:
    extra = connection.extra_dejson
    found: dict[str, str] = {}
    if connection.login or connection.password:
        pair = f"{connection.login or ''}:{connection.password or ''}".encode()
        found["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    for name, value in extra.items():
        if name in {"headers", "secret_headers"} and isinstance(value, Mapping):
            found |= {str(header): str(text) for header, text in value.items()}
        elif name not in HTTP_OPTIONS and isinstance(value, str):
            found[name] = value
    return found


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _check(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise AirflowFailException(
            f"{address(url)!r} is no HTTP address. Give one, or the http_conn_id that it is at."
        )
