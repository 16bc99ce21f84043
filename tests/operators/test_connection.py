from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import Connection

from airquery.endpoints.declaration import endpoint_from_fields
from airquery.endpoints.endpoint import Batch, Endpoint, Limits, OAuth, Price, Secret, Tls
from airquery.errors import InvalidEndpoint
from airquery_airflow.connection import fields_of


if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-secret"
REFERENCE = "${OTHER_KEY}"


def endpoint_of(conn_type: str, extra: object = None, **fields: object) -> Endpoint:
    connection = Connection(
        conn_id="llm",
        conn_type=conn_type,
        extra=None if extra is None else json.dumps(extra),
        **fields,  # type: ignore[arg-type]
    )
    return endpoint_from_fields("llm", fields_of(connection), source="test", environ={})


def test_the_fields_of_the_form_become_an_endpoint() -> None:
    endpoint = endpoint_of(
        "airquery_endpoint",
        {
            "task": "chat",
            "model": "m",
            "timeout_s": 20,
            "concurrency": 4,
            "requests_per_minute": 60,
            "tokens_per_minute": 9000,
            "input_per_million": 0.5,
            "output_per_million": 1.5,
            "currency": "EUR",
            "secret_headers": '{"X-Api-Key": "hush-hush"}',
        },
        host="https://llm.example.com/v1",
        password=KEY,
    )

    assert endpoint == Endpoint(
        name="llm",
        task="chat",
        base_url="https://llm.example.com/v1",
        model="m",
        timeout_s=20.0,
        api_key=Secret(KEY),
        headers={"X-Api-Key": Secret("hush-hush")},
        limits=Limits(concurrency=4, requests_per_minute=60, tokens_per_minute=9000),
        price=Price(input_per_million=0.5, output_per_million=1.5, currency="EUR"),
    )


def test_the_fields_of_the_endpoint_file_are_read_from_the_extra_too() -> None:
    endpoint = endpoint_of(
        "airquery_endpoint",
        {
            "model": "m",
            "limits": {"concurrency": 4, "max_attempts": 2},
            "price": {"input_per_million": 0.5},
            "headers": {"X-Team": "reviews"},
        },
        host="http://127.0.0.1:8080/v1",
    )

    assert endpoint.limits == Limits(concurrency=4, max_attempts=2)
    assert endpoint.price == Price(input_per_million=0.5)
    assert endpoint.headers == {"X-Team": Secret("reviews")}


@pytest.mark.parametrize(
    ("extra", "endpoint"),
    [
        (
            {"model": "m", "api": "responses"},
            Endpoint(name="llm", task="chat", base_url="http://h", model="m", api="responses"),
        ),
        (
            {"model": "m", "mode": "batch", "batch": '{"max_requests": 100}'},
            Endpoint(
                name="llm",
                task="chat",
                base_url="http://h",
                model="m",
                batch=Batch(max_requests=100),
            ),
        ),
        (
            {"task": "custom", "format": "inputs"},
            Endpoint(name="llm", task="custom", base_url="http://h", format="inputs"),
        ),
        (
            {"task": "embeddings", "provider": "databricks", "inputs_per_request": "8"},
            Endpoint(
                name="llm",
                task="embeddings",
                base_url="http://h",
                provider="databricks",
                limits=Limits(inputs_per_request=8),
            ),
        ),
    ],
)
def test_the_fields_of_a_wire_format_are_read(extra: dict[str, object], endpoint: Endpoint) -> None:
    assert endpoint_of("airquery_endpoint", extra, host="http://h") == endpoint


def test_a_connection_uri_gives_its_numbers_and_flags_as_text() -> None:
    connection = Connection.from_uri(
        "airquery-endpoint://:sk-secret@llm.example.com:8443/http?model=m&concurrency=4&timeout_s=2.5"
        "&requests_per_minute=60&tokens_per_minute=9000&hedge=false",
        conn_id="llm",
    )

    endpoint = endpoint_from_fields("llm", fields_of(connection), source="test", environ={})

    assert endpoint.base_url == "http://llm.example.com:8443"
    assert endpoint.limits == Limits(
        concurrency=4, requests_per_minute=60, tokens_per_minute=9000, hedge=False
    )
    assert endpoint.timeout_s == 2.5


@pytest.mark.parametrize(
    ("host", "port", "schema", "url"),
    [
        ("llm.example.com", None, None, "https://llm.example.com"),
        ("llm.example.com/v1", 8443, "http", "http://llm.example.com:8443/v1"),
        ("http://llm.example.com:8080/v1", 9, "https", "http://llm.example.com:8080/v1"),
        ("http://llm.example.com/v1/", 8080, None, "http://llm.example.com:8080/v1"),
    ],
)
def test_host_port_and_scheme_make_one_url(
    host: str, port: int | None, schema: str | None, url: str
) -> None:
    endpoint = endpoint_of("airquery_endpoint", {"model": "m"}, host=host, port=port, schema=schema)

    assert endpoint.base_url == url


def test_empty_fields_of_the_form_are_not_given() -> None:
    endpoint = endpoint_of(
        "airquery_endpoint",
        {"task": None, "model": "m", "provider": "", "timeout_s": None, "secret_headers": ""},
        host="http://127.0.0.1:8080/v1",
    )

    assert endpoint == Endpoint(
        name="llm", task="chat", base_url="http://127.0.0.1:8080/v1", model="m"
    )


def test_a_misspelt_field_is_refused_by_name() -> None:
    with pytest.raises(InvalidEndpoint, match=r"'modell' is unknown\. Did you mean 'model'"):
        endpoint_of("airquery_endpoint", {"modell": "m"}, host="http://127.0.0.1:8080/v1")


def test_secret_headers_that_are_no_json_are_refused_without_showing_them() -> None:
    with pytest.raises(InvalidEndpoint, match="'secret_headers' must be a JSON object") as caught:
        endpoint_of("airquery_endpoint", {"secret_headers": "X-Key: hush-hush"}, host="http://h/v1")

    assert "hush-hush" not in str(caught.value)


def test_a_pydanticai_connection_gives_model_and_key() -> None:
    endpoint = endpoint_of("pydanticai", {"model": "openai:gpt-5"}, password=KEY)

    assert endpoint.base_url == "https://api.openai.com/v1"
    assert endpoint.model == "gpt-5"
    assert endpoint.api_key == Secret(KEY)


def test_a_pydanticai_connection_with_a_host_asks_there() -> None:
    endpoint = endpoint_of(
        "pydanticai", {"model": "ollama:llama3", "fallback_conn_ids": ["b"]}, host="http://h:1/v1"
    )

    assert (endpoint.base_url, endpoint.model) == ("http://h:1/v1", "llama3")


def test_a_pydanticai_connection_to_somebody_else_needs_a_base_url() -> None:
    with pytest.raises(InvalidEndpoint, match="'base_url' is missing"):
        endpoint_of("pydanticai", {"model": "anthropic:claude"}, password=KEY)


def test_an_http_connection_gives_its_extra_as_headers() -> None:
    endpoint = endpoint_of(
        "http",
        {"model": "m", "X-Team": "reviews", "timeout": 5, "verify": False},
        host="llm.example.com",
        schema="https",
        password=KEY,
    )

    assert endpoint.base_url == "https://llm.example.com"
    assert endpoint.headers == {"X-Team": Secret("reviews")}
    assert endpoint.api_key == Secret(KEY)


def test_an_http_connection_with_a_login_authenticates_by_both() -> None:
    endpoint = endpoint_of("http", {"model": "m"}, host="http://h/v1", login="ann", password=KEY)

    assert endpoint.api_key is None
    assert endpoint.headers == {"Authorization": Secret("Basic YW5uOnNrLXNlY3JldA==")}


def test_a_connection_of_another_type_is_no_endpoint() -> None:
    with pytest.raises(InvalidEndpoint, match="of type 'postgres' is not an endpoint"):
        endpoint_of("postgres", host="h")


def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", "sk-other")

    endpoint = endpoint_of(
        "airquery_endpoint", {"model": "m"}, host="http://h/v1", password=REFERENCE
    )

    assert endpoint.api_key == Secret(REFERENCE)


def test_the_way_to_the_endpoint_is_read_from_the_extra(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()

    endpoint = endpoint_of(
        "airquery_endpoint",
        {
            "model": "m",
            "api_key_header": "api-key",
            "query": {"api-version": "2024-10-21"},
            "secret_query": '{"code": "hush-hush"}',
            "tls": {"ca_bundle": str(bundle)},
            "secret_proxy": "http://ann:hush@proxy:3128",
        },
        host="https://x.openai.azure.com/openai/deployments/m",
        password=KEY,
    )

    assert endpoint == Endpoint(
        name="llm",
        task="chat",
        base_url="https://x.openai.azure.com/openai/deployments/m",
        model="m",
        api_key=Secret(KEY),
        api_key_header="api-key",
        query={"api-version": Secret("2024-10-21"), "code": Secret("hush-hush")},
        tls=Tls(ca_bundle=str(bundle)),
        proxy=Secret("http://ann:hush@proxy:3128"),
    )


@pytest.mark.parametrize("conn_type", ["airquery_endpoint", "http"])
@pytest.mark.parametrize("oauth", [{"scope": "serving"}, '{"scope": "serving"}'])
def test_with_oauth_the_login_is_the_client_and_the_password_its_secret(
    conn_type: str, oauth: object
) -> None:
    endpoint = endpoint_of(
        conn_type, {"model": "m", "oauth": oauth}, host="https://h/v1", login="ann", password=KEY
    )

    assert (endpoint.api_key, endpoint.headers) == (None, {})
    assert endpoint.oauth == OAuth(
        client_id="ann",
        client_secret=Secret(KEY),
        token_url="https://h/oidc/v1/token",
        scope="serving",
    )


def test_what_stands_under_oauth_goes_before_login_and_password() -> None:
    declared = {"client_id": "bob", "client_secret": "his-secret"}

    endpoint = endpoint_of(
        "airquery_endpoint", {"model": "m", "oauth": declared}, host="https://h/v1", login="ann"
    )

    assert endpoint.oauth is not None
    assert (endpoint.oauth.client_id, endpoint.oauth.client_secret) == ("bob", Secret("his-secret"))


def test_oauth_without_a_client_names_what_is_missing() -> None:
    with pytest.raises(InvalidEndpoint, match=r"'oauth\.client_id' is missing.*client_secret"):
        endpoint_of("airquery_endpoint", {"model": "m", "oauth": {}}, host="https://h/v1")


@pytest.mark.parametrize("field", ["oauth", "tls", "query"])
def test_an_object_that_is_none_is_refused_without_showing_it(field: str) -> None:
    with pytest.raises(InvalidEndpoint, match=f"'{field}' must be a JSON object") as caught:
        endpoint_of("airquery_endpoint", {field: "hush-hush"}, host="http://h/v1")

    assert "hush-hush" not in str(caught.value)


def test_a_custom_models_type_is_read_from_the_extra() -> None:
    extra = {"task": "custom", "returns": "STRUCT<label: STRING>"}

    assert endpoint_of("airquery_endpoint", extra, host="http://h").returns == extra["returns"]
