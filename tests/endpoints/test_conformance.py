"""What every wire format must write, run against all of them."""

from __future__ import annotations

import pickle
from dataclasses import replace

import orjson
import pytest

from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.endpoint import Endpoint, OAuth, Secret
from airquery.errors import StatementError
from airquery.request import Image, Request
from tests.endpoints.wires import BEARER, HEADER, KEY, WIRES, Wire


WITH_A_BEARER = [wire for wire in WIRES if wire.key == BEARER]
PICTURE = Image(media_type="image/png", data=b"\x89PNG")


def replace_endpoint(request: Request, **changes: object) -> Request:
    return replace(request, endpoint=replace(request.endpoint, **changes))  # type: ignore[arg-type]  # names come from the tests


def assert_no_secret(text: str) -> None:
    assert KEY not in text
    assert HEADER not in text
    assert HEADER.split()[1] not in text


def test_a_request_is_written_as_documented(wire: Wire) -> None:
    request = wire.request()

    sent = adapter_for(request.endpoint).encode(request)

    assert sent.url == wire.url
    assert orjson.loads(sent.body) == wire.body
    assert dict(sent.headers) == {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "X-Tenant": HEADER,
        **wire.key,
        **wire.fixed,
    }


@pytest.mark.parametrize("wire", WITH_A_BEARER, ids=lambda wire: wire.name)
@pytest.mark.parametrize(
    ("changes", "headers"),
    [
        ({"api_key_header": "api-key"}, {"api-key": KEY}),
        (
            {"api_key_scheme": "basic"},
            {"Authorization": "Basic dG9rZW46c2stY29uZm9ybWFuY2UtMDEyMzQ1Njc4OQ=="},
        ),
        ({"api_key_scheme": "bearer"}, {"Authorization": f"Bearer {KEY}"}),
    ],
)
def test_a_key_goes_where_the_endpoint_wants_it(
    wire: Wire, changes: dict[str, object], headers: dict[str, str]
) -> None:
    request = replace_endpoint(wire.request(), headers={}, **changes)

    sent = adapter_for(request.endpoint).encode(request)

    assert dict(sent.headers) == {
        "Accept": "application/json",
        "Content-Type": "application/json",
        **wire.fixed,
        **headers,
    }


def test_the_query_is_on_every_url_and_shown_nowhere(wire: Wire) -> None:
    query = {"api-version": Secret("2024-10-21"), "code": Secret("a+b&c=d/e ü")}
    request = replace_endpoint(wire.request(), query=query)

    sent = adapter_for(request.endpoint).encode(request)

    assert sent.url == f"{wire.url}?api-version=2024-10-21&code=a%2Bb%26c%3Dd%2Fe%20%C3%BC"
    assert repr(sent) == f"HttpRequest(url={wire.url!r}, {len(sent.body)} bytes)"
    assert "2024-10-21" not in repr(request)


@pytest.mark.parametrize(
    "wire", [wire for wire in WIRES if wire.provider == "openai"], ids=lambda wire: wire.name
)
def test_a_deployments_address_with_a_query_is_a_base_url(wire: Wire) -> None:
    base = "https://x.openai.azure.com/openai/deployments/gpt-4o"
    request = replace_endpoint(
        wire.request(), base_url=base, query={"api-version": Secret("2024-10-21")}
    )

    sent = adapter_for(request.endpoint).encode(request)

    assert sent.url == f"{base}{wire.url.partition('/v1')[2]}?api-version=2024-10-21"


@pytest.mark.parametrize(
    "echo",
    [
        "Basic dG9rZW46c2stY29uZm9ybWFuY2UtMDEyMzQ1Njc4OQ==",
        "code=hush%2Bhush%26%2Fx",
        "code=hush%2Bhush%26/x",
        "hush+hush&/x",
        "id:client-hush",
        "aWQ6Y2xpZW50LWh1c2g=",
        "http://ann:proxy%20hush@proxy:1",
        "proxy hush",
        "YW5uOnByb3h5IGh1c2g=",
    ],
)
def test_no_form_of_a_secret_that_the_server_echoes_is_kept(wire: Wire, echo: str) -> None:
    request = replace_endpoint(
        wire.request(),
        query={"code": Secret("hush+hush&/x")},
        oauth=OAuth(client_id="id", client_secret=Secret("client-hush"), token_url="http://h/t"),
        proxy=Secret("http://ann:proxy%20hush@proxy:1"),
    )
    body = orjson.dumps({"error": {"message": f"I was sent {echo} today"}})

    outcome = adapter_for(request.endpoint).decode(request, body)

    shown = repr(outcome)
    assert "***" in shown
    for word in ("hush", "dG9rZW46", "aWQ6Y2xp", "YW5uOnBy"):
        assert word not in shown


def test_writing_a_request_twice_gives_the_same_bytes(wire: Wire) -> None:
    request = wire.request()
    adapter = adapter_for(request.endpoint)

    assert adapter.encode(request) == adapter.encode(request)


def test_whole_numbers_are_written_as_such(wire: Wire) -> None:
    request = wire.request()

    sent = adapter_for(request.endpoint).encode(request)

    assert b"100.0" not in sent.body


def test_without_a_key_nobody_is_authorized(wire: Wire) -> None:
    request = replace_endpoint(wire.request(), api_key=None, headers={})

    sent = adapter_for(request.endpoint).encode(request)

    assert dict(sent.headers) == {
        "Accept": "application/json",
        "Content-Type": "application/json",
        **wire.fixed,
    }


def test_own_headers_go_before_the_usual_ones_however_they_are_spelt(wire: Wire) -> None:
    own = {name.upper(): Secret(f"own {name}") for name in ("Accept", *wire.key, *wire.fixed)}
    request = replace_endpoint(wire.request(), headers=own)

    sent = adapter_for(request.endpoint).encode(request)

    assert dict(sent.headers) == {
        "Content-Type": "application/json",
        **{name: value.reveal() for name, value in own.items()},
    }


def test_no_text_of_anything_shows_a_secret(wire: Wire) -> None:
    request = wire.request()
    adapter = adapter_for(request.endpoint)
    sent = adapter.encode(request)

    for shown in (request, request.endpoint, request.endpoint.headers, sent, adapter):
        assert_no_secret(repr(shown))
        assert_no_secret(str(shown))


def test_a_refused_input_does_not_show_a_secret(wire: Wire) -> None:
    request = wire.request({})

    with pytest.raises(StatementError) as refused:
        adapter_for(request.endpoint).encode(request)

    assert refused.value.condition == "AI_FUNCTION_UNSUPPORTED_REQUEST"
    assert "'under-test'" in str(refused.value)
    assert_no_secret(str(refused.value))


@pytest.mark.parametrize(
    "name",
    ["messages", "prompt", "input", "model", "stream", "response_format", "n", "files", "Messages"],
)
def test_a_parameter_that_belongs_to_the_request_is_refused(wire: Wire, name: str) -> None:
    endpoint = wire.request().endpoint
    expected = "UNSUPPORTED_ENDPOINT_TYPE" if wire.task == "custom" else "FOUND_RESERVED"
    if (wire.provider, name) == ("anthropic", "n"):
        expected = "UNSUPPORTED_MODEL_PARAMETER"

    with pytest.raises(StatementError, match=rf"PARAMETERS\.{expected}.*'under-test'"):
        adapter_for(endpoint).check(endpoint, {name: 1})


def test_the_documented_parameters_are_accepted(wire: Wire) -> None:
    endpoint = wire.request().endpoint

    assert adapter_for(endpoint).check(endpoint, wire.parameters) is None  # type: ignore[func-returns-value]  # that it returns is the claim


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"response_format": {"type": "json_object"}}, "takes no responseFormat"),
        ({"system": "Be brief."}, "takes no system instruction"),
        ({"files": (PICTURE,)}, "takes no files"),
    ],
)
def test_what_only_chat_has_is_refused_elsewhere(
    wire: Wire, changes: dict[str, object], problem: str
) -> None:
    request = replace(wire.request(), **changes)  # type: ignore[arg-type]  # as given
    adapter = adapter_for(request.endpoint)

    if wire.task == "chat":
        assert len(adapter.encode(request).body) > len(adapter.encode(wire.request()).body)
    else:
        with pytest.raises(StatementError, match=problem) as refused:
            adapter.encode(request)
        assert refused.value.condition == "AI_FUNCTION_UNSUPPORTED_REQUEST"


def test_a_system_message_beside_the_system_instruction_is_refused(chat: Wire) -> None:
    messages = [{"role": "system", "content": "Rhyme."}, {"role": "user", "content": "Hello"}]
    request = replace(chat.request({"messages": messages}), system="Be brief.")

    with pytest.raises(StatementError, match="takes the system role once, first") as refused:
        adapter_for(request.endpoint).encode(request)

    assert refused.value.condition == "AI_FUNCTION_UNSUPPORTED_REQUEST"


def test_files_without_a_message_of_the_user_are_refused(chat: Wire) -> None:
    messages = [{"role": "assistant", "content": "Hello"}]
    request = replace(chat.request({"messages": messages}), files=(PICTURE,))

    with pytest.raises(StatementError, match="takes files with a message of the user only"):
        adapter_for(request.endpoint).encode(request)


def test_a_system_message_means_the_same_as_a_system_instruction(chat: Wire) -> None:
    user = {"role": "user", "content": "Hello"}
    system = {"role": "system", "content": "Be brief."}
    of_a_struct = chat.request({"messages": [system, user]})
    beside = replace(chat.request("Hello"), system="Be brief.")
    adapter = adapter_for(beside.endpoint)

    assert adapter.encode(of_a_struct) == adapter.encode(beside)


def test_an_endpoint_travels_to_another_process(wire: Wire) -> None:
    request = wire.request()

    assert pickle.loads(pickle.dumps(request)) == request  # noqa: S301 - our own bytes


def test_what_was_declared_speaks_the_format_it_was_declared_with(wire: Wire) -> None:
    endpoint: Endpoint = wire.request().endpoint

    assert (endpoint.provider, endpoint.task) == (wire.provider, wire.task)
    assert (endpoint.api, endpoint.format) == (wire.api, wire.format)
