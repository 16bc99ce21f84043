"""Where Airflow is and who asks: its URL, and a token or a user's password.

Secrets come from the environment alone. A command line is seen by everybody on the machine, and
kept by shells and CI systems.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from airquery.endpoints.endpoint import Secret
from airquery.errors import ConfigurationError


if TYPE_CHECKING:
    from collections.abc import Mapping

URL = "AIRQUERY_AIRFLOW_URL"
USERNAME = "AIRQUERY_AIRFLOW_USERNAME"
TOKEN = "AIRQUERY_AIRFLOW_TOKEN"  # noqa: S105 - the name of a variable
PASSWORD = "AIRQUERY_AIRFLOW_PASSWORD"  # noqa: S105 - as above


class InvalidPlace(ConfigurationError):
    """It is not said where Airflow is, or not as whom to ask it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An Airflow. Without token and password it is asked without a login."""

    url: str
    username: str | None = None
    password: Secret | None = None
    token: Secret | None = None

    @classmethod
    def read(
        cls, environment: Mapping[str, str], *, url: str | None = None, username: str | None = None
    ) -> Self:
        """Take options first, then the environment. Raises `InvalidPlace`."""
        found = {name: environment.get(name) or None for name in (URL, USERNAME, TOKEN, PASSWORD)}
        url, username = url or found[URL], username or found[USERNAME]
        if url is None:
            raise InvalidPlace(f"It is not said where Airflow is. Give --url, or set {URL}.")
        if found[PASSWORD] and not username and not found[TOKEN]:
            raise InvalidPlace(
                f"{PASSWORD} is set, but no user. Give --username, or set {USERNAME}."
            )
        if username and not found[PASSWORD] and not found[TOKEN]:
            raise InvalidPlace(f"User {username!r} has no password. Set {PASSWORD}, or {TOKEN}.")
        return cls(
            url=_checked(url),
            username=username,
            password=_secret(found[PASSWORD]),
            token=_secret(found[TOKEN]),
        )


def _secret(value: str | None) -> Secret | None:
    return Secret(value) if value else None


def _checked(url: str) -> str:
    """Refuse what is no address, without showing it: it may hold a password."""
    try:
        parts = urlsplit(url.strip())
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise InvalidPlace("Airflow's URL must be http(s)://host[:port][/path]. Correct it.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidPlace(
            f"Airflow's URL must hold no user, query or fragment. Set {PASSWORD} or {TOKEN} instead."
        )
    return parts.geturl().rstrip("/").removesuffix("/api/v2")
