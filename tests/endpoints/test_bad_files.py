"""Every way to write an endpoint file wrong is told with its name and its mend."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest

from airquery.endpoints.registry import Registry
from airquery.errors import ConfigurationError, InvalidEndpoint, InvalidSetting


if TYPE_CHECKING:
    from pathlib import Path


EXAMPLE = "{task: chat, base_url: 'http://127.0.0.1:8080/v1', model: my-model}"
URL_MEND = (
    "field 'base_url' must be an http:// or https:// URL. "
    "Write for example base_url: http://127.0.0.1:8080/v1."
)


def refusal(tmp_path: Path, text: str | bytes) -> ConfigurationError:
    path = tmp_path / "endpoints.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as refused:
        Registry.read(path, {})
    return refused.value


def with_line(line: str) -> str:
    lines = ["task: chat", "base_url: http://h/v1", "model: m", line]
    name = line.partition(":")[0]
    kept = [one for one in lines[:3] if one.partition(":")[0] != name]
    return "endpoints:\n  my-llm:\n" + "".join(f"    {one}\n" for one in [*kept, line])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "task: chta",
            "field 'task' is 'chta' but should be 'chat', 'completions', 'embeddings' or 'custom'.",
        ),
        ("base_url: ftp://h/v1", URL_MEND),
        ("base_url: h:8080/v1", URL_MEND),
        ("base_url: http://", URL_MEND),
        ("base_url: http://h:99999/v1", URL_MEND),
        ("base_url: http://h:0/v1", URL_MEND),
        ("base_url: http://[h/v1", URL_MEND),
        ("base_url: http://h h/v1", URL_MEND),
        (
            "base_url: http://user:sk-secret@h/v1",
            (
                "field 'base_url' must not hold a user, a '?' or a '#', because it is shown in "
                "messages. Put secrets in api_key, headers or query."
            ),
        ),
        (
            "base_url: http://h/v1?key=sk-secret",
            (
                "field 'base_url' must not hold a user, a '?' or a '#', because it is shown in "
                "messages. Put secrets in api_key, headers or query."
            ),
        ),
        (
            "base_url: http://h/v1/chat/completions/",
            (
                "field 'base_url' must not end with '/chat/completions', which is added to it. "
                "Leave it out."
            ),
        ),
        (
            "base_url: http://${HOST/v1",
            (
                "field 'base_url' holds a '${' that no variable name and '}' follow. "
                "Write ${NAME}, with letters, digits and underscores only."
            ),
        ),
        ("model: 4", "field 'model': must be text that is not blank. Put quotes around a number."),
        (
            "model: null",
            (
                "field 'model' is missing, which task 'chat' needs. "
                "Add it, for example model: my-model."
            ),
        ),
        ("modell: m", "field 'modell' is unknown. Did you mean 'model'?"),
        (
            "temperature: 0.5",
            (
                "field 'temperature' is unknown. Known: api, api_key, api_key_header, api_key_scheme, "
                "base_url, batch, budget, format, headers, identity, limits, mode, model, oauth, price, "
                "provider, proxy, query, returns, revision, task, timeout_s, tls."
            ),
        ),
        (
            "provider: gemini",
            (
                "field 'provider': 'gemini' is not supported by this version. Known: anthropic, "
                "custom, databricks, openai. What speaks the OpenAI format, as most gateways and servers do, is `openai`."
            ),
        ),
        (
            "provider: custom",
            (
                "task 'chat' does not go with provider 'custom', which has custom. Change one of "
                "them, or leave provider out."
            ),
        ),
        ("timeout_s: -1", "field 'timeout_s' is -1 but should be greater than 0."),
        ("timeout_s: 0", "field 'timeout_s' is 0 but should be greater than 0."),
        ("timeout_s: .nan", "field 'timeout_s' is nan but should be a finite number."),
        ("timeout_s: .inf", "field 'timeout_s' is inf but should be a finite number."),
        ("timeout_s: '60'", "field 'timeout_s' is '60' but should be a valid number."),
        (
            "limits: {concurrency: 0}",
            "field 'limits.concurrency' is 0 but should be greater than or equal to 1.",
        ),
        (
            "limits: {concurrency: yes}",
            "field 'limits.concurrency' is True but should be a valid integer.",
        ),
        (
            "limits: {concurency: 5}",
            "field 'limits.concurency' is unknown. Did you mean 'concurrency'?",
        ),
        (
            "limits: {max_attempts: 2.5}",
            "field 'limits.max_attempts' is 2.5 but should be a valid integer.",
        ),
        (
            "limits: {requests_per_minute: 0}",
            "field 'limits.requests_per_minute' is 0 but should be greater than or equal to 1.",
        ),
        (
            "limits: {input_tokens_per_minute: 0}",
            "field 'limits.input_tokens_per_minute' is 0 but should be greater than or equal to 1.",
        ),
        (
            "limits: {output_tokens_per_minute: 0}",
            "field 'limits.output_tokens_per_minute' is 0 but should be greater than or equal to 1.",
        ),
        ("limits: 5", "field 'limits' should be a mapping, with one 'name: value' a line."),
        (
            "price: {input_per_million: -0.1}",
            "field 'price.input_per_million' is -0.1 but should be greater than or equal to 0.",
        ),
        (
            "price: {output_per_million: .nan}",
            "field 'price.output_per_million' is nan but should be a finite number.",
        ),
        (
            "budget: {per_day: {requests: -1}}",
            "field 'budget.per_day.requests' is -1 but should be greater than or equal to 0.",
        ),
        (
            "budget: {per_day: {euros: 1}}",
            "field 'budget.per_day.euros' is unknown. Known: money, requests, tokens.",
        ),
        (
            "price: {currency: dollars}",
            "field 'price.currency': must be three capital letters, such as USD.",
        ),
        (
            "api_key: 12345",
            "field 'api_key': must be text that is not blank. Put quotes around a number.",
        ),
        (
            "api_key: ${sk-secret}",
            (
                "field 'api_key' holds a '${' that no variable name and '}' follow. "
                "Write ${NAME}, with letters, digits and underscores only."
            ),
        ),
        (
            "headers: [sk-secret]",
            "field 'headers' should be a mapping, with one 'name: value' a line.",
        ),
        (
            "headers: {X-A: 5}",
            "field 'headers.X-A': must be text that is not blank. Put quotes around a number.",
        ),
        ("headers: {'X A': v}", "headers: 'X A' cannot be the name of a header. Mend it."),
        ("headers: {X-A: v, x-a: w}", "headers: 'X-A' is given twice. Keep one."),
        ("headers: {Content-Type: v}", "headers: 'Content-Type' is set by airquery. Leave it out."),
        (
            "headers: {X-A: '${1}'}",
            (
                "field 'headers.X-A' holds a '${' that no variable name and '}' follow. "
                "Write ${NAME}, with letters, digits and underscores only."
            ),
        ),
        ("5: v", "field '5' is no field: its name must be text."),
    ],
)
def test_a_bad_field_is_named_with_its_mend(tmp_path: Path, line: str, problem: str) -> None:
    error = refusal(tmp_path, with_line(line))

    assert isinstance(error, InvalidEndpoint)
    assert error.name == "my-llm"
    assert str(error) == f"Endpoint 'my-llm' ({tmp_path / 'endpoints.yaml'}): {problem}"
    assert "sk-secret" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("endpoints", "name", "problem"),
    [
        (
            "{my-llm: {}}",
            "my-llm",
            (
                "field 'task' is missing. Add it, for example task: chat. field 'base_url' is missing. "
                "Add it, for example base_url: http://127.0.0.1:8080/v1."
            ),
        ),
        (
            "{my-llm: 'http://h'}",
            "my-llm",
            "it must be a mapping of fields, such as task: chat, not str.",
        ),
        (
            "{5: {}}",
            "5",
            "its name must be text without blanks around it. Put quotes around it.",
        ),
        (
            "{' a': {}}",
            " a",
            "its name must be text without blanks around it. Put quotes around it.",
        ),
        (
            "{" + "a" * 201 + ": {}}",
            "a" * 201,
            "its name is longer than 200 characters. Shorten it.",
        ),
        (
            "{my-llm: {task: custom, base_url: 'http://h', provider: openai}}",
            "my-llm",
            (
                "task 'custom' does not go with provider 'openai', which has chat, completions, "
                "embeddings. Change one of them, or leave provider out."
            ),
        ),
        (
            (
                "{my-llm: {task: custom, base_url: 'http://h', api_key: '${K}', "
                "headers: {authorization: 'Basic x'}}}"
            ),
            "my-llm",
            "api_key and the header Authorization say the same. Keep one of them.",
        ),
    ],
)
def test_a_bad_declaration_is_named_with_its_mend(
    tmp_path: Path, endpoints: str, name: str, problem: str
) -> None:
    error = refusal(tmp_path, f"endpoints: {endpoints}")

    assert str(error) == f"Endpoint {name!r} ({tmp_path / 'endpoints.yaml'}): {problem}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", f" has no 'endpoints' at its top level. Write endpoints: {{my-llm: {EXAMPLE}}}"),
        ("[]", f" has no 'endpoints' at its top level. Write endpoints: {{my-llm: {EXAMPLE}}}"),
        (
            "reviews-llm: {task: chat}",
            f" has no 'endpoints' at its top level. Write endpoints: {{my-llm: {EXAMPLE}}}",
        ),
        (
            "endpoints: []",
            f": 'endpoints' must map each name to its fields. Write my-llm: {EXAMPLE}",
        ),
        (
            "endpoints: {}\nendpoint: {}",
            (
                " has 'endpoint' at its top level, where only 'endpoints', 'functions', and names "
                "that start with 'x-', may stand. Did you mean 'endpoints'?"
            ),
        ),
        (
            "endpoints:\n  a: {}\n  b: {}\n  a: {}",
            ": line 4 declares 'a' a second time. Keep one.",
        ),
        (
            "endpoints:\n  a:\n    api_key: sk-secret\n    api_key: sk-secret",
            ": line 4 declares 'api_key' a second time. Keep one.",
        ),
        (
            "endpoints:\n  a: {api_key: sk-secret",
            ", line 2, column 25, is not YAML. Mend it there.",
        ),
        ("endpoints:\n\ta: sk-secret", ", line 2, column 1, is not YAML. Mend it there."),
        ("endpoints: !!python/name:os.system", ", line 1, column 12, is not YAML. Mend it there."),
        ("endpoints: {a: 2026-13-45}", " is not YAML. Mend it."),
        ("? [a]\n: b", ", line 1, column 3, is not YAML. Mend it there."),
        ("\0", " is not YAML. Mend it."),
        ("[" * 2_000, " is not YAML. Mend it."),
        (b"endpoints: {a: \xff}", " is not UTF-8 text. Save it as UTF-8."),
    ],
)
def test_a_bad_file_is_named_with_its_mend(tmp_path: Path, text: str | bytes, problem: str) -> None:
    error = refusal(tmp_path, text)

    assert isinstance(error, InvalidSetting)
    assert str(error) == f"The endpoint file {str(tmp_path / 'endpoints.yaml')!r}{problem}"
    assert "sk-secret" not in "".join(traceback.format_exception(error))


def test_a_missing_file_is_named_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting) as refused:
        Registry.read(tmp_path / "no.yaml", {})

    assert str(refused.value) == (
        f"The endpoint file {str(tmp_path / 'no.yaml')!r} cannot be read: "
        "No such file or directory. Name a YAML file in AIRQUERY_ENDPOINTS."
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="cannot be read: Is a directory"):
        Registry.read(tmp_path, {})


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("api_key: ${VALUE}", "field 'api_key' is empty or holds characters that no HTTP header"),
        (
            "headers: {X-A: 'Token ${VALUE}'}",
            "field 'headers.X-A' is empty or holds characters that no HTTP header",
        ),
        ("base_url: ${VALUE}", "field 'base_url' must be an http:// or https:// URL."),
    ],
)
def test_a_bad_value_from_the_environment_is_refused_at_use_and_not_shown(
    tmp_path: Path, line: str, problem: str
) -> None:
    path = tmp_path / "endpoints.yaml"
    path.write_text(with_line(line))
    registry = Registry.read(path, {"VALUE": "sk-secret\nsk-secret"})

    with pytest.raises(InvalidEndpoint) as refused:
        registry.get("my-llm")

    assert problem in str(refused.value)
    assert "sk-secret" not in "".join(traceback.format_exception(refused.value))


def test_defaults_may_be_shared_through_an_anchor(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.yaml"
    path.write_text(
        "x-shared: &shared {task: chat, base_url: 'http://h/v1', model: m}\n"
        "endpoints:\n  a: *shared\n  b: {<<: *shared, model: n}\n  c:\n    <<: *shared\n"
    )

    registry = Registry.read(path, {})

    assert [registry.get(name).model for name in registry.names()] == ["m", "n", "m"]


def test_an_empty_list_of_endpoints_declares_none(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.yaml"
    path.write_text("endpoints:\n")

    assert Registry.read(path, {}).names() == ()
