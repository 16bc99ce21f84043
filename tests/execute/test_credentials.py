"""Tokens of service principals: fetched once, shared, renewed, and never shown."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.answer import Answer, Failure
from airquery.endpoints.endpoint import Endpoint, Limits, OAuth, Secret
from airquery.errors import EndpointRefused, Unreachable
from airquery.request import Request
from tests.execute.conftest import answered, ask, failed
from tests.execute.workspace import Workspace


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airquery.execute.run import Engine
    from airquery.testing import FakeClock

SECRET = "hs l-secret:"  # noqa: S105


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace() as workspace:
        yield workspace


def endpoint_of(workspace: Workspace, **changes: object) -> Endpoint:
    oauth = OAuth(
        client_id="sp-1",
        client_secret=Secret(SECRET),
        token_url=f"{workspace.url}/oidc/v1/token",
    )
    fields: dict[str, object] = {
        "oauth": oauth,
        "base_url": f"{workspace.url}/serving-endpoints",
        "limits": Limits(max_attempts=2),
        **changes,
    }
    return Endpoint(name="llm", task="chat", model="m", **fields)  # type: ignore[arg-type]  # names come from the tests


def requests_to(endpoint: Endpoint, count: int) -> list[Request]:
    return [Request(endpoint=endpoint, input=f"row {i}") for i in range(count)]


def test_a_token_is_asked_for_with_the_clients_id_and_secret(
    engine: Engine, workspace: Workspace
) -> None:
    assert answered(engine, Request(endpoint=endpoint_of(workspace), input="hello")) == "hello"
    assert workspace.forms == [{"grant_type": ["client_credentials"], "scope": ["all-apis"]}]
    assert [head["authorization"] for head in workspace.heads] == ["Bearer token-number-1"]
    assert workspace.paths == ["/serving-endpoints/chat/completions"]


def test_scope_and_details_are_sent_as_declared(engine: Engine, workspace: Workspace) -> None:
    details = '[{"type":"workspace_permission","actions":["query_inference_endpoint"]}]'
    oauth = OAuth(
        client_id="sp-1",
        client_secret=Secret(SECRET),
        token_url=f"{workspace.url}/oidc/v1/token",
        scope="serving",
        authorization_details=details,
    )

    answered(engine, Request(endpoint=endpoint_of(workspace, oauth=oauth), input="hello"))

    assert workspace.forms == [
        {
            "grant_type": ["client_credentials"],
            "scope": ["serving"],
            "authorization_details": [details],
        }
    ]


def test_many_requests_at_once_wait_for_one_token(engine: Engine, workspace: Workspace) -> None:
    workspace.delay_s = 0.2

    # On a clock that jumps everything that waits is a straggler.
    endpoint = endpoint_of(workspace, limits=Limits(hedge=False))

    results = ask(engine, *requests_to(endpoint, 40))

    assert all(isinstance(result.outcome, Answer) for result in results)
    assert (len(workspace.forms), len(workspace.heads)) == (1, 40)


def test_endpoints_of_one_principal_share_its_token(engine: Engine, workspace: Workspace) -> None:
    answered(engine, Request(endpoint=endpoint_of(workspace), input="hello"))
    answered(engine, Request(endpoint=endpoint_of(workspace, revision="2"), input="hello"))

    assert len(workspace.forms) == 1


def test_a_token_is_renewed_a_minute_before_its_end(
    engine: Engine, workspace: Workspace, clock: FakeClock
) -> None:
    endpoint = endpoint_of(workspace)
    first, second, third = requests_to(endpoint, 3)

    answered(engine, first)
    clock.advance(3_600 - 61)
    answered(engine, second)
    clock.advance(1)
    answered(engine, third)

    assert [head["authorization"] for head in workspace.heads] == [
        "Bearer token-number-1",
        "Bearer token-number-1",
        "Bearer token-number-2",
    ]


@pytest.mark.parametrize(
    ("life", "passed_s", "fetched"),
    [("3600", 3_539, 1), ("3600", 3_541, 2), (20, 17, 1), (20, 19, 2), (0, 0, 2), (None, 1e9, 1)],
)
def test_a_token_lives_as_long_as_the_server_says(
    engine: Engine,
    workspace: Workspace,
    clock: FakeClock,
    *,
    life: object,
    passed_s: float,
    fetched: int,
) -> None:
    workspace.life = life
    first, second = requests_to(endpoint_of(workspace), 2)

    answered(engine, first)
    clock.advance(passed_s)
    answered(engine, second)

    assert len(workspace.forms) == fetched


def test_a_refused_token_is_replaced_once_and_the_row_is_answered(
    engine: Engine, workspace: Workspace, clock: FakeClock
) -> None:
    first, second = requests_to(endpoint_of(workspace), 2)
    answered(engine, first)
    workspace.tokens.clear()

    [result] = ask(engine, second)

    assert isinstance(result.outcome, Answer)
    assert (workspace.statuses, len(workspace.forms)) == ([200, 401, 200], 2)
    assert (result.attempts, clock.sleeps) == (1, ())


def test_many_refused_at_once_fetch_one_new_token(engine: Engine, workspace: Workspace) -> None:
    endpoint = endpoint_of(workspace)
    first, *others = requests_to(endpoint, 21)
    answered(engine, first)
    workspace.tokens.clear()
    workspace.delay_s = 0.3

    results = ask(engine, *others)

    assert all(isinstance(result.outcome, Answer) for result in results)
    assert len(workspace.forms) == 2


def test_a_token_that_is_always_refused_is_a_fatal_failure_that_does_not_show_it(
    engine: Engine, workspace: Workspace
) -> None:
    workspace.uses = 0

    failure = failed(engine, Request(endpoint=endpoint_of(workspace), input="hello"))

    assert failure.message == (
        "Endpoint 'llm' answered with HTTP 401 and said: bad token ***. "
        "Check the endpoint's api_key or oauth."
    )
    assert (failure.retryable, failure.fatal, failure.http_status) == (False, True, 401)
    assert (workspace.statuses, len(workspace.forms)) == ([401, 401], 2)
    assert "token-number" not in repr(failure)


def test_a_refused_client_is_a_fatal_failure_that_names_the_address_and_the_mend(
    engine: Engine, workspace: Workspace
) -> None:
    oauth = OAuth(
        client_id="sp-1",
        client_secret=Secret("another-secret"),
        token_url=f"{workspace.url}/oidc/v1/token",
    )

    failure = failed(engine, Request(endpoint=endpoint_of(workspace, oauth=oauth), input="hello"))

    assert failure == Failure(
        condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
        message=f"Endpoint 'llm' got no token from {workspace.url}/oidc/v1/token: it answered with "
        "HTTP 401 and said: Client authentication failed. "
        "Check oauth.client_id, oauth.client_secret and oauth.scope.",
        http_status=401,
        fatal=True,
        raw='{"error": "invalid_client", "error_description": "Client authentication failed"}',
    )
    assert workspace.heads == []


def test_a_wrong_token_address_is_named(engine: Engine, workspace: Workspace) -> None:
    workspace.refusals = [(404, b"<html><title>Not found</title></html>")]

    failure = failed(engine, Request(endpoint=endpoint_of(workspace), input="hello"))

    assert failure.message.endswith("and said: Not found. Check oauth.token_url.")
    assert failure.fatal


@pytest.mark.parametrize(
    "trouble", [(503, b""), (429, b""), (500, b"<html>oops</html>"), (200, b"<html>sign in</html>")]
)
def test_a_passing_trouble_with_the_token_costs_time_and_not_the_row(
    engine: Engine, workspace: Workspace, clock: FakeClock, trouble: tuple[int, bytes]
) -> None:
    workspace.refusals = [trouble]

    [result] = ask(engine, Request(endpoint=endpoint_of(workspace), input="hello"))

    assert isinstance(result.outcome, Answer)
    assert (result.attempts, len(clock.sleeps), len(workspace.forms)) == (2, 1, 2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"access_token": 5}',
        b'{"access_token": "a\\nb"}',
        b'{"access_token": ""}',
    ],
)
def test_a_reply_without_a_token_is_named(
    engine: Engine, workspace: Workspace, body: bytes
) -> None:
    workspace.refusals = [(200, body)] * 2

    failure = failed(engine, Request(endpoint=endpoint_of(workspace), input="hello"))

    assert failure.message == (
        f"Endpoint 'llm' got no token from {workspace.url}/oidc/v1/token: its reply holds no "
        "access_token. Check oauth.token_url."
    )
    assert (failure.retryable, failure.attempts) == (True, 2)


def test_a_token_server_that_is_not_there_is_retryable(engine: Engine) -> None:
    with Workspace() as gone:
        endpoint = endpoint_of(gone)

    failure = failed(engine, Request(endpoint=endpoint, input="hello"))

    assert failure.message == (
        f"Endpoint 'llm' got no token from {gone.url}/oidc/v1/token: {gone.url}/oidc/v1/token "
        "could not be reached (Connection refused)."
    )
    assert (failure.retryable, failure.fatal) == (True, False)


def test_trying_an_endpoint_brings_its_token(workspace: Workspace) -> None:
    assert "reachable" in airquery.probe(endpoint_of(workspace))
    assert workspace.heads[0]["authorization"] == "Bearer token-number-1"


def test_trying_an_endpoint_whose_client_is_refused_says_so(workspace: Workspace) -> None:
    workspace.refusals = [(400, b'{"error": "invalid_scope"}')]

    with pytest.raises(Unreachable, match=r"got no token from .* and said: invalid_scope\. Check"):
        airquery.probe(endpoint_of(workspace))


def test_neither_secret_nor_token_is_logged_or_shown(
    engine: Engine, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = endpoint_of(workspace)
    workspace.refusals = [(400, f"you are {SECRET} c3AtMTpocyBsLXNlY3JldDo=".encode())]
    first, second = requests_to(endpoint, 2)

    with caplog.at_level(logging.DEBUG):
        told = failed(engine, first)
        answered(engine, second)

    shown = f"{told!r} {endpoint!r} {caplog.text}"
    assert "you are *** ***" in shown
    assert "token fetched endpoint=llm" in shown
    for secret in (SECRET, "l-secret", "c3AtMTpocyBsLXNlY3JldDo=", "token-number"):
        assert secret not in shown


def test_a_statement_over_oauth_leaves_no_secret_behind(
    workspace: Workspace, settings: airquery.Settings
) -> None:
    workspace.life = 0
    good = endpoint_of(workspace)
    bad = endpoint_of(
        workspace,
        revision="2",
        oauth=OAuth(
            client_id="sp-1",
            client_secret=Secret("another-secret"),
            token_url=f"{workspace.url}/oidc/v1/token",
        ),
    )
    registry = airquery.Registry.from_mapping({"good": good, "bad": bad})
    with airquery.connect(registry=registry, settings=settings) as connection:
        answers = airquery.run(connection, "SELECT ai_query('good', 'a') AS r").table
        with pytest.raises(EndpointRefused, match=r"Check oauth\.client_id") as refused:
            airquery.run(connection, "SELECT ai_query('bad', 'b', failOnError => false) AS r")

    assert answers is not None
    assert answers.to_pylist() == [{"r": "hello"}]
    assert refused.value.failure.fatal
    assert "secret" not in str(refused.value).replace("client_secret", "")
    kept = b"".join(path.read_bytes() for path in settings.journal_path().parent.glob("journal*"))
    assert b"hello" in kept
    for secret in (b"l-secret", b"another-secret", b"token-number"):
        assert secret not in kept
