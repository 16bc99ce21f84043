"""The token of a service principal: fetched once, shared, renewed before it runs out.

An endpoint with `oauth` leaves here as the same endpoint whose key is the token, so that all that
sends a key, or hides it, treats the token alike. Requests that need a token at the same time wait
for one fetch, and share how it ended.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlencode

from airquery.answer import Failure
from airquery.endpoints import wire
from airquery.endpoints.adapter import HttpRequest
from airquery.endpoints.endpoint import OAuth, Route, Secret
from airquery.endpoints.failures import quoted, read_failure
from airquery.endpoints.redaction import address, basic


if TYPE_CHECKING:
    from airquery.clock import Clock
    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.transport import Reply, Transport


log = logging.getLogger(__name__)

TOKEN_TIMEOUT_S: Final = 30.0
# A token is renewed so long before its end, or a tenth of its life before if that is shorter.
RENEW_BEFORE_S: Final = 60.0

_SENDABLE: Final = re.compile(r"[\x21-\x7e]+")
_Principal: TypeAlias = tuple[OAuth, Route]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token and the reading of `Clock.monotonic` from which on it is not used any more."""

    value: Secret
    renew_at: float


class Credentials:
    """The tokens of all endpoints; belongs to the event loop of its transport."""

    def __init__(self, *, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._tokens: dict[_Principal, Token] = {}
        self._fetching: dict[_Principal, asyncio.Task[Token | Failure]] = {}

    async def authorized(self, endpoint: Endpoint) -> Endpoint | Failure:
        """Return the endpoint with the token as its key, or as it is if it needs none."""
        if endpoint.oauth is None:
            return endpoint
        principal = (endpoint.oauth, endpoint.route)
        known = self._tokens.get(principal)
        if known is not None and self._clock.monotonic() < known.renew_at:
            return replace(endpoint, api_key=known.value)
        token = await self._fetched(endpoint, principal)
        return token if isinstance(token, Failure) else replace(endpoint, api_key=token.value)

    def refuse(self, endpoint: Endpoint) -> bool:
        """Forget the token that an authorized endpoint was refused with; False if it has none.

        Another request may have a new one already: that is kept.
        """
        if endpoint.oauth is None:
            return False
        principal = (endpoint.oauth, endpoint.route)
        token = self._tokens.get(principal)
        if token is not None and token.value == endpoint.api_key:
            del self._tokens[principal]
        return True

    async def _fetched(self, endpoint: Endpoint, principal: _Principal) -> Token | Failure:
        task = self._fetching.get(principal)
        if task is None:
            task = asyncio.create_task(self._fetch(endpoint, principal))
            self._fetching[principal] = task
        # Whoever stops waiting does not stop the fetch for the others.
        return await asyncio.shield(task)

    async def _fetch(self, endpoint: Endpoint, principal: _Principal) -> Token | Failure:
        oauth, route = principal
        try:
            began = self._clock.monotonic()
            reply = await self._transport.post(
                token_request(oauth), timeout_s=TOKEN_TIMEOUT_S, route=route
            )
            token = read_token(endpoint, oauth, reply, began=began, now=self._clock.time())
        finally:
            del self._fetching[principal]
        if isinstance(token, Token):
            self._tokens[principal] = token
            log.info("token fetched endpoint=%s", endpoint.name)
        return token


def token_request(oauth: OAuth) -> HttpRequest:
    """Write the request for a token: the client's id and secret as HTTP Basic, the rest as a form."""
    form = {"grant_type": "client_credentials", "scope": oauth.scope}
    if oauth.authorization_details is not None:
        form["authorization_details"] = oauth.authorization_details
    return HttpRequest(
        url=oauth.token_url,
        headers={
            "Accept": "application/json",
            "Authorization": f"Basic {basic(oauth.client_id, oauth.client_secret.reveal())}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=urlencode(form).encode(),
    )


def read_token(
    endpoint: Endpoint, oauth: OAuth, reply: Reply | Failure, *, began: float, now: float
) -> Token | Failure:
    """Read the reply to a request for a token.

    Args:
        endpoint: whom the token is for.
        oauth: what was asked with.
        reply: what came.
        began: the reading of the clock when it was asked for, from which its life is counted.
        now: seconds since 1970.
    """
    where = f"Endpoint {endpoint.name!r} got no token from {address(oauth.token_url)}"
    if isinstance(reply, Failure):
        return replace(reply, message=f"{where}: {reply.message}")
    if reply.status in range(200, 300):
        return _token(reply, began) or Failure(
            condition="AI_FUNCTION_INVALID_HTTP_RESPONSE",
            message=f"{where}: its reply holds no access_token. Check oauth.token_url.",
            http_status=reply.status,
            retryable=True,
        )
    failure = read_failure(
        endpoint, status=reply.status, headers=reply.headers, body=reply.body, now=now
    )
    mend = "" if failure.retryable else f" {_mend(reply.status)}"
    said = quoted(endpoint, reply.body)
    message = f"{where}: it answered with HTTP {reply.status} and said{said}{mend}"
    return replace(failure, message=message, fatal=not failure.retryable)


def _mend(status: int) -> str:
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED) or status in range(300, 400):
        return "Check oauth.token_url."
    return "Check oauth.client_id, oauth.client_secret and oauth.scope."


def _token(reply: Reply, began: float) -> Token | None:
    fields = wire.json_object(reply.body) or {}
    value = fields.get("access_token")
    if not isinstance(value, str) or not _SENDABLE.fullmatch(value):
        return None
    life_s = _seconds(fields.get("expires_in"))
    return Token(value=Secret(value), renew_at=began + life_s - min(RENEW_BEFORE_S, life_s / 10))


def _seconds(value: object) -> float:
    """Read how long a token lives; one that does not say is used until it is refused."""
    try:
        seconds = float(value) if isinstance(value, str | int | float) else math.inf
    except ValueError:
        return math.inf
    return max(0.0, seconds) if math.isfinite(seconds) else math.inf
