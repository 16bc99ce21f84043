"""What may be spent from the page on a day: `AIRQUERY_PLAYGROUND_BUDGET`.

It is one budget for all who use the page, under the name `playground`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import orjson

from airquery import Budget
from airquery.errors import InvalidSetting
from airquery_airflow.spending import bounds


if TYPE_CHECKING:
    from collections.abc import Mapping


VARIABLE: Final = "AIRQUERY_PLAYGROUND_BUDGET"
SCOPE: Final = "playground"

_DEFAULT: Final = '{"requests": 1000}'


def daily_budget(environ: Mapping[str, str] = os.environ) -> Budget:
    """Return the budget of a day. Raises `InvalidSetting`."""
    text = environ.get(VARIABLE, "").strip() or _DEFAULT
    try:
        given: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise InvalidSetting(
            f'{VARIABLE} is no JSON object. Write {{"requests": 1000, "money": 5}}.'
        )
    try:
        return Budget(**bounds(given), per_day=SCOPE)
    except InvalidSetting as problem:
        raise InvalidSetting(f"{VARIABLE}: {problem}") from None
