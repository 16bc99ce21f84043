"""Read what an endpoint says of its rate limits, in the headers of any reply or the text of a 429.

Known are the headers of OpenAI and Azure (`x-ratelimit-remaining-requests`, with times such as
`1m12.5s`), of Anthropic (`anthropic-ratelimit-input-tokens-remaining`, with moments of RFC 3339),
of gateways (`x-ratelimit-remaining`), of the IETF drafts (`ratelimit-remaining`; `RateLimit:
"default";r=5;t=30`; `RateLimit: limit=10, remaining=5, reset=30`), and the sentence "Limit 10000,
Used 9000". Reading never raises, and what makes no sense is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


Quota: TypeAlias = Literal["requests", "tokens", "input_tokens", "output_tokens"]

_QUOTAS: Final[Mapping[str, Quota]] = {
    "requests": "requests",
    "tokens": "tokens",
    "input-tokens": "input_tokens",
    "output-tokens": "output_tokens",
}
_NUMBER: Final = r"[0-9]{1,15}(?:\.[0-9]{1,15})?"
_UNIT: Final = r"(?:ms|milliseconds?|s|sec(?:ond)?s?|m|min(?:ute)?s?|h|hours?|d|days?)(?![a-z])"
_PART: Final = re.compile(rf"({_NUMBER})\s?({_UNIT})", re.IGNORECASE)
_PARTS: Final = rf"(?:{_NUMBER}\s?{_UNIT}\s?){{1,5}}"
_SPAN: Final = re.compile(_PARTS, re.IGNORECASE)
_PLAIN: Final = re.compile(_NUMBER)
_MILLISECOND_S: Final = 0.001
_UNITS_S: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# As seconds, these would be years: they are moments, in seconds or milliseconds since 1970.
_MOMENT_S: Final = 1e9
_MOMENT_MS: Final = 1e12
_LONGEST_HEADER: Final = 500
_LONGEST_TEXT: Final = 2_000
_PARAMETER: Final = re.compile(r';\s*([a-z]+)\s*=\s*"?([\w-]+)')
_MEMBER: Final = re.compile(r"\b(limit|remaining|reset)\s*=\s*([0-9]+)")
_AGAIN: Final = re.compile(
    rf"\b(?:try again|retry|retrying) (?:in|after) (?P<wait>{_PARTS})", re.IGNORECASE
)
_SENTENCE: Final = re.compile(
    r"\bon (?P<what>(?:input |output )?tokens|requests) per (?:sec|min|hour|day)[a-z]*"
    r"[^:.]{0,20}[:.]\s?Limit:? (?P<limit>\d+)(?: / [a-z]+)?(?:, Used:? (?P<used>\d+))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """Where one quota is told, and whether it fills evenly."""

    quota: Quota
    remaining: str
    limit: str
    reset: str
    fills: bool = False


def _names(quota: Quota, pattern: str, *, fills: bool = False) -> _Names:
    remaining, limit, reset = (pattern.format(part) for part in ("remaining", "limit", "reset"))
    return _Names(quota=quota, remaining=remaining, limit=limit, reset=reset, fills=fills)


_POLICY: Final = _names("requests", "{}")
_NAMES: Final = (
    # OpenAI and Anthropic say that what is left grows all the time, and when it will be full.
    *(_names(quota, "x-ratelimit-{}-" + name, fills=True) for name, quota in _QUOTAS.items()),
    *(
        _names(quota, f"anthropic-ratelimit-{name}-" + "{}", fills=True)
        for name, quota in _QUOTAS.items()
    ),
    _names("requests", "x-ratelimit-{}"),
    _names("requests", "ratelimit-{}"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Of a quota, `remaining` is left until it is full again in `reset_s` seconds.

    `fills` says that it fills evenly until then; else it is full at once then, and not before.
    """

    quota: Quota
    remaining: int
    reset_s: float
    limit: int | None = None
    fills: bool = False


def told_limits(headers: Mapping[str, str], *, now: float) -> tuple[Told, ...]:
    """Return what headers say; their names must be found in any case, or be in lower case.

    `now` is seconds since 1970, for moments. Of several policies for one quota, the one counts that
    has the least left.
    """
    tightest: dict[Quota, Told] = {}
    for told in _told(headers, now):
        other = tightest.get(told.quota)
        if other is None or (told.remaining, -told.reset_s) < (other.remaining, -other.reset_s):
            tightest[told.quota] = told
    return tuple(tightest.values())


def told_in_text(text: str) -> tuple[Told, ...]:
    """Return what the message of a 429 says, in OpenAI's words."""
    found = _SENTENCE.search(text[:_LONGEST_TEXT])
    wait_s = wait_in_text(text)
    if found is None or wait_s is None:
        return ()
    limit, used = _count(found["limit"]), _count(found["used"])
    if not limit:
        return ()
    quota = _QUOTAS[found["what"].lower().replace(" ", "-")]
    remaining = 0 if used is None else max(0, limit - used)
    # "Try again" is when the refused one fits, which is before the quota is full.
    return (Told(quota=quota, remaining=remaining, reset_s=wait_s),)


def wait_in_text(text: str) -> float | None:
    """Return how long the message of a refusal says to wait, in seconds."""
    found = _AGAIN.search(text[:_LONGEST_TEXT])
    return None if found is None else _span_s(found["wait"])


def _told(headers: Mapping[str, str], now: float) -> Iterator[Told]:
    for names in _NAMES:
        # Every reply comes here, and most say nothing.
        if names.remaining in headers:
            yield from _one(headers, names, now)
    if "ratelimit" in headers:
        for policy in _policies(headers):
            yield from _one(policy, _POLICY, now)


def _policies(headers: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Read `RateLimit`, in its older and its later form, as mappings of the same names."""
    items = headers.get("ratelimit", "")[:_LONGEST_HEADER]
    if members := dict(_MEMBER.findall(items)):
        yield members
        return
    declared = _by_name(headers.get("ratelimit-policy", "")[:_LONGEST_HEADER])
    for name, own in _by_name(items).items():
        policy = declared.get(name, {})
        if policy.get("qu", "requests") == "requests":
            yield {
                "remaining": own.get("r", ""),
                "limit": policy.get("q", ""),
                "reset": own.get("t", ""),
            }


def _by_name(items: str) -> dict[str, dict[str, str]]:
    """Read a list of `"name";key=value;key=value`."""
    return {
        item.partition(";")[0].strip().strip('"'): dict(_PARAMETER.findall(item))
        for item in items.split(",")
    }


def _one(headers: Mapping[str, str], names: _Names, now: float) -> Iterable[Told]:
    left = _count(headers.get(names.remaining))
    reset_s = _until(headers.get(names.reset), now)
    limit = _count(headers.get(names.limit))
    # A limit of 0 is how some say that there is none.
    if left is None or reset_s is None or limit == 0:
        return ()
    return (
        Told(quota=names.quota, remaining=left, reset_s=reset_s, limit=limit, fills=names.fills),
    )


def _count(text: str | None) -> int | None:
    found = text.strip() if text else ""
    return int(found) if found.isascii() and found.isdigit() and len(found) <= 15 else None  # noqa: PLR2004


def _until(text: str | None, now: float) -> float | None:
    """Read when something is, in seconds from now: a time such as `6m0s`, or a moment."""
    if text is None or len(text) > _LONGEST_HEADER:
        return None
    found = text.strip()
    if _PLAIN.fullmatch(found):
        number = float(found)
        if number >= _MOMENT_S:
            return max(0.0, (number / 1000 if number >= _MOMENT_MS else number) - now)
        return number
    if _SPAN.fullmatch(found):
        return _span_s(found)
    try:
        moment = datetime.fromisoformat(found)
        return None if moment.tzinfo is None else max(0.0, moment.timestamp() - now)
    except ValueError:
        return None


def _span_s(text: str) -> float:
    """Add up `1h`, `6m0s`, `20ms` or `30 seconds`."""
    return sum(float(number) * _unit_s(unit.lower()) for number, unit in _PART.findall(text))


def _unit_s(unit: str) -> float:
    if unit == "ms" or unit.startswith("milli"):
        return _MILLISECOND_S
    return _UNITS_S[unit[0]]
