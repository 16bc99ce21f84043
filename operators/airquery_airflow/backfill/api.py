"""Airflow's REST API, as far as a backfill needs it: log in, ask, and ask again when it is busy.

Every request here may be repeated, also the one that makes a backfill: Airflow has one running
backfill a DAG and answers 409 to a second. No message holds a token or a password. Redirects are
not followed, or a token would reach another host.
"""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.request import getproxies

import httpx

from airquery.execute.proxies import proxy_for
from airquery_airflow.backfill.errors import AirflowRefused, AirflowUnreachable


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from airquery_airflow.backfill.place import Place

# Two minutes in all: an API server that is deployed anew is back by then.
DELAYS_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0, 30.0)
_TIMEOUT_S: Final = 60.0
_PAGE: Final = 100
_BUSY: Final = {429, 502, 503, 504}
_LONGEST_DETAIL: Final = 500


class AirflowApi:
    """One Airflow, asked in turn. `delays_s` is how long to wait before each further attempt."""

    def __init__(
        self,
        place: Place,
        *,
        delays_s: Sequence[float] = DELAYS_S,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self.url = place.url
        self._place = place
        self._delays_s = delays_s
        self._answered = False
        self._token = place.token.reveal() if place.token else None
        self._client = httpx.Client(
            timeout=timeout_s,
            verify=_authorities(place.url),
            proxy=proxy_for(place.url, getproxies()),
            # The proxies are those above, which leave this machine out.
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, path: str, **query: object) -> Any:
        """Return what is below `path`. Raises `AirflowUnreachable`, `AirflowRefused`."""
        return self._ask("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        """Send a body. Raises as `get` does."""
        return self._ask("POST", path, body=body)

    def put(self, path: str) -> Any:
        """Do what `path` says. Raises as `get` does."""
        return self._ask("PUT", path)

    def pages(self, path: str, member: str, **query: object) -> Iterator[dict[str, Any]]:
        """Return all of a list, page by page."""
        offset = 0
        while True:
            page = self.get(path, **query, limit=_PAGE, offset=offset)
            found = page[member]
            yield from found
            offset += len(found)
            if not found or offset >= page["total_entries"]:
                return

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Any:
        if self._token is None and self._place.password is not None:
            self._log_in()
        url = f"{self.url}/api/v2{path}"
        response = self._send(method, url, query=query, body=body)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._place.password is not None:
            # A login lasts a day, and a backfill may take longer.
            self._log_in()
            response = self._send(method, url, query=query, body=body)
        if response.is_success:
            return _json(response, self.url)
        raise self._refusal(response)

    def _log_in(self) -> None:
        place = self._place
        body = {
            "username": place.username or "",
            "password": place.password.reveal() if place.password else "",
        }
        self._token = None
        response = self._send("POST", f"{self.url}/auth/token", body=body)
        if not response.is_success:
            raise AirflowRefused(
                response.status_code,
                f"Airflow at {self.url} does not let {place.username!r} in ({response.status_code}"
                "). Correct the user name or the password, or use a token: not every login of "
                "Airflow takes passwords over its API.",
            )
        self._token = str(_json(response, self.url)["access_token"])

    def _send(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> httpx.Response:
        """Send until there is an answer that is not 'later'."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        request = self._client.build_request(
            method,
            url,
            params=None if query is None else httpx.QueryParams(dict(query)),  # type: ignore[arg-type]
            json=body,
            headers=headers,
        )
        problem = ""
        for delay_s in (*self._delays_s, None):
            try:
                response = self._client.send(request)
            except httpx.TransportError as error:
                problem = f"cannot be reached ({type(error).__name__}: {error})"
                if not self._answered and isinstance(error, httpx.ConnectError):
                    # A wrong address is seen at once, not after minutes.
                    break
            except httpx.InvalidURL as error:
                raise AirflowUnreachable(self.url, f"has no address ({error})") from error
            else:
                self._answered = True
                if response.status_code not in _BUSY:
                    return response
                problem = f"is busy ({response.status_code}: {detail_of(response)})"
            if delay_s is not None:
                time.sleep(delay_s)
        raise AirflowUnreachable(self.url, problem)

    def _refusal(self, response: httpx.Response) -> AirflowRefused:
        status = response.status_code
        said = detail_of(response)
        match status:
            case httpx.codes.UNAUTHORIZED:
                message = (
                    f"Airflow at {self.url} wants a login (401). Set AIRQUERY_AIRFLOW_TOKEN to a "
                    "token that is valid, or give a user and AIRQUERY_AIRFLOW_PASSWORD."
                )
            case httpx.codes.FORBIDDEN:
                message = f"Airflow does not allow it (403): {said} Ask as a user who may."
            case _ if response.is_redirect:
                message = (
                    f"Airflow's URL {self.url} leads elsewhere ({status}, to "
                    f"{response.headers.get('location', 'nowhere')}). Give the address itself."
                )
            case _:
                message = f"Airflow refused ({status}): {said}"
        return AirflowRefused(status, message)


def _authorities(url: str) -> ssl.SSLContext:
    """Trust whom the environment or certifi names; reading them takes a while."""
    if url.startswith("https:"):
        return httpx.create_ssl_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def detail_of(response: httpx.Response) -> str:
    """Return what an error's body says, in one sentence, whoever wrote it."""
    try:
        said = response.json()
    except ValueError:
        said = response.text
    if isinstance(said, dict) and "detail" in said:
        said = said["detail"]
    if isinstance(said, list):
        said = "; ".join(str(one.get("msg", one) if isinstance(one, dict) else one) for one in said)
    text = " ".join(str(said).split())[:_LONGEST_DETAIL].rstrip(".")
    return f"{text}." if text else "it said nothing more."


def _json(response: httpx.Response, url: str) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise AirflowUnreachable(
            url, "answers with something that is not its API's JSON"
        ) from error
