"""Read a reply that is not 2xx, in whatever shape the failure comes.

Seven shapes are known: `error_code` and `message`, the older `error`, SCIM's `detail`, the OpenAI
object, plain text, HTML, and nothing. Any other is quoted as it is. Reading never raises.

Trying again may help after 408 (timeout), 409 (conflict, which gateways send for a lock), 425 (too
early), 429 (too many) and every 5xx but 501 and 505, which say that the server cannot do it. A 429
that says the quota is used up is not helped by waiting either: that, and a refused key, is fatal.
Nor is one that says that a single request is more than a whole minute allows.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

import orjson

from airquery.answer import Failure
from airquery.endpoints.redaction import address, raw, readable, redact, sentence
from airquery.endpoints.told_limits import wait_in_text


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airquery.endpoints.endpoint import Endpoint


_RETRYABLE: Final = frozenset({408, 409, 425, 429})
_PERMANENT: Final = frozenset({501, 505})
_SERVER_FAULT: Final = 500
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_TOO_MANY: Final = 429
# Their text may say when to come back; another's may only quote what was asked.
_BUSY: Final = frozenset({_TOO_MANY, 503, 529})
# OpenAI's words for a request that no minute has room for.
_TOO_LARGE: Final = re.compile(r"\brequest too large for\b", re.IGNORECASE)
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_QUOTA: Final = frozenset(
    {
        "billing_error",
        "billing_hard_limit_reached",
        "billing_not_active",
        "credit_limit_exceeded",
        "exceeded_current_quota_error",
        "insufficient_balance",
        "insufficient_credits",
        "insufficient_quota",
    }
)
# With a 429 these may mean the quota of a minute, which waiting helps.
_FORBIDDEN_QUOTA: Final = frozenset({"quota_exceeded", "quotaexceeded", "resource_exhausted"})
_TEXT_FIELDS: Final = (
    "message",
    "detail",
    "error_description",
    "error",
    "error_message",
    "msg",
    "title",
    "errors",
)
_CODE_FIELDS: Final = ("error_code", "code", "type", "scimType")
_MENDS: Final = {
    401: "Check the endpoint's api_key or oauth.",
    403: "Check what the endpoint's api_key or oauth client may do.",
    404: "Check the endpoint's base_url and model.",
    407: "The proxy wants a user and a password: put them into the endpoint's proxy.",
    501: "The server does not offer the endpoint's task.",
}
_HTML_START: Final = re.compile(
    r"\s*<(?:!doctype|html|head|body|title|h1|pre|center)", re.IGNORECASE
)
_HTML_HIDDEN: Final = re.compile(r"(?is)<(script|style)\b.*?</\1\s*>")
_HTML_TAG: Final = re.compile(r"<[^<>]*>")
_HTML_LENGTH: Final = 8_000
_DEPTH: Final = 4


def read_failure(
    endpoint: Endpoint, *, status: int, headers: Mapping[str, str], body: bytes, now: float
) -> Failure:
    """Name what the endpoint answered instead of an answer.

    `now` is the time of the reply in seconds since 1970, for a `Retry-After` that is a date.
    """
    text = readable(endpoint, body)
    reply = _json(text)
    quota = _quota_is_used_up(status, reply)
    too_large = status == _TOO_MANY and _TOO_LARGE.search(text) is not None
    if quota:
        mend = "The quota is used up: raise it, or take another endpoint."
    elif too_large:
        mend = "No waiting makes room for it: shorten the request, or lower its max_tokens."
    elif status in _REDIRECTS:
        mend = redact(endpoint, _elsewhere(endpoint, headers))
    else:
        mend = _MENDS.get(status, "")
    told = f"answered with HTTP {status} and said{_told(endpoint, reply, text)} {mend}".rstrip()
    return Failure(
        condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
        message=f"Endpoint {endpoint.name!r} {told}",
        http_status=status,
        retryable=_retryable(status) and not quota and not too_large,
        retry_after_s=_retry_after(headers, reply, text if status in _BUSY else "", now),
        raw=raw(text),
        fatal=quota or status == _UNAUTHORIZED,
    )


def quoted(endpoint: Endpoint, body: bytes) -> str:
    """Quote what a reply says, after a colon and as a sentence, or say that it says nothing."""
    text = readable(endpoint, body)
    return _told(endpoint, _json(text), text)


def error_text(reply: object) -> str:
    """Return what a JSON reply says about its error, or nothing if it tells of none."""
    if isinstance(reply, Mapping) and reply.get("error"):
        return _said(reply)
    return ""


def _retryable(status: int) -> bool:
    return status in _RETRYABLE or (status >= _SERVER_FAULT and status not in _PERMANENT)


def _quota_is_used_up(status: int, reply: object) -> bool:
    codes = {code.lower() for code in _codes(reply)}
    if status == _FORBIDDEN and not codes.isdisjoint(_FORBIDDEN_QUOTA):
        return True
    return not codes.isdisjoint(_QUOTA)


def _elsewhere(endpoint: Endpoint, headers: Mapping[str, str]) -> str:
    """Say where a redirect leads, as far as it can be shown."""
    lowered = {name.lower(): value for name, value in headers.items()}
    try:
        target = urljoin(endpoint.base_url, lowered.get("location", ""))
        where = address(target) if "location" in lowered and urlsplit(target).hostname else ""
    except ValueError:
        where = ""
    return f"The server is elsewhere{where and f', at {where}'}: correct the endpoint's base_url."


def _told(endpoint: Endpoint, reply: object, text: str) -> str:
    said = redact(endpoint, _said(reply) or _plain(text))
    return f": {sentence(said)}" if said else " nothing."


def _json(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _said(reply: object, depth: int = 0) -> str:
    """Find the text of an error, and its code before it."""
    if isinstance(reply, str):
        return reply
    if depth == _DEPTH:
        return ""
    if isinstance(reply, list):
        return "; ".join(filter(None, (_said(part, depth + 1) for part in reply[:3])))
    if not isinstance(reply, Mapping):
        return ""
    texts = (_said(reply.get(field), depth + 1) for field in _TEXT_FIELDS)
    text = next(filter(None, texts), "")
    code = next(_codes_of(reply), "")
    return text if not code or code in text else f"{code}: {text}"


def _codes(reply: object) -> set[str]:
    """Return the codes that a JSON error carries, at its top or in its `error` object."""
    if not isinstance(reply, Mapping):
        return set()
    return {*_codes_of(reply), *_codes_of(reply.get("error"))}


def _codes_of(part: object) -> Iterator[str]:
    if isinstance(part, Mapping):
        for field in _CODE_FIELDS:
            code = part.get(field)
            # A number only repeats the status.
            if isinstance(code, str) and code and not code.isdigit():
                yield code


def _plain(text: str) -> str:
    if not _HTML_START.match(text):
        return text.strip()
    visible = _HTML_TAG.sub(" ", _HTML_HIDDEN.sub(" ", text[:_HTML_LENGTH]))
    return html.unescape(visible).strip()


def _retry_after(headers: Mapping[str, str], reply: object, text: str, now: float) -> float | None:
    """Return how long to wait: by the header in milliseconds, in seconds or a date, or the body."""
    lowered = {name.lower(): value for name, value in headers.items()}
    milliseconds = _seconds(lowered.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    header = lowered.get("retry-after")
    for found in (_seconds(header), _until(header, now)):
        if found is not None:
            return found
    if not isinstance(reply, Mapping):
        return wait_in_text(text)
    inner = reply.get("error")
    nested = _seconds(inner.get("retry_after")) if isinstance(inner, Mapping) else None
    for found in (nested, _seconds(reply.get("retry_after"))):
        if found is not None:
            return found
    return wait_in_text(text)


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _until(date: str | None, now: float) -> float | None:
    if date is None:
        return None
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    # HTTP dates are GMT, also those that do not say so.
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)
