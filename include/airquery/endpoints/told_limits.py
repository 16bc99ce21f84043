"""Read what an endpoint says of its rate limits, in the headers of any reply or the text of a 429.

Known are the headers of OpenAI and Azure (`x-ratelimit-remaining-requests`, with times such as
`1m12.5s`), of Anthropic (`anthropic-ratelimit-input-tokens-remaining`, with moments of RFC 3339),
of the older IETF draft (`ratelimit-remaining`, `ratelimit-reset` in seconds) and of its later form
(`RateLimit: "default";r=5;t=30`), and OpenAI's sentence "Limit 10000, Used 9000". Reading never
raises, and what makes no sense is left out.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


Quota: TypeAlias = Literal["requests", "tokens", "input_tokens", "output_tokens"]

_QUOTAS: Final[Mapping[str, Quota]] = {
    "requests": "requests",
    "tokens": "tokens",
    "input-tokens": "input_tokens",
    "output-tokens": "output_tokens",
}
# Of one of these there is one in every reply that tells of limits.
_SIGNS: Final = (
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-output-tokens-remaining",
    "ratelimit-remaining",
    "ratelimit",
)
_MOST: Final = 2**53
_DURATION: Final = re.compile(
    r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)(ms|s)?)?\Z"
)
_ITEM: Final = re.compile(r";\s*([a-z]+)\s*=\s*(\d+)")
_SENTENCE: Final = re.compile(
    r"on (?P<what>[a-z ]*?) ?per min[^:]*:\s*Limit:? (?P<limit>\d+)"
    r"(?:, Used:? (?P<used>\d+))?(?:, Requested:? \d+)?.*?try again in (?P<wait>[\d.]+m?s)",
    re.IGNORECASE | re.DOTALL,
)
_AGAIN: Final = re.compile(r"try again in (\d+(?:\.\d+)?) ?(ms|s|sec|seconds)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Of a quota, `remaining` is left until it is full again in `reset_s` seconds."""

    quota: Quota
    remaining: int
    reset_s: float
    limit: int | None = None


def told_limits(headers: Mapping[str, str], *, now: float) -> tuple[Told, ...]:
    """Return what headers say; their names must be found in any case, or be in lower case.

    `now` is seconds since 1970, for moments.
    """
    if not any(sign in headers for sign in _SIGNS):
        return ()
    return tuple(_told(headers, now))


def told_in_text(text: str) -> tuple[Told, ...]:
    """Return what the message of a 429 says, in OpenAI's words."""
    found = _SENTENCE.search(text)
    wait_s = _duration(found["wait"]) if found is not None else None
    if found is None or wait_s is None:
        return ()
    limit = _count(found["limit"])
    used = _count(found["used"])
    what = found["what"].strip().lower().replace(" ", "-")
    quota = _QUOTAS.get(what)
    if quota is None or limit is None:
        return ()
    # "Try again" is when the refused one fits, which is before the quota is full.
    return (
        Told(quota=quota, remaining=0 if used is None else max(0, limit - used), reset_s=wait_s),
    )


def wait_in_text(text: str) -> float | None:
    """Return how long the message of a 429 says to wait, in seconds."""
    found = _AGAIN.search(text)
    if found is None:
        return None
    return float(found[1]) / (1000 if found[2].lower() == "ms" else 1)


def _told(headers: Mapping[str, str], now: float) -> Iterator[Told]:
    for name, quota in _QUOTAS.items():
        yield from _one(
            quota,
            headers.get(f"x-ratelimit-remaining-{name}"),
            headers.get(f"x-ratelimit-limit-{name}"),
            _duration(headers.get(f"x-ratelimit-reset-{name}")),
        )
        yield from _one(
            quota,
            headers.get(f"anthropic-ratelimit-{name}-remaining"),
            headers.get(f"anthropic-ratelimit-{name}-limit"),
            _until(headers.get(f"anthropic-ratelimit-{name}-reset"), now),
        )
    yield from _one(
        "requests",
        headers.get("ratelimit-remaining"),
        headers.get("ratelimit-limit"),
        _duration(headers.get("ratelimit-reset")),
    )
    items = dict(_ITEM.findall(headers.get("ratelimit", "")))
    yield from _one("requests", items.get("r"), None, _duration(items.get("t")))


def _one(
    quota: Quota, remaining: str | None, limit: str | None, reset_s: float | None
) -> Iterator[Told]:
    left = _count(remaining)
    if left is not None and reset_s is not None:
        yield Told(quota=quota, remaining=left, reset_s=reset_s, limit=_count(limit))


def _count(text: str | None) -> int | None:
    if text is None or not text.strip().isascii() or not text.strip().isdigit():
        return None
    digits = text.strip()
    return int(digits) if len(digits) <= len(str(_MOST)) else None


def _duration(text: str | None) -> float | None:
    """Read `6m0s`, `20ms`, `1.5s` or a number of seconds."""
    found = _DURATION.match(text.strip()) if text and len(text) <= 40 else None  # noqa: PLR2004
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, rest, unit = found.groups()
    seconds = float(rest or 0) / (1000 if unit == "ms" else 1)
    total = 86400 * int(days or 0) + 3600 * int(hours or 0) + 60 * int(minutes or 0) + seconds
    return total if math.isfinite(total) else None


def _until(text: str | None, now: float) -> float | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return max(0.0, moment.timestamp() - now)
