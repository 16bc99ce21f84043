"""Which endpoint a function asks whose call names none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.endpoints.registry import Registry
from airquery.errors import InvalidSetting, NoDefaultEndpoint, UnknownEndpoint


if TYPE_CHECKING:
    from pathlib import Path

    from airquery.testing import EndpointServer


CHAT = {"task": "chat", "base_url": "http://127.0.0.1:1/v1", "model": "m"}
VECTORS = {"task": "embeddings", "base_url": "http://127.0.0.1:1/v1", "model": "v"}
TWO = {"small": CHAT, "large": CHAT, "vectors": VECTORS}


@pytest.mark.parametrize(
    ("endpoints", "functions", "task", "expected"),
    [
        ({"small": CHAT, "vectors": VECTORS}, {}, "chat", "small"),
        ({"small": CHAT, "vectors": VECTORS}, {}, "embeddings", "vectors"),
        (TWO, {"ai_gen": "large"}, "chat", "large"),
        (TWO, {"default": "small"}, "chat", "small"),
        (TWO, {"default": "small", "ai_gen": "large"}, "chat", "large"),
        (TWO, {"default": "small"}, "embeddings", "vectors"),
    ],
)
def test_the_function_decides_then_the_default_then_the_only_one_there_is(
    endpoints: dict[str, dict[str, object]], functions: dict[str, str], task: str, expected: str
) -> None:
    registry = Registry.from_mapping(endpoints, functions=functions)

    assert registry.default("ai_gen", task=task).name == expected


def test_without_a_default_the_message_says_how_to_set_one_and_what_there_is() -> None:
    with pytest.raises(NoDefaultEndpoint) as caught:
        Registry.from_mapping(TWO).default("ai_gen", task="chat")

    assert str(caught.value) == (
        "ai_gen names no endpoint, and there is no default for it. Write endpoint => 'name', or set "
        "one for all calls: 'functions: {ai_gen: name}' in the file that AIRQUERY_ENDPOINTS names, or "
        "the variable AIRQUERY_FUNCTION_AI_GEN. It takes an endpoint of task chat. There are large, "
        "small."
    )


def test_a_default_that_is_not_registered_is_named() -> None:
    registry = Registry.from_mapping(TWO, functions={"default": "smal"})

    with pytest.raises(UnknownEndpoint, match="Did you mean 'small'"):
        registry.default("ai_gen", task="chat")


def test_the_file_sets_defaults_and_the_environment_goes_before_it(tmp_path: Path) -> None:
    file = tmp_path / "endpoints.yaml"
    file.write_text(
        "endpoints:\n"
        "  small: {task: chat, base_url: 'http://127.0.0.1:1/v1', model: m}\n"
        "  large: {task: chat, base_url: 'http://127.0.0.1:1/v1', model: m}\n"
        "functions: {ai_gen: small, default: small}\n"
    )

    from_file = Registry.read(file, environ={})
    overridden = Registry.read(file, environ={"AIRQUERY_FUNCTION_AI_GEN": "large"})

    assert from_file.default("ai_gen", task="chat").name == "small"
    assert overridden.default("ai_gen", task="chat").name == "large"
    assert overridden.default("ai_mask", task="chat").name == "small"


@pytest.mark.parametrize("given", ["[ai_gen]", "{ai_gen: 1}", "{ai_gen: null}"])
def test_functions_that_are_no_names_are_refused_with_an_example(
    tmp_path: Path, given: str
) -> None:
    file = tmp_path / "endpoints.yaml"
    file.write_text(f"endpoints: {{}}\nfunctions: {given}\n")

    with pytest.raises(InvalidSetting, match="default: my-llm"):
        Registry.read(file, environ={})


def test_a_default_for_what_is_no_function_is_refused_when_it_is_registered(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    registry = Registry.from_mapping(
        {"llm": server.endpoint("llm")}, functions={"ai_queery": "llm"}
    )

    with pytest.raises(InvalidSetting, match="Did you mean 'ai_query'"):
        airquery.connect(registry=registry, settings=settings)


def test_the_endpoints_of_a_statement_include_the_defaults_of_its_functions() -> None:
    registry = Registry.from_mapping(TWO, functions={"default": "small"})
    sql = "SELECT ai_query('large', x) FROM t"

    assert airquery.endpoint_names(sql, registry) == ["large"]
    assert airquery.endpoint_names(sql) == ["large"]
