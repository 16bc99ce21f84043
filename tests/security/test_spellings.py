"""However a server encodes what it was sent, no more than the edges of a secret are left."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

from hypothesis import given, settings, strategies as st

from airquery.endpoints.endpoint import Endpoint, Secret
from airquery.endpoints.redaction import redact, redact_answer
from tests.security.searching import found_in


SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=40)


def endpoint_with(secret: str) -> Endpoint:
    return Endpoint(name="llm", task="chat", base_url="http://h", model="m", api_key=Secret(secret))


@given(SECRETS, st.binary(max_size=7), st.binary(max_size=7))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_no_encoding_of_a_secret_is_left(secret: str, before: bytes, after: bytes) -> None:
    within = before + secret.encode() + after
    texts = {
        "text": f"{before!r}{secret}{after!r}",
        "json": json.dumps({"a": json.dumps([secret, f"Bearer {secret}"])}),
        "url": f"https://h/?k={quote(secret)}&l={quote(secret, safe='')}",
        "base64": base64.b64encode(within).decode(),
        "url-safe": base64.urlsafe_b64encode(within).decode(),
    }
    shown = {name: redact(endpoint_with(secret), text) for name, text in texts.items()}
    kept = {name: redact_answer(endpoint_with(secret), t.encode()) for name, t in texts.items()}

    assert found_in(shown, [secret]) == []
    assert found_in(kept, [secret]) == []
    assert all("***" in text for text in shown.values())


def test_what_holds_no_secret_stays_as_it_is() -> None:
    endpoint = endpoint_with("sk-0123456789abcdef")
    body = b'{"choices":[{"message":{"content":"sk-0123 and \\u00e9 \xc3\xa9"}}]}'

    assert redact_answer(endpoint, body) is body
    assert redact(endpoint, "sk-0123 and the rest") == "sk-0123 and the rest"
