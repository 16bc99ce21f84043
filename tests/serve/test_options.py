from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airquery.errors import InvalidSetting
from airquery.serve.options import ServeOptions, read_token


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"port": 70_000}, "Port 70000 does not exist"),
        ({"port": -1}, "Port -1 does not exist"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"slots": 0}, "slots must be at least 1"),
        ({"context_per_slot": 0}, "context_per_slot must be at least 1"),
        ({"models": ()}, "No model is asked for. Known: bert-ner, minilm, smollm2, vader."),
        ({"models": ("smollm",)}, "Model 'smollm' is not served. Did you mean 'smollm2'?"),
        ({"model_path": Path("vader.gguf")}, "which is the name of another model"),
        (
            {"model_path": Path("mine.gguf"), "models": ("minilm",)},
            "A model file is given, but models says minilm. Add 'mine'",
        ),
        ({"token": " "}, "The token must not be blank"),
        ({"token": "two\nlines"}, "The token must be printable ASCII text"),
    ],
)
def test_options_that_cannot_work_are_refused_with_the_reason(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidSetting) as refused:
        ServeOptions(**given)
    assert said in str(refused.value)


def test_by_default_only_this_machine_can_reach_the_server() -> None:
    assert ServeOptions().host == "127.0.0.1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "198.51.100.7", "an.example.com", "0"])
def test_a_host_that_others_reach_is_refused_without_a_flag_and_a_token(host: str) -> None:
    with pytest.raises(InvalidSetting) as without_both:
        ServeOptions(host=host, token="hush")
    with pytest.raises(InvalidSetting) as without_token:
        ServeOptions(host=host, allow_remote=True)
    allowed = ServeOptions(host=host, allow_remote=True, token="hush")

    reached = f"Other machines can reach a server that listens on {host!r}"
    assert str(without_both.value) == (
        f"{reached}. Leave --host out, or add --allow-remote and set AIRQUERY_SERVE_TOKEN."
    )
    assert str(without_token.value) == (
        f"{reached}, and it has no token. Set AIRQUERY_SERVE_TOKEN, or name a file that holds one "
        "with --token-file."
    )
    assert allowed.host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_itself_needs_neither(host: str) -> None:
    assert ServeOptions(host=host).token is None


def test_the_token_does_not_show_in_a_repr() -> None:
    assert "hush" not in repr(ServeOptions(token="hush"))


def test_the_token_is_read_from_its_file_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("of-the-file\n", encoding="ascii")
    monkeypatch.setenv("AIRQUERY_SERVE_TOKEN", "of-the-environment")

    assert (read_token(file), read_token(None)) == ("of-the-file", "of-the-environment")
    monkeypatch.setenv("AIRQUERY_SERVE_TOKEN", " ")
    assert read_token(None) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory"),
        (b" \n", "is empty"),
        (b"\xff", "is not"),
    ],
)
def test_a_token_file_that_holds_no_token_is_refused(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidSetting) as refused:
        read_token(file)
    assert str(refused.value).startswith(f"The token file {str(file)!r} {problem}")


def test_a_model_file_answers_to_its_stem() -> None:
    assert ServeOptions(model_path=Path("some/qwen2.5-0.5b.gguf")).chat_name == "qwen2.5-0.5b"
