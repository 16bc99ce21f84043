"""How an endpoint is reached, as it is declared: what goes together, and what is refused."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

import pytest
import yaml

from airquery.endpoints import Endpoint, Registry, Secret
from airquery.endpoints.endpoint import OAuth, Tls
from airquery.errors import InvalidEndpoint


if TYPE_CHECKING:
    from pathlib import Path

AZURE = """
task: chat
base_url: https://x.openai.azure.com/openai/deployments/gpt-4o
model: gpt-4o
api_key: ${AZURE_KEY}
api_key_header: api-key
query: {api-version: 2024-10-21, code: "${CODE}", n: 5}
"""
DATABRICKS = """
task: chat
base_url: https://dbc-1.cloud.databricks.com/serving-endpoints
model: databricks-llm
oauth:
  client_id: ${CLIENT_ID}
  client_secret: ${CLIENT_SECRET}
  authorization_details:
    - {type: workspace_permission, actions: [query_inference_endpoint]}
"""
ENVIRON = {"AZURE_KEY": "k-azure", "CODE": "c-hush", "CLIENT_ID": "sp-1", "CLIENT_SECRET": "s-hush"}
CHAT = {"task": "chat", "base_url": "http://h/v1", "model": "m"}
CUSTOM = {"task": "custom", "base_url": "http://h"}


def declared(text: str, **changes: object) -> Endpoint:
    fields = {**yaml.safe_load(text), **changes}
    return Registry.from_mapping({"llm": fields}, ENVIRON).get("llm")


def refusal(fields: dict[str, object]) -> str:
    with pytest.raises(InvalidEndpoint) as refused:
        Registry.from_mapping({"llm": fields}, ENVIRON).get("llm")
    shown = "".join(traceback.format_exception(refused.value))
    assert "hush" not in shown
    return str(refused.value)


def test_azure_is_a_key_in_a_header_of_its_own_and_a_version_in_the_query() -> None:
    assert declared(AZURE) == Endpoint(
        name="llm",
        task="chat",
        base_url="https://x.openai.azure.com/openai/deployments/gpt-4o",
        model="gpt-4o",
        api_key=Secret("k-azure"),
        api_key_header="api-key",
        query={
            "api-version": Secret("2024-10-21"),
            "code": Secret("c-hush"),
            "n": Secret("5"),
        },
    )


@pytest.mark.parametrize(
    ("environ", "key"), [({}, None), ({"KEY": " "}, None), ({"KEY": "k-1"}, Secret("k-1"))]
)
def test_a_key_may_be_sent_only_where_its_variable_is_set(
    environ: dict[str, str], key: Secret | None
) -> None:
    registry = Registry.from_mapping({"llm": {**CHAT, "api_key": "${KEY:-}"}}, environ)

    assert registry.get("llm").api_key == key


def test_only_a_whole_key_is_optional() -> None:
    for fields in ({"api_key": "k-${KEY:-}"}, {"model": "${KEY:-}"}, {"api_key": "${KEY:-hush}"}):
        assert "Write ${NAME}, with letters" in refusal({**CHAT, **fields})


def test_databricks_is_a_principal_whose_token_comes_from_the_same_host() -> None:
    assert declared(DATABRICKS).oauth == OAuth(
        client_id="sp-1",
        client_secret=Secret("s-hush"),
        token_url="https://dbc-1.cloud.databricks.com/oidc/v1/token",
        scope="all-apis",
        authorization_details='[{"type":"workspace_permission","actions":["query_inference_endpoint"]}]',
    )


def test_a_personal_token_may_go_as_basic() -> None:
    endpoint = declared(AZURE, api_key_header=None, api_key_scheme="basic")

    assert (endpoint.api_key_header, endpoint.api_key_scheme) == (None, "basic")


def test_certificates_and_a_proxy_are_declared(tmp_path: Path) -> None:
    for name in ("ca.pem", "own.pem"):
        (tmp_path / name).touch()
    endpoint = Registry.from_mapping(
        {
            "llm": {
                **CHAT,
                "tls": {"ca_bundle": "${HERE}/ca.pem", "client_cert": str(tmp_path / "own.pem")},
                "proxy": "http://ann:${PASSWORD}@proxy.example.com:3128",
            }
        },
        {"HERE": str(tmp_path), "PASSWORD": "p-hush"},
    ).get("llm")

    assert endpoint.tls == Tls(
        ca_bundle=str(tmp_path / "ca.pem"), client_cert=str(tmp_path / "own.pem")
    )
    assert endpoint.proxy == Secret("http://ann:p-hush@proxy.example.com:3128")
    assert "hush" not in repr(endpoint)


def test_what_a_custom_model_returns_is_declared() -> None:
    returns = "STRUCT<label: STRING, score: DOUBLE>"

    endpoint = Registry.from_mapping({"llm": {**CUSTOM, "returns": returns}}, {}).get("llm")

    assert endpoint.returns == returns


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"api_key": "k-hush", "oauth": {"client_id": "a", "client_secret": "s-hush"}},
            "api_key and oauth are two ways to be let in. Keep one of them.",
        ),
        (
            {"api_key_header": "api-key"},
            (
                "field 'api_key_header' says how api_key is sent, and there is none. "
                "Add api_key, or leave it out."
            ),
        ),
        (
            {"api_key_scheme": "basic"},
            (
                "field 'api_key_scheme' says how api_key is sent, and there is none. "
                "Add api_key, or leave it out."
            ),
        ),
        (
            {"api_key": "k-hush", "api_key_header": "api-key", "api_key_scheme": "basic"},
            "a key in a header of its own has no scheme. Keep api_key_header or api_key_scheme.",
        ),
        (
            {"api_key": "k-hush", "api_key_scheme": "digest"},
            "field 'api_key_scheme' is 'digest' but should be 'bearer' or 'basic'.",
        ),
        (
            {"api_key": "k-hush", "api_key_header": "api key"},
            "api_key_header: 'api key' cannot be the name of a header. Mend it.",
        ),
        (
            {"api_key": "k-hush", "api_key_header": "Host"},
            "api_key_header: 'Host' is set by airquery. Leave it out.",
        ),
        (
            {"api_key": "k-hush", "api_key_header": "Api-Key", "headers": {"api-key": "x"}},
            "api_key and the header Api-Key say the same. Keep one of them.",
        ),
        (
            {
                "oauth": {"client_id": "a", "client_secret": "s-hush"},
                "headers": {"authorization": "x"},
            },
            "oauth and the header Authorization say the same. Keep one of them.",
        ),
        (
            {"oauth": {"client_id": "a"}},
            (
                "field 'oauth.client_secret' is missing. "
                "Add it, for example client_secret: ${CLIENT_SECRET}."
            ),
        ),
        (
            {"oauth": {"client_id": "a", "client_secret": "s-hush", "scop": "x"}},
            "field 'oauth.scop' is unknown. Did you mean 'scope'?",
        ),
        (
            {"oauth": {"client_id": "a", "client_secret": "s-hush", "token_url": "h/token"}},
            (
                "field 'oauth.token_url' must be an http:// or https:// URL without a user, a '?' or "
                "a '#'. Write for example token_url: https://host/oidc/v1/token."
            ),
        ),
        (
            {"oauth": {"client_id": "a", "client_secret": "${NOT_SET}"}},
            (
                "field 'oauth.client_secret' takes ${NOT_SET} from the environment, where NOT_SET is "
                "not set. Set NOT_SET."
            ),
        ),
        ({"oauth": "hush"}, "field 'oauth' should be a mapping, with one 'name: value' a line."),
        ({"query": {"": "x"}}, "query: a parameter has no name. Give it one."),
        (
            {"query": {"a": True}},
            "field 'query.a': must be text that is not blank. Put quotes around a number.",
        ),
        (
            {"query": {"a": "${1}"}},
            (
                "field 'query.a' holds a '${' that no variable name and '}' follow. "
                "Write ${NAME}, with letters, digits and underscores only."
            ),
        ),
        (
            {"tls": {"ca_bundle": "/no/such/ca.pem"}},
            (
                "field 'tls.ca_bundle' names '/no/such/ca.pem', where no file is. "
                "Put a PEM file there, or correct the path."
            ),
        ),
        ({"tls": {"verify": "no"}}, "field 'tls.verify' is 'no' but should be a valid boolean."),
        ({"tls": {"verfy": False}}, "field 'tls.verfy' is unknown. Did you mean 'verify'?"),
        (
            {"proxy": "socks5://ann:hush@proxy:1080"},
            (
                "field 'proxy' must be an http:// URL without a path. "
                "Write for example proxy: http://user:${PASSWORD}@proxy.example.com:3128."
            ),
        ),
        (
            {"proxy": "http://ann:hush@proxy:3128/path"},
            (
                "field 'proxy' must be an http:// URL without a path. "
                "Write for example proxy: http://user:${PASSWORD}@proxy.example.com:3128."
            ),
        ),
        (
            {"returns": "STRING"},
            (
                "field 'returns' does not go with task 'chat': only a custom model's answers have a "
                "type of their own. Leave it out, or use returnType in the statement."
            ),
        ),
        (
            {**CUSTOM, "model": None, "returns": "StringType"},
            (
                "field 'returns' is no type of an answer: [AI_FUNCTION_UNSUPPORTED_RETURN_TYPE] "
                "returns 'StringType': it is not a SQL type. Write a type, for example 'STRING', "
                "'ARRAY<DOUBLE>' or 'STRUCT<name: STRING, total: DOUBLE>'. SQLSTATE: 0A000"
            ),
        ),
    ],
)
def test_what_does_not_go_together_is_named_with_its_mend(
    fields: dict[str, object], problem: str
) -> None:
    assert refusal({**CHAT, **fields}) == f"Endpoint 'llm' (Python): {problem}"


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        (
            {"oauth": {"client_id": "a", "client_secret": "s-hush"}},
            (
                "Endpoint 'llm' (Python) holds its oauth.client_secret in clear text. "
                "Write client_secret: ${NAME} and set NAME in the environment."
            ),
        ),
        (
            {"proxy": "http://ann:p-hush@proxy:1"},
            (
                "Endpoint 'llm' (Python) holds its proxy in clear text. "
                "Write proxy: ${NAME} and set NAME in the environment."
            ),
        ),
        (
            {"tls": {"verify": False}},
            (
                "Endpoint 'llm' (Python) trusts any server, because tls.verify is false: whoever "
                "answers in its place reads the key and the requests. "
                "Name the server's authority in tls.ca_bundle."
            ),
        ),
    ],
)
def test_what_should_not_stay_is_warned_about(
    caplog: pytest.LogCaptureFixture, fields: dict[str, object], warning: str
) -> None:
    with caplog.at_level(logging.WARNING):
        Registry.from_mapping({"llm": {**CHAT, **fields}}, {})

    assert [record.getMessage() for record in caplog.records] == [warning]


def test_secrets_in_the_environment_or_none_at_all_are_not_warned_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fields = (
        "{task: chat, base_url: 'http://h/v1', model: m, proxy: 'http://ann:hush@p:1', "
        "oauth: {client_id: a, client_secret: s-hush}}"
    )

    known = Registry.read(None, {"AIRQUERY_ENDPOINT_A": fields})
    Registry.from_mapping({"b": {**CHAT, "proxy": "http://p:1"}}, {})

    oauth = known.get("a").oauth
    assert oauth is not None
    assert oauth.client_secret == Secret("s-hush")
    assert caplog.records == []
