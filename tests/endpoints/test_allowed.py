"""Which addresses endpoints may have, and the ways around it that are closed."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st
from yarl import URL

import airquery
from airquery.answer import Failure
from airquery.endpoints import Registry
from airquery.endpoints.allowed import Place, read, refusal
from airquery.endpoints.declaration import endpoint_from_fields
from airquery.endpoints.endpoint import Endpoint, OAuth, Secret
from airquery.errors import EndpointRefused, InvalidEndpoint, InvalidSetting, Unreachable


if TYPE_CHECKING:
    from airquery.testing import EndpointServer


ALLOWED = (
    "https://api.openai.com/v1, *.openai.azure.com, HTTPS://Gateway.example.com:8443/llm/, "
    "http://127.0.0.1:8077, https://[::1]:9000, https://xn--bcher-kva.example"
)
VARIABLE = "AIRQUERY_ALLOWED_URLS"
BY_SETTING = f"is not allowed by {VARIABLE}. Add it there, or ask another endpoint."


def places(text: str = ALLOWED) -> tuple[Place, ...]:
    found = read({VARIABLE: text})
    assert found is not None
    return found


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://api.openai.com/v1/chat/completions?api-version=1",
        "https://API.OpenAI.com:443/v1/",
        "https://api.openai.com./v1",
        "https://one.openai.azure.com/anything",
        "https://two.of.them.openai.azure.com",
        "https://gateway.example.com:8443/llm/openai",
        "http://127.0.0.1:8077",
        "https://[0:0::1]:9000/v1",
        "https://xn--bcher-kva.example/v1",
        "https://api.openai.com/v1/a%2Fmodel",
    ],
)
def test_what_is_listed_may_be_asked(url: str) -> None:
    assert refusal(url, places()) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com.evil.org/v1",
        "https://evil.org/https://api.openai.com/v1",
        "https://api.openai.com@evil.org/v1",
        "https://api.openai.com:443@evil.org/v1",
        "https://user:password@api.openai.com/v1",
        "https://evil.org\\@api.openai.com/v1",
        "https://api.openai.com\\.evil.org/v1",
        "https://evil.org#@api.openai.com/v1",
        "https://evil.org?@api.openai.com/v1",
        "https://api.openai.com\t.evil.org/v1",
        "\x00https://api.openai.com/v1",
        "https://api.openai.com%2eevil.org/v1",
        "https://api.openai.com..",
        "https://api.openai.com:444/v1",
        "https://api.openai.com:99999/v1",
        "http://api.openai.com/v1",
        "http://api.openai.com:443/v1",
        "ftp://api.openai.com/v1",
        "//api.openai.com/v1",
        "https:///v1",
        "https://api.openai.com",
        "https://api.openai.com/v10",
        "https://api.openai.com/V1",
        "https://api.openai.com//v1",
        "https://api.openai.com/v1/../admin",
        "https://api.openai.com/v1/%2e%2e/admin",
        "https://api.openai.com/v1/..%2fadmin",
        "https://api.openai.com/v1/%252e%252e%252fadmin",
        "https://api.openai.com/v1/..%5cadmin",
        "https://openai.azure.com",
        "https://evilopenai.azure.com",
        "https://*.openai.azure.com",
        "https://a.openai.azure.com.evil.org",
        "https://\uff41pi.openai.com/v1",
        "https://\u0430pi.openai.com/v1",
        "https://bücher.example/v1",
        "https://gateway.example.com/llm",
        "https://gateway.example.com:8443/llms",
        "http://127.0.0.1:8078",
        "http://127.1:8077",
        "http://2130706433:8077",
        "http://0x7f.0.0.1:8077",
        "http://[::ffff:127.0.0.1]:8077",
        "https://[::1%25eth0]:9000",
        "https://[::2]:9000",
        "https://[::1",
    ],
)
def test_what_is_not_listed_and_what_only_looks_like_it_is_refused(url: str) -> None:
    said = refusal(url, places())
    assert said is not None
    assert VARIABLE in said
    assert "password" not in said


@given(
    st.text(st.sampled_from("ahtps:/\\@.#?%2e[]0144388.é\uff41*-\t"), max_size=30).map(
        lambda text: f"https://api.openai.com{text}"
    )
    | st.text(max_size=30).map(lambda text: f"https://{text}/v1")
)
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_whatever_is_let_through_goes_to_a_listed_host_as_the_http_client_reads_it(
    url: str,
) -> None:
    if refusal(url, places()) is None:
        asked = URL(url)
        host = (asked.raw_host or "").removesuffix(".").lower()
        if ":" in host:
            host = str(ipaddress.ip_address(host))
        assert (asked.scheme, host, asked.port) in {
            (place.scheme, place.host, place.port) for place in places()
        } or host.endswith(".openai.azure.com")
        assert asked.raw_path.startswith("/v1") or "openai.com" not in host


def test_without_a_list_everything_may_be_asked() -> None:
    assert (read({}), read({VARIABLE: "  "})) == (None, None)
    assert refusal("https://anything.example", None) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (",", f"{VARIABLE} lists no URL."),
        ("https://a.example, ftp://b.example", "Entry 2 of AIRQUERY_ALLOWED_URLS is no http://"),
        ("https://user:hush@a.example", "Entry 1 of AIRQUERY_ALLOWED_URLS holds a user."),
        ("*", "has no host that can be compared."),
        ("https://*.*.example", "has no host that can be compared."),
        ("https://a.example/v1?key=hush", "holds a '?' or a '#'."),
        ("https://a.example/../v1", "holds '.' or '..' in its path."),
        ("https://bücher.example", "in its form that begins with xn--."),
    ],
)
def test_a_list_that_cannot_be_read_allows_nothing_and_is_named(text: str, problem: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        read({VARIABLE: text})
    assert problem in str(refused.value)
    assert "hush" not in str(refused.value)


CHAT = {"task": "chat", "base_url": "https://evil.org/v1", "model": "m"}


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({}, f"field 'base_url': 'https://evil.org/v1' {BY_SETTING}"),
        (
            {
                "base_url": "https://api.openai.com/v1",
                "oauth": {
                    "client_id": "c",
                    "client_secret": "s",
                    "token_url": "https://evil.org/t",
                },
            },
            f"field 'oauth.token_url': 'https://evil.org/t' {BY_SETTING}",
        ),
        (
            {"base_url": "https://api.openai.com/v1", "proxy": "http://me:hush@evil.org:3128"},
            f"field 'proxy': 'http://evil.org:3128' {BY_SETTING}",
        ),
    ],
)
def test_an_endpoint_elsewhere_is_refused_when_it_is_made(
    more: dict[str, Any], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, ALLOWED)
    registry = Registry.from_mapping({"llm": {**CHAT, **more}}, {})

    with pytest.raises(InvalidEndpoint) as declared:
        registry.get("llm")
    with pytest.raises(InvalidEndpoint) as of_a_connection:
        endpoint_from_fields("llm", {**CHAT, **more}, source="Python", environ={})

    assert (
        str(declared.value) == str(of_a_connection.value) == f"Endpoint 'llm' (Python): {problem}"
    )


def test_an_endpoint_made_in_python_is_refused_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint(name="llm", task="chat", base_url="https://evil.org/v1", model="m")
    function = airquery.function_endpoint(str, name="function")
    monkeypatch.setenv(VARIABLE, ALLOWED)

    for registry in (
        Registry.from_mapping({"llm": endpoint, "function": function}),
        Registry().with_endpoints(endpoint, function),
    ):
        with pytest.raises(
            InvalidEndpoint, match=r"field 'base_url': 'https://evil\.org/v1' is not"
        ):
            registry.get("llm")
        assert registry.get("function") == function


def test_nothing_is_sent_to_an_endpoint_that_is_not_allowed_any_more(
    server: EndpointServer, settings: airquery.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Registry.from_mapping({"llm": server.endpoint()})
    oauth = OAuth(client_id="c", client_secret=Secret("s"), token_url=f"{server.url}/token")
    monkeypatch.setenv(VARIABLE, "https://api.openai.com")

    with (
        airquery.connect(registry=before, settings=settings) as connection,
        pytest.raises(EndpointRefused, match="is not allowed by AIRQUERY_ALLOWED_URLS"),
    ):
        airquery.run(connection, "SELECT ai_query('llm', 'hello')")
    for endpoint in (server.endpoint(), server.endpoint(oauth=oauth)):
        with pytest.raises(Unreachable, match="is not allowed by AIRQUERY_ALLOWED_URLS") as refused:
            airquery.probe(endpoint)
        assert isinstance(refused.value.failure, Failure)
    assert server.count == 0


def test_an_endpoint_that_is_listed_is_asked(
    server: EndpointServer, settings: airquery.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"{server.url}/v1")
    registry = Registry.from_mapping({"llm": server.endpoint()})

    with airquery.connect(registry=registry, settings=settings) as connection:
        run = airquery.run(connection, "SELECT ai_query('llm', 'hello') AS s")

    assert run.table is not None
    assert (run.table.to_pylist(), server.count) == ([{"s": "hello"}], 1)
