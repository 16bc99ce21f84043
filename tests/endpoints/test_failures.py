from __future__ import annotations

import random
from typing import TYPE_CHECKING

import orjson
import pytest

from airquery.endpoints.endpoint import Endpoint, Secret
from airquery.endpoints.failures import read_failure


if TYPE_CHECKING:
    from airquery.answer import Failure


NOW = 1_795_262_400.0  # Saturday, 21 November 2026 12:00:00 GMT
KEY = 'sk-"quoted"-0123456789'
ENDPOINT = Endpoint(
    name="llm",
    task="chat",
    base_url="http://h/v1",
    model="m",
    api_key=Secret(KEY),
    headers={"X-Tenant": Secret("Token abcdefgh"), "X-Short": Secret("a")},
)


def read(
    body: object = b"", *, status: int = 400, headers: dict[str, str] | None = None
) -> Failure:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return read_failure(ENDPOINT, status=status, headers=headers or {}, body=content, now=NOW)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"error_code": "BAD_REQUEST", "message": "no such field", "details": [{"a": 1}]},
            "said: BAD_REQUEST: no such field.",
        ),
        ({"error": "model not found"}, "said: model not found."),
        (
            {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
                "detail": "User not found",
                "status": "404",
                "scimType": "invalidValue",
            },
            "said: invalidValue: User not found.",
        ),
        (b"PERMISSION_DENIED: not yours\n", "said: PERMISSION_DENIED: not yours."),
        (
            (
                b"<!DOCTYPE html>\n<html><head><title>Bad&nbsp;Gateway</title>"
                b"<style>p {color: red}</style></head><body><p>nginx &amp; co</p></body></html>"
            ),
            "said: Bad Gateway nginx & co.",
        ),
        (b"", "said nothing."),
        (
            {"error": {"message": "Too long!", "type": "invalid_request_error", "code": None}},
            "said: invalid_request_error: Too long!",
        ),
        ({"object": "error", "message": "no", "code": 400}, "said: no."),
        (
            {"detail": [{"msg": "field required"}, {"msg": "too short"}]},
            "field required; too short.",
        ),
        ({"errors": [{"message": "one"}]}, "said: one."),
        ({"unknown": "shape"}, 'said: {"unknown":"shape"}.'),
        (b"null", "said: null."),
        (b"[1,2]", "said: [1,2]."),
        (b'{"error": {"message": ', 'said: {"error": {"message":.'),
        (b"\xff\xfe", "said: \ufffd\ufffd."),
    ],
)
def test_every_shape_of_a_failure_is_read(body: object, said: str) -> None:
    failure = read(body)

    assert failure.message.startswith("Endpoint 'llm' answered with HTTP 400 and said")
    assert failure.message.endswith(said)
    assert failure.condition == "AI_FUNCTION_HTTP_REQUEST_ERROR"
    assert failure.http_status == 400


@pytest.mark.parametrize("body", [b'{"error":' * 900 + b"1" + b"}" * 900, b"[" * 900 + b"]" * 900])
def test_a_failure_nested_without_end_is_quoted(body: bytes) -> None:
    failure = read(body)

    assert f"said: {body[:300].decode()}" in failure.message
    assert failure.message.endswith("...")


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 520, 529])
def test_what_may_pass_is_retryable(status: int) -> None:
    assert read(status=status).retryable


@pytest.mark.parametrize("status", [302, 400, 401, 402, 403, 404, 405, 410, 413, 422, 501, 505])
def test_what_stays_is_not_retryable(status: int) -> None:
    assert not read(status=status).retryable


def test_a_used_up_quota_is_not_a_rate_limit() -> None:
    failure = read(
        {"error": {"message": "You exceeded your quota.", "code": "insufficient_quota"}}, status=429
    )

    assert not failure.retryable
    assert failure.message.endswith("The quota is used up: raise it, or take another endpoint.")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b""),
        (401, {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}),
        (429, {"error": {"message": "m", "code": "insufficient_quota"}}),
        (429, {"error": {"message": "m", "type": "insufficient_quota", "code": None}}),
        (400, {"error": {"message": "m", "code": "billing_hard_limit_reached"}}),
        (429, {"error": {"message": "m", "type": "exceeded_current_quota_error"}}),
        (403, {"error": {"message": "m", "code": "quota_exceeded"}}),
        (403, {"error": {"message": "m", "code": "QuotaExceeded"}}),
        (403, {"error_code": "RESOURCE_EXHAUSTED", "message": "m"}),
        (402, {"error": {"message": "m", "code": "insufficient_credits"}}),
    ],
)
def test_what_every_further_request_would_meet_is_fatal(status: int, body: object) -> None:
    failure = read(body, status=status)

    assert (failure.fatal, failure.retryable) == (True, False)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b"insufficient_quota"),
        (403, b""),
        (403, {"error_code": "PERMISSION_DENIED", "message": "quota"}),
        (404, b""),
        (429, b""),
        (429, {"error": {"message": "m", "code": "rate_limit_exceeded"}}),
        (429, {"error_code": "RESOURCE_EXHAUSTED", "message": "m"}),
        (429, {"error": {"message": "m", "code": "quota_exceeded"}}),
        (500, b""),
        (503, b""),
    ],
)
def test_what_another_request_may_not_meet_is_not_fatal(status: int, body: object) -> None:
    assert not read(body, status=status).fatal


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "where"),
    [
        ("https://other.example:8443/v2?key=hush#f", "https://other.example:8443/v2"),
        ("https://ann:hush@other.example/", "https://other.example/"),
        ("//other.example/v2", "http://other.example/v2"),
        ("/v2/x", "http://h/v2/x"),
        (f"/v2/{KEY}", "http://h/v2/***"),
    ],
)
def test_a_redirect_names_where_to_without_what_may_be_secret(
    status: int, location: str, where: str
) -> None:
    failure = read(b"", status=status, headers={"Location": location})

    assert failure.message == (
        f"Endpoint 'llm' answered with HTTP {status} and said nothing. "
        f"The server is elsewhere, at {where}: correct the endpoint's base_url."
    )
    assert (failure.retryable, failure.fatal) == (False, False)


@pytest.mark.parametrize("location", ["", "http://[", "http://h:99999/", "mailto:a"])
def test_a_redirect_to_nowhere_names_no_place(location: str) -> None:
    failure = read(b"", status=302, headers={"Location": location})

    assert "The server is elsewhere" in failure.message
    assert failure.message.endswith(": correct the endpoint's base_url.")


@pytest.mark.parametrize(
    ("status", "mend"),
    [
        (301, "The server is elsewhere: correct the endpoint's base_url."),
        (401, "Check the endpoint's api_key or oauth."),
        (403, "Check what the endpoint's api_key or oauth client may do."),
        (407, "The proxy wants a user and a password: put them into the endpoint's proxy."),
        (404, "Check the endpoint's base_url and model."),
        (501, "The server does not offer the endpoint's task."),
    ],
)
def test_the_message_says_how_to_mend_it(status: int, mend: str) -> None:
    assert read(b"no", status=status).message.endswith(f"and said: no. {mend}")


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "15"}, b"", 15.0),
        ({"RETRY-AFTER": " 0.5 "}, b"", 0.5),
        ({"Retry-After": "0"}, b"", 0.0),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:30 GMT"}, b"", 30.0),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:30 -0000"}, b"", 30.0),
        ({"Retry-After": "Sat, 21 Nov 2026 11:59:00 GMT"}, b"", 0.0),
        ({"retry-after-ms": "250", "retry-after": "15"}, b"", 0.25),
        ({"Retry-After": "15"}, {"error": {"retry_after": 3}}, 15.0),
        ({"Retry-After": "soon"}, {"error": {"retry_after": 3}}, 3.0),
        ({}, {"retry_after": "7"}, 7.0),
        ({}, {"error": {"retry_after": True}, "retry_after": None}, None),
        ({"Retry-After": "-5"}, b"", None),
        ({"Retry-After": "inf"}, b"", None),
        ({"Retry-After": "nan"}, b"", None),
        ({"Retry-After": ""}, [], None),
        ({"Retry-After": "Sat, 99 Nov 2026 12:00:30 GMT"}, b"", None),
        ({}, {"error": "busy", "retry_after": 1}, 1.0),
    ],
)
def test_the_endpoint_says_how_long_to_wait(
    headers: dict[str, str], body: object, seconds: float | None
) -> None:
    assert read(body, status=429, headers=headers).retry_after_s == seconds


def test_a_long_failure_is_cut() -> None:
    failure = read({"message": "many words " * 1_000})

    assert len(failure.message) < 600
    assert failure.message.endswith("...")
    assert failure.raw is not None
    assert len(failure.raw) == 2_000


@pytest.mark.parametrize(
    "echo",
    [
        f"wrong key {KEY}",
        "wrong header Token abcdefgh",
        "wrong token abcdefgh",
        "x" * 480 + KEY,
        "x" * 1_990 + KEY,
    ],
)
@pytest.mark.parametrize("shape", ["json", "text", "html"])
def test_an_echoed_secret_is_not_shown(echo: str, shape: str) -> None:
    bodies = {
        "json": orjson.dumps({"error": {"message": echo}}),
        "text": echo.encode(),
        "html": f"<html><p>{echo}</p></html>".encode(),
    }

    shown = repr(read(bodies[shape], status=401))

    assert 'sk-"' not in shown
    assert "quoted" not in shown
    assert "abcdefgh" not in shown


def test_a_header_value_too_short_for_a_secret_leaves_messages_readable() -> None:
    assert read(b"a bad day").message.endswith("said: a bad day.")


def test_no_rubbish_makes_reading_fail() -> None:
    chance = random.Random(20261121)  # noqa: S311 - a reproducible test
    pieces = [
        b"{",
        b"}",
        b'"error"',
        b":",
        b"[",
        b"]",
        b"<html>",
        b"<script",
        b"\xff",
        b"1e9",
        b",",
    ]
    for _ in range(2_000):
        body = b"".join(chance.choices(pieces, k=chance.randrange(40)))
        header = bytes(chance.choices(range(32, 127), k=12)).decode()

        failure = read(body, status=500, headers={"Retry-After": header})

        assert failure.retryable
        assert len(failure.message) < 600


@pytest.mark.parametrize(
    ("status", "body", "wait_s"),
    [
        (429, {"error": {"message": "on TPM: Limit 9. Please try again in 6.5s."}}, 6.5),
        (429, b"Please retry after 26 seconds.", 26.0),
        (503, {"message": "Busy, try again in 1m2s"}, 62.0),
        (529, {"message": "Overloaded, retry in 2s"}, 2.0),
        (429, {"error": {"message": "try again in 6s", "retry_after": 3}}, 3.0),
        (429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Exceeded the limit"}, None),
        (500, {"message": "cannot read the prompt 'try again in 9 hours'"}, None),
    ],
)
def test_the_text_of_a_busy_endpoint_says_when_to_come_back(
    status: int, body: object, wait_s: float | None
) -> None:
    failure = read(body, status=status)

    assert failure.retry_after_s == wait_s
    assert failure.retryable


def test_the_header_goes_before_the_text() -> None:
    failure = read(b"try again in 6s", status=429, headers={"Retry-After": "2"})

    assert failure.retry_after_s == 2.0


def test_a_request_that_no_minute_has_room_for_is_not_tried_again() -> None:
    message = (
        "Request too large for m on tokens per min (TPM): Limit 30000, Requested 50000. The input "
        "or output tokens must be reduced in order to run successfully."
    )

    failure = read({"error": {"message": message, "code": "rate_limit_exceeded"}}, status=429)

    assert not failure.retryable
    assert not failure.fatal
    assert failure.message == (
        f"Endpoint 'llm' answered with HTTP 429 and said: rate_limit_exceeded: {message} "
        "No waiting makes room for it: shorten the request, or lower its max_tokens."
    )
    assert read(message.encode(), status=503).retryable
