"""Rows that the journal has an answer for: their values, without a word to the engine.

A table that is run again is mostly this, so it takes as little for each row as can be: its key, its
reply, its value. Only what is plain is answered here. A reply that is a failure, an answer that does
not fit, calls with pictures, with more than one request a row or with several rows in one: all of
them go the ordinary way, with the same result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from airquery.answer import Answer
from airquery.output.value import json_texts
from airquery.sqlfn.running import Told
from airquery.tasks.steps import Single


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from airquery.execute.answers import Result
    from airquery.sqlfn.call import Call
    from airquery.sqlfn.running import Running
    from airquery.sqlfn.session import Session


# What a request of JSON's own null is: such a row is NULL.
NULL = "null"
# Replies of the others are read with their requests beside them.
READ_ALONE = ("chat", "completions", "custom")


def told(
    session: Session, running: Running, call: Call, requests: Sequence[str | None]
) -> dict[str, Told]:
    """Return the rows of a chunk that are answered already, by the text of their request.

    Raises `JournalError` if the journal cannot be read.
    """
    around = call.alike()[1] if _is_plain(call) else None
    if around is None:
        return {}
    texts = {text for text in requests if text is not None and text != NULL}
    with running.telling:
        return _told(session, running, call, around, texts)


def _told(
    session: Session,
    running: Running,
    call: Call,
    around: tuple[bytes, bytes],
    texts: Collection[str],
) -> dict[str, Told]:
    known = {text: found for text in texts if (found := running.told.get((id(call), text)))}
    keys = _keys(call, around, (text for text in texts if text not in known))
    strangers = running.statement.strangers(set(keys.values()))
    if not strangers:
        return known
    values = _values(call, session.engine.remembered(call.alike()[0], strangers, running.statement))
    running.statement.note_remembered(call.endpoint, values)
    fresh = {text: Told(key, values[key]) for text, key in keys.items() if key in values}
    running.remember({(id(call), text): found for text, found in fresh.items()})
    return known | fresh


def _is_plain(call: Call) -> bool:
    return (
        isinstance(call.steps, Single)
        and call.cache == "reuse"
        and call.files == "none"
        and call.rows_per_prompt == 1
        and call.max_error_ratio is None
        and call.endpoint.task in READ_ALONE
    )


def _keys(call: Call, around: tuple[bytes, bytes], texts: Iterable[str]) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for text in texts:
        try:
            found[text] = call.key(orjson.loads(text), around)
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            # What cannot be asked is named where it is asked.
            continue
    return found


def _values(call: Call, results: Mapping[bytes, Result]) -> Mapping[bytes, str]:
    """Return the texts of the column, for the answers that fit."""
    answers = {k: r.outcome for k, r in results.items() if isinstance(r.outcome, Answer)}
    texts = json_texts(list(answers.values()), call.shape)
    return {
        key: call.form.text(text, results[key])
        for key, text in zip(answers, texts, strict=True)
        if isinstance(text, str)
    }
