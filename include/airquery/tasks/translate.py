"""ai_translate: each row has its own language, so each has its own instruction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.tasks.prompt import as_text, filled
from airquery.tasks.steps import Progress, Row, settled
from airquery.tasks.task import Task


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.request import Request
    from airquery.sqlfn.call import Call
    from airquery.sqlfn.given import Given
    from airquery.tasks.steps import Known


# A name says more to a small model than a code does. What is not here is asked as it is given.
NAMES = {
    "ar": "Arabic",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "zh": "Chinese",
}


def translating(given: Given) -> Task:
    """Prepare a call."""
    del given
    return Task(endpoint_task="chat", as_text=False, steps=Translate())


class Translate:
    """One request a row, whose instruction names the row's language."""

    repeats = False

    def advance(self, call: Call, rows: Mapping[int, Row], known: Known) -> Progress:
        """Ask each row's request, and make its answer a value."""
        return settled(call, {i: _request(call, row) for i, row in rows.items()}, known)


def _request(call: Call, row: Row) -> Request:
    def make() -> Request:
        given = row.input if isinstance(row.input, dict) else {}
        language = str(given["to_lang"]).strip()
        named = NAMES.get(language.lower(), language)
        system = filled(call.system or "", {"language": named})
        return call.ask(row, asked=as_text(given["content"]), system=system)

    return row.request("first", make)
