"""From an Airflow connection to the fields of an endpoint.

Three connection types are read: `airquery_endpoint`, whose extra holds our own fields,
`pydanticai` (model in the extra, as `provider:model`) and `http` (headers in the extra). Whatever
may be secret leaves here as a `Secret`; nothing is taken from the environment.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airquery.endpoints.endpoint import Secret
from airquery.errors import InvalidEndpoint


if TYPE_CHECKING:
    from airflow.sdk import Connection


_PLAIN = (
    "task",
    "model",
    "provider",
    "api",
    "format",
    "revision",
    "identity",
    "timeout_s",
    "api_key_header",
    "api_key_scheme",
    "returns",
    "mode",
)
_LIMITS = (
    "concurrency",
    "requests_per_minute",
    "requests_per_hour",
    "tokens_per_minute",
    "input_tokens_per_minute",
    "output_tokens_per_minute",
    "max_attempts",
    "deadline_s",
    "inputs_per_request",
    "hedge",
)
_PRICES = ("input_per_million", "output_per_million", "currency")
_HEADERS = ("headers", "secret_headers")
_QUERIES = ("query", "secret_query")
_PROXIES = ("proxy", "secret_proxy")
_OBJECTS = ("oauth", "tls", "batch", "budget")
_GROUPS = ("limits", "price")
OUR_FIELDS = {
    *_PLAIN,
    *_LIMITS,
    *_PRICES,
    *_HEADERS,
    *_QUERIES,
    *_PROXIES,
    *_OBJECTS,
    *_GROUPS,
}
_NOT_TEXT = {"timeout_s", *_LIMITS, "input_per_million", "output_per_million"}
# What Airflow's own HTTP hook reads from the extra; the rest of it are headers.
HTTP_OPTIONS = {
    "allow_redirects",
    "cert",
    "check_response",
    "max_redirects",
    "proxies",
    "stream",
    "timeout",
    "trust_env",
    "verify",
}
_OPENAI = "https://api.openai.com/v1"
_USUAL_PORTS = {"http": 80, "https": 443}
_OPENAI_PREFIXES = {"openai", "openai-chat"}


def fields_of(connection: Connection) -> dict[str, object]:
    """Read the endpoint's fields. Raises `InvalidEndpoint`."""
    name = connection.conn_id
    extra = connection.extra_dejson
    match connection.conn_type:
        case "airquery_endpoint" | "airquery-endpoint":
            fields = _ours(name, extra, strict=True)
        case "pydanticai":
            fields = _pydanticai(name, extra)
        case "http" | "https":
            fields = _ours(name, extra, strict=False)
            _add(fields, "headers", _http_headers(connection, extra, oauth="oauth" in fields))
        case other:
            raise InvalidEndpoint(
                name,
                f"an Airflow connection of type {other!r} is not an endpoint. "
                "Use airquery_endpoint, pydanticai or http.",
                source=source_of(connection),
            )
    fields.setdefault("task", "chat")
    if url := _base_url(connection):
        fields["base_url"] = url
    if "oauth" in fields:
        fields["oauth"] = _oauth(connection, fields["oauth"])
    elif connection.password and "Authorization" not in (_mapping(fields.get("headers")) or {}):
        fields["api_key"] = Secret(connection.password)
    return fields


def source_of(connection: Connection) -> str:
    """Say in messages where the endpoint comes from."""
    return f"Airflow connection {connection.conn_id!r}"


def _ours(name: str, extra: Mapping[str, object], *, strict: bool) -> dict[str, object]:
    """Take our own fields, flat as the form writes them or nested as the endpoint file has them."""
    given = {key: value for key, value in extra.items() if value not in (None, "")}
    # A misspelt field is left in: whoever reads the fields next refuses it by name.
    kept = [key for key in given if key in _PLAIN or (strict and key not in OUR_FIELDS)]
    fields = {key: _value(key, given[key]) for key in kept}
    for group, members in (("limits", _LIMITS), ("price", _PRICES)):
        flat = {key: _value(key, given[key]) for key in members if key in given}
        nested = _mapping(given.get(group))
        if nested is None and group in given:
            fields[group] = given[group]
        elif nested or flat:
            fields[group] = {**(nested or {}), **flat}
    _add_way(name, fields, given)
    return fields


def _add_way(name: str, fields: dict[str, object], given: Mapping[str, object]) -> None:
    """Take how the endpoint is reached."""
    for field, keys in (("headers", _HEADERS), ("query", _QUERIES)):
        for key in keys:
            if key in given:
                _add(fields, field, _secret_object(name, key, given[key]))
    for key in _PROXIES:
        if key in given:
            fields["proxy"] = Secret(str(given[key]))
    for key in _OBJECTS:
        if key in given:
            fields[key] = _object(name, key, given[key])


def _oauth(connection: Connection, declared: object) -> Mapping[str, object]:
    """Take the client's id from the login and its secret from the password, if not given there."""
    fields = dict(_mapping(declared) or {})
    if connection.login:
        fields.setdefault("client_id", connection.login)
    secret = fields.get("client_secret", connection.password)
    return {**fields, "client_secret": Secret(str(secret))} if secret else fields


def _pydanticai(name: str, extra: Mapping[str, object]) -> dict[str, object]:
    prefix, colon, model = str(extra.get("model") or "").partition(":")
    if not colon:
        prefix, model = "openai", prefix
    fields = _ours(name, {key: extra[key] for key in extra if key in OUR_FIELDS}, strict=True)
    fields["model"] = model or None
    if prefix in _OPENAI_PREFIXES:
        fields["base_url"] = _OPENAI
    return fields


def _http_headers(
    connection: Connection, extra: Mapping[str, object], *, oauth: bool
) -> dict[str, Secret]:
    headers = {
        key: Secret(str(value))
        for key, value in extra.items()
        if key not in OUR_FIELDS and key not in HTTP_OPTIONS
    }
    if connection.login and not oauth:
        pair = f"{connection.login}:{connection.password or ''}".encode()
        headers["Authorization"] = Secret(f"Basic {base64.b64encode(pair).decode()}")
    return headers


def _add(fields: dict[str, object], field: str, values: Mapping[str, Secret]) -> None:
    if values:
        fields[field] = {**(_mapping(fields.get(field)) or {}), **values}


def _secret_object(name: str, key: str, value: object) -> dict[str, Secret]:
    found = _object(name, key, value)
    return {str(member): Secret(str(text)) for member, text in found.items()}


def _object(name: str, key: str, value: object) -> Mapping[str, object]:
    """Read an object, which a connection URI could only hold as text."""
    try:
        found = _mapping(json.loads(value) if isinstance(value, str) else value)
    except (ValueError, RecursionError):
        found = None
    if found is None:
        # The text is not shown: it may hold a key.
        raise InvalidEndpoint(
            name,
            f"field {key!r} must be a JSON object.",
            source=f"Airflow connection {name!r}",
        )
    return found


def _base_url(connection: Connection) -> str | None:
    """Join host, port and scheme; the host may be a whole URL."""
    host = (connection.host or "").strip()
    if not host:
        return None
    if "://" not in host:
        host = f"{connection.schema or 'https'}://{host}"
    parts = urlsplit(host)
    # The answers of an address are the same with its usual port and without it.
    if connection.port not in (None, 0, _USUAL_PORTS.get(parts.scheme)) and parts.port is None:
        parts = parts._replace(netloc=f"{parts.netloc}:{connection.port}")
    return parts.geturl()


def _value(key: str, value: object) -> object:
    """Read a number or a flag that a connection URI could only hold as text."""
    if key in _NOT_TEXT and isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _mapping(value: object) -> Mapping[str, object] | None:
    return value if isinstance(value, Mapping) else None
