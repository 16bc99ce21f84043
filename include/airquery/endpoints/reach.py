"""How an endpoint is reached, from its declared fields: key, token, headers, query, TLS, proxy.

`check` and `warnings` look at the fields alone, the others also take `${NAME}` from the
environment. What is wrong is a `ValueError` that names the field and the mend, and shows no value
that may be secret.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from airquery.endpoints.endpoint import OAuth, Secret, Tls
from airquery.endpoints.variables import check_references, refers, required, resolved


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airquery.endpoints.fields import EndpointFields


TOKEN_PATH = "/oidc/v1/token"  # noqa: S105  (a path, not a token)

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]+")
_OURS = frozenset({"content-type", "content-length", "host"})


def check(fields: EndpointFields) -> None:
    """Refuse fields that do not go together or cannot be sent."""
    lowered = [name.lower() for name in fields.headers]
    for name in fields.headers:
        _check_header_name("headers", name)
        if lowered.count(name.lower()) > 1:
            raise ValueError(f"headers: {name!r} is given twice. Keep one.")
    for field, value in _texts(fields):
        if field != "api_key" or required(value, {}) is not None:
            check_references(field, value)
    if "" in fields.query:
        raise ValueError("query: a parameter has no name. Give it one.")
    _check_key(fields, lowered)


def warnings(fields: EndpointFields) -> Iterator[str]:
    """Say what works and should not be left as it is."""
    for field, value in _secret_texts(fields):
        if not refers(value) and (field != "proxy" or "@" in value):
            name = field.rpartition(".")[2]
            yield (
                f"holds its {field} in clear text. "
                f"Write {name}: ${{NAME}} and set NAME in the environment."
            )
    if not fields.tls.verify:
        yield (
            "trusts any server, because tls.verify is false: whoever answers in its place reads "
            "the key and the requests. Name the server's authority in tls.ca_bundle."
        )


def optional_secret(
    field: str, value: str | Secret | None, environ: Mapping[str, str]
) -> Secret | None:
    """Return a secret with its variables' values put in, None where there is none."""
    if isinstance(value, str):
        value = required(value, environ) if field == "api_key" else value
    return None if value is None else _secret(field, value, environ)


def secrets(
    field: str, values: Mapping[str, str | Secret], environ: Mapping[str, str]
) -> dict[str, Secret]:
    """Return named secrets with their variables' values put in."""
    return {name: _secret(f"{field}.{name}", value, environ) for name, value in values.items()}


def oauth(fields: EndpointFields, base_url: str, environ: Mapping[str, str]) -> OAuth | None:
    """Return how to get a token; by default at the host of the endpoint itself."""
    declared = fields.oauth
    if declared is None:
        return None
    parts = urlsplit(base_url)
    token_url = f"{parts.scheme}://{parts.netloc}{TOKEN_PATH}"
    if declared.token_url is not None:
        token_url = resolved("oauth.token_url", declared.token_url, environ)
        _check_token_url(token_url)
    details = declared.authorization_details
    return OAuth(
        client_id=resolved("oauth.client_id", declared.client_id, environ),
        client_secret=_secret("oauth.client_secret", declared.client_secret, environ),
        token_url=token_url,
        scope=resolved("oauth.scope", declared.scope, environ),
        authorization_details=details and resolved("oauth.authorization_details", details, environ),
    )


def tls(fields: EndpointFields, environ: Mapping[str, str]) -> Tls:
    """Return whom to trust; the files it names are there."""
    paths: dict[str, str | None] = {}
    for field in ("ca_bundle", "client_cert"):
        declared = getattr(fields.tls, field)
        paths[field] = None
        if declared is not None:
            path = Path(resolved(f"tls.{field}", declared, environ)).expanduser().absolute()
            if not path.is_file():
                raise ValueError(
                    f"field 'tls.{field}' names {str(path)!r}, where no file is. "
                    "Put a PEM file there, or correct the path."
                )
            paths[field] = str(path)
    return Tls(verify=fields.tls.verify, **paths)


def proxy(fields: EndpointFields, environ: Mapping[str, str]) -> Secret | None:
    """Return the proxy's address, with its user and password."""
    found = optional_secret("proxy", fields.proxy, environ)
    if found is not None:
        _check_proxy(found.reveal())
    return found


def _secret(field: str, value: str | Secret, environ: Mapping[str, str]) -> Secret:
    revealed = value.reveal() if isinstance(value, Secret) else resolved(field, value, environ)
    text = revealed.strip()
    if not _HEADER_VALUE.fullmatch(text):
        raise ValueError(
            f"field {field!r} is empty or holds characters that no HTTP header can carry, such as "
            "a line break. Set it again."
        )
    return Secret(text)


def _check_key(fields: EndpointFields, headers: list[str]) -> None:
    key_header = fields.api_key_header
    if fields.api_key is not None and fields.oauth is not None:
        raise ValueError("api_key and oauth are two ways to be let in. Keep one of them.")
    if fields.api_key is None:
        for field in ("api_key_header", "api_key_scheme"):
            if getattr(fields, field) is not None:
                raise ValueError(
                    f"field {field!r} says how api_key is sent, and there is none. "
                    "Add api_key, or leave it out."
                )
    if key_header is not None:
        _check_header_name("api_key_header", key_header)
        if fields.api_key_scheme is not None:
            raise ValueError(
                "a key in a header of its own has no scheme. Keep api_key_header or api_key_scheme."
            )
    which = "oauth" if fields.oauth is not None else "api_key"
    sent_as = key_header or "Authorization"
    if (fields.api_key or fields.oauth) is not None and sent_as.lower() in headers:
        raise ValueError(f"{which} and the header {sent_as} say the same. Keep one of them.")


def _check_header_name(field: str, name: str) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError(f"{field}: {name!r:.60} cannot be the name of a header. Mend it.")
    if name.lower() in _OURS:
        raise ValueError(f"{field}: {name!r} is set by airquery. Leave it out.")


def _check_token_url(url: str) -> None:
    parts = _parts(url, schemes=("http", "https"))
    if parts is None or parts.username or parts.query or parts.fragment:
        raise ValueError(
            "field 'oauth.token_url' must be an http:// or https:// URL without a user, a '?' or a "
            "'#'. Write for example token_url: https://host/oidc/v1/token."
        )


def _check_proxy(url: str) -> None:
    """Refuse what is no proxy. The value is not shown: it may hold a password."""
    parts = _parts(url, schemes=("http",))
    if parts is None or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(
            "field 'proxy' must be an http:// URL without a path. "
            "Write for example proxy: http://user:${PASSWORD}@proxy.example.com:3128."
        )


def _parts(url: str, *, schemes: tuple[str, ...]) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if sound and not re.search(r"[\s\\]", url) else None


def _texts(fields: EndpointFields) -> Iterator[tuple[str, str]]:
    """Yield every field of ours that may take something from the environment."""
    yield from _secret_texts(fields)
    for group in ("headers", "query"):
        for name, value in getattr(fields, group).items():
            if isinstance(value, str):
                yield f"{group}.{name}", value
    for group in ("oauth", "tls"):
        members = getattr(fields, group)
        for name, value in () if members is None else members:
            if isinstance(value, str) and name != "client_secret":
                yield f"{group}.{name}", value


def _secret_texts(fields: EndpointFields) -> Iterator[tuple[str, str]]:
    """Yield what would be a secret in clear text if it took nothing from the environment."""
    if isinstance(fields.api_key, str):
        yield "api_key", fields.api_key
    if fields.oauth is not None and isinstance(fields.oauth.client_secret, str):
        yield "oauth.client_secret", fields.oauth.client_secret
    if isinstance(fields.proxy, str):
        yield "proxy", fields.proxy
