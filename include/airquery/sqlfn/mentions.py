"""Whether a text can hold a call of an AI function, told without parsing it.

Most statements of a script hold none, and then nobody waits for the parser. A name in a comment or
in a string counts: what is parsed needlessly is still right, what is not parsed must hold no call.
"""

from __future__ import annotations

import re
from functools import cache

from airquery.sqlfn.functions import functions
from airquery.sqlfn.offered import NOT_OFFERED


def mentions_calls(text: str) -> bool:
    """Say whether the name of a function of ours, or of one not offered, stands in a text."""
    return _names().search(text) is not None


@cache
def _names() -> re.Pattern[str]:
    return re.compile("|".join(sorted({*functions(), *NOT_OFFERED})), re.IGNORECASE)
