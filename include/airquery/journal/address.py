"""Where a PostgreSQL journal is: its URL, and how it is shown, which is without its password."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote


_SCHEME = re.compile(r"(postgresql|postgres)(\+psycopg2)?://")
_PARAMETER = re.compile(r"([?&](?:ssl)?password=)[^&]*", re.IGNORECASE)


def is_postgres(url: str) -> bool:
    """Tell whether a URL names a database of PostgreSQL."""
    return _SCHEME.match(url) is not None


def libpq_url(url: str) -> str:
    """Return the URL as libpq reads it: without the name of a driver."""
    return _SCHEME.sub("postgresql://", url, count=1)


def checked(url: str) -> str:
    """Return the URL as libpq reads it. Raises `ValueError`, which shows nothing of it."""
    user = url.partition("://")[2].rpartition("@")[0]
    # libpq would end the password there, and show the rest of it as the name of a host.
    if any(mark in user for mark in "@/?#"):
        raise ValueError(
            "is read wrongly by PostgreSQL: write '@' in a user, a password or a parameter as %40, "
            "'/' in a password as %2F, '?' as %3F and '#' as %23."
        )
    return libpq_url(url)


def without_password(url: str) -> str:
    """Return the URL with `***` for every password in it."""
    scheme, found, rest = url.partition("://")
    user, at, where = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    shown = f"{name}{colon}***{at}{where}" if colon else rest
    return _PARAMETER.sub(r"\1***", f"{scheme}{found}{shown}")


def place(url: str) -> str:
    """Name the host and the database, and nothing else."""
    where = url.partition("://")[2].rpartition("@")[2]
    path, _, query = where.partition("?")
    host, _, database = path.partition("/")
    given = parse_qs(query)
    host = host or ",".join(given.get("host", ["localhost"]))
    database = unquote(database) or ",".join(given.get("dbname", ["of the user's name"]))
    return f"database {database} at {host}"


def hide_passwords(text: str, url: str) -> str:
    """Return what a database said, with `***` for every password of its URL."""
    user = url.partition("://")[2].rpartition("@")[0]
    secrets = {user.partition(":")[2], *(one[0] for one in _query_passwords(url))}
    for secret in {*secrets, *map(unquote, secrets)} - {""}:
        text = text.replace(secret, "***")
    return text


def _query_passwords(url: str) -> list[list[str]]:
    given = parse_qs(url.partition("?")[2])
    return [values for name, values in given.items() if name.lower().endswith("password")]
