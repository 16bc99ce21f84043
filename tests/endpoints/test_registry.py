from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from airquery.endpoints import Endpoint, Limits, Price, Registry, Secret
from airquery.endpoints.declaration import endpoint_from_fields
from airquery.endpoints.endpoint import PerDay
from airquery.errors import InvalidEndpoint, InvalidSetting, UnknownEndpoint
from airquery.settings import Settings


if TYPE_CHECKING:
    from pathlib import Path


FILE = """
endpoints:
  reviews-llm:
    task: chat                    # chat | completions | embeddings | custom
    provider: openai
    base_url: http://127.0.0.1:8080/v1/
    model: my-model
    api_key: ${REVIEWS_LLM_KEY}
    timeout_s: 60
    headers: {X-Tenant: "Token ${TENANT}"}
    limits:
      concurrency: auto
      max_attempts: 3
      deadline_s: 30
      requests_per_minute: 500
      requests_per_hour: 9000
      tokens_per_minute: 200000
      input_tokens_per_minute: 150000
      output_tokens_per_minute: null
      hedge: false
    price: {input_per_million: 0.15, output_per_million: 0.60, currency: EUR}
    budget: {per_day: {requests: 1000, money: 5}}
  ner:
    task: custom
    base_url: http://127.0.0.1:9000/invocations
"""
ENVIRON = {"REVIEWS_LLM_KEY": "sk-1\n", "TENANT": "abc"}
REVIEWS_LLM = Endpoint(
    name="reviews-llm",
    task="chat",
    base_url="http://127.0.0.1:8080/v1",
    model="my-model",
    api_key=Secret("sk-1"),
    headers={"X-Tenant": Secret("Token abc")},
    timeout_s=60,
    limits=Limits(
        concurrency=None,
        requests_per_minute=500,
        requests_per_hour=9000,
        tokens_per_minute=200_000,
        input_tokens_per_minute=150_000,
        max_attempts=3,
        deadline_s=30,
        hedge=False,
    ),
    price=Price(input_per_million=0.15, output_per_million=0.6, currency="EUR"),
    per_day=PerDay(requests=1000, money=5.0),
)
FIELDS = {"task": "chat", "base_url": "http://h/v1", "model": "m"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "endpoints.yaml"
    path.write_text(FILE)
    return path


def test_a_file_declares_endpoints(file: Path) -> None:
    registry = Registry.read(file, ENVIRON)

    assert registry.names() == ("ner", "reviews-llm")
    assert registry.get("reviews-llm") == REVIEWS_LLM
    assert registry.get("ner") == Endpoint(
        name="ner", task="custom", provider="custom", base_url="http://127.0.0.1:9000/invocations"
    )


def test_settings_and_the_environment_name_the_file(file: Path, tmp_path: Path) -> None:
    by_settings = Registry.read(Settings.read(home=tmp_path, endpoints=file), ENVIRON)
    by_variable = Registry.read(None, {**ENVIRON, "AIRQUERY_ENDPOINTS": str(file)})

    assert by_settings == by_variable == Registry.read(str(file), ENVIRON)


def test_without_a_file_and_variables_nothing_is_registered(tmp_path: Path) -> None:
    assert Registry.read(None, {"AIRQUERY_ENDPOINTS": " "}).names() == ()
    assert Registry.read(Settings.read(home=tmp_path, endpoints=None), {}).names() == ()


def test_an_unset_key_stops_only_its_own_endpoint(file: Path) -> None:
    registry = Registry.read(file, {"TENANT": "abc"})

    assert registry.names() == ("ner", "reviews-llm")
    assert registry.get("ner").task == "custom"
    for _ in range(2):
        with pytest.raises(InvalidEndpoint) as unset:
            registry.get("reviews-llm")
        assert str(unset.value) == (
            f"Endpoint 'reviews-llm' ({file}): field 'api_key' takes ${{REVIEWS_LLM_KEY}} from the "
            "environment, where REVIEWS_LLM_KEY is not set. Set REVIEWS_LLM_KEY."
        )


def test_a_variable_declares_an_endpoint_and_goes_before_the_file(file: Path) -> None:
    environ = {
        **ENVIRON,
        "AIRQUERY_ENDPOINT_REVIEWS_LLM": '{"task": "chat", "base_url": "http://h", "model": "m"}',
        "AIRQUERY_ENDPOINT_VECTORS": "task: embeddings\nbase_url: http://h/v1\nmodel: e",
        "AIRQUERY_ENDPOINT_OFF": " ",
    }

    registry = Registry.read(file, environ)

    assert registry.names() == ("ner", "reviews-llm", "vectors")
    assert registry.get("reviews-llm") == Endpoint(
        name="reviews-llm", task="chat", base_url="http://h", model="m"
    )


def test_a_variable_that_is_no_mapping_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidEndpoint, match=r"'x' \(AIRQUERY_ENDPOINT_X\): it must be a mapping"):
        Registry.read(None, {"AIRQUERY_ENDPOINT_X": "http://h/v1"})


def test_a_variable_that_is_not_yaml_is_refused_without_being_shown() -> None:
    with pytest.raises(InvalidSetting) as refused:
        Registry.read(None, {"AIRQUERY_ENDPOINT_X": "{api_key: sk-secret"})

    assert str(refused.value) == (
        "The environment variable AIRQUERY_ENDPOINT_X, line 1, column 20, is not YAML. "
        "Mend it there."
    )


def test_two_variables_of_one_name_are_refused() -> None:
    fields = '{"task": "chat", "base_url": "http://h", "model": "m"}'
    environ = {"AIRQUERY_ENDPOINT_A_B": fields, "AIRQUERY_ENDPOINT_A-B": fields}

    with pytest.raises(InvalidSetting, match=r"both declare endpoint 'a-b'\. Unset one"):
        Registry.read(None, environ)


def test_a_name_is_looked_up_exactly() -> None:
    registry = Registry.from_mapping({"reviews-llm": FIELDS}, {})

    with pytest.raises(UnknownEndpoint, match=r"'Reviews-LLM' is not registered\. Did you mean"):
        registry.get("Reviews-LLM")


def test_adding_to_a_registry_makes_another() -> None:
    first = Registry.from_mapping({"a": FIELDS, "b": FIELDS}, {})
    other = Endpoint(name="b", task="chat", base_url="http://other/v1", model="m")

    second = first.with_endpoints(other)

    assert second.get("b") is other
    assert second.get("a") == first.get("a")
    assert first.get("b").base_url == "http://h/v1"
    assert first != second


def test_python_registers_endpoints_and_fields_under_the_given_name() -> None:
    registry = Registry.from_mapping({"a": REVIEWS_LLM, "b": {**FIELDS, "api_key": "${K}"}}, {})

    assert registry.get("a").name == "a"
    with pytest.raises(InvalidEndpoint, match=r"'b' \(Python\): .* Set K\."):
        registry.get("b")


def test_the_same_fields_are_the_same_endpoint_from_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text("endpoints: {llm: {task: chat, base_url: 'http://h/v1', model: m}}")
    variable = {"AIRQUERY_ENDPOINT_LLM": "{task: chat, base_url: 'http://h/v1', model: m}"}

    assert (
        Registry.read(path, {}).get("llm")
        == Registry.read(None, variable).get("llm")
        == Registry.from_mapping({"llm": FIELDS}, {}).get("llm")
        == endpoint_from_fields("llm", FIELDS, source="connection", environ={})
    )


def test_a_key_in_clear_text_works_and_is_warned_about_without_being_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(
        "endpoints: {llm: {task: chat, base_url: 'http://h', model: m, api_key: sk-clear}}"
    )

    with caplog.at_level(logging.WARNING):
        key = Registry.read(path, {}).get("llm").api_key

    assert key == Secret("sk-clear")
    assert [record.getMessage() for record in caplog.records] == [
        (
            f"Endpoint 'llm' ({path}) holds its api_key in clear text. "
            "Write api_key: ${NAME} and set NAME in the environment."
        )
    ]


def test_a_key_that_is_a_secret_or_in_the_environment_is_not_warned_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    endpoint_from_fields(
        "a", {**FIELDS, "api_key": Secret("sk-1")}, source="connection", environ={}
    )
    registry = Registry.read(
        None, {"AIRQUERY_ENDPOINT_A": "{task: chat, base_url: 'http://h', model: m, api_key: sk-2}"}
    )

    assert registry.get("a").api_key == Secret("sk-2")
    assert caplog.records == []


def test_a_connection_may_hold_secrets_in_headers_and_names_what_is_missing() -> None:
    fields = {**FIELDS, "headers": {"X-Tenant": Secret("abc ")}}

    made = endpoint_from_fields("a", fields, source="connection", environ={})
    with pytest.raises(InvalidEndpoint, match=r"'a' \(connection\): .* Set K\."):
        endpoint_from_fields("a", {**FIELDS, "api_key": "${K}"}, source="connection", environ={})

    assert made.headers == {"X-Tenant": Secret("abc")}


def test_variables_are_taken_when_the_registry_is_made() -> None:
    environ = {"K": "sk-1", "HOST": "h"}
    fields = {**FIELDS, "base_url": "http://${HOST}/v1", "model": "m-${HOST}", "api_key": "${K}"}

    registry = Registry.from_mapping({"a": fields}, environ)
    environ.clear()

    assert registry.get("a").base_url == "http://h/v1"
    assert registry.get("a").model == "m-h"
    assert registry.get("a").api_key == Secret("sk-1")


def test_a_registry_shows_no_secret() -> None:
    registry = Registry.from_mapping({"a": {**FIELDS, "api_key": "${K}"}}, {"K": "sk-secret"})

    assert "sk-secret" not in repr(registry)
    assert "sk-secret" not in f"{registry.get('a')} {registry.get('a').api_key}"


def test_importing_an_endpoint_loads_no_parser() -> None:
    code = (
        "import airquery.endpoints.endpoint, airquery.endpoints.registry, sys;"
        "print({'pydantic', 'yaml'} & set(sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )

    assert done.stdout == "set()\n"
