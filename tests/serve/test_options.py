from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airquery.errors import InvalidSetting
from airquery.serve.options import ServeOptions


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"port": 70_000}, "Port 70000 does not exist"),
        ({"port": -1}, "Port -1 does not exist"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"slots": 0}, "slots must be at least 1"),
        ({"context_per_slot": 0}, "context_per_slot must be at least 1"),
        ({"models": ()}, "No model is asked for. Known: minilm, smollm2, vader."),
        ({"models": ("smollm",)}, "Model 'smollm' is not served. Did you mean 'smollm2'?"),
        ({"model_path": Path("vader.gguf")}, "which is the name of another model"),
        (
            {"model_path": Path("mine.gguf"), "models": ("minilm",)},
            "A model file is given, but models says minilm. Add 'mine'",
        ),
        ({"api_key": " "}, "The API key must be ASCII text and not blank"),
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


def test_the_key_does_not_show_in_a_repr() -> None:
    assert "hush" not in repr(ServeOptions(api_key="hush"))


def test_a_model_file_answers_to_its_stem() -> None:
    assert ServeOptions(model_path=Path("some/qwen2.5-0.5b.gguf")).chat_name == "qwen2.5-0.5b"
