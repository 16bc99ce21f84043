"""Replies of servers that repeat what they were sent: in errors, in answers, and encoded."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

from airquery.testing import Reply


def echoes_of(secret: str, *, sent: str) -> list[Reply]:
    """Return replies that repeat a secret, and the header value that it was sent as."""
    headers = json.dumps({"authorization": sent, "x": secret})
    packed = base64.b64encode(headers.encode()).decode()
    shifted = [base64.urlsafe_b64encode(b"." * n + headers.encode()).decode() for n in range(3)]
    return [
        Reply(status=500, body=f"cannot forward Authorization: {sent} or {secret}"),
        Reply(status=500, body=f"<html><body>{html.escape(secret)} {quote(sent)}</body></html>"),
        Reply(status=400, body={"error": {"message": f"bad {sent}", "code": secret}}),
        Reply(status=400, body={"message": json.dumps({"dump": headers})}),
        Reply(status=400, body={"detail": [packed, *shifted]}),
        Reply(status=403, body=headers.replace("/", "\\/")),
        Reply(status=302, headers={"Location": f"http://127.0.0.1:9/{quote(secret)}?k={secret}"}),
        Reply(status=429, headers={"Retry-After": secret}, body=secret),
        Reply(status=200, body=f"not JSON: {secret}"),
        Reply(status=200, body={"error": {"message": secret}}),
        Reply(status=200, body={"choices": [{"message": {"content": f"You are {secret}"}}]}),
        Reply(status=200, body={"choices": [{"message": {"content": packed}}], "debug": headers}),
        Reply(status=200, body={"choices": [{"message": {"content": shifted[1]}}]}),
        Reply.drop(),
    ]
