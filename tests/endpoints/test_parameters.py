from __future__ import annotations

from datetime import date

import pytest

from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.endpoint import Endpoint
from airquery.errors import StatementError


ENDPOINT = Endpoint(name="llm", task="chat", base_url="http://h/v1", model="m")
CONDITION = "AI_FUNCTION_INVALID_MODEL_PARAMETERS"


def check(**parameters: object) -> None:
    adapter_for(ENDPOINT).check(ENDPOINT, parameters)


@pytest.mark.parametrize(
    ("name", "value", "constraint"),
    [
        ("temperature", 2.1, "a number from 0 to 2, not 2.1"),
        ("temperature", -1, "a number from 0 to 2, not -1"),
        ("temperature", float("nan"), "a number from 0 to 2, not nan"),
        ("top_p", 1.01, "a number from 0 to 1, not 1.01"),
        ("max_tokens", 0, "a whole number of at least 1, not 0"),
        ("max_completion_tokens", -5, "a whole number of at least 1, not -5"),
        ("dimensions", 0, "a whole number of at least 1, not 0"),
    ],
)
def test_a_number_out_of_range_is_refused(name: str, value: object, constraint: str) -> None:
    with pytest.raises(StatementError) as refused:
        check(**{name: value})

    assert str(refused.value) == (
        f"[{CONDITION}.INVALID_NUMERIC_PARAMETER] Endpoint 'llm': "
        f"modelParameters {name!r} must be {constraint}. SQLSTATE: 22023"
    )


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("temperature", "0.5", "a number from 0 to 2, not '0.5'"),
        ("temperature", True, "a number from 0 to 2, not True"),
        ("max_tokens", 10.0, "a whole number of at least 1, not 10.0"),
        ("max_tokens", [10], "a whole number of at least 1, not [10]"),
        ("stop", 5, "text or a list of texts, not 5"),
        ("stop", ["a", None], "text or a list of texts, not ['a', None]"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(name: str, value: object, kind: str) -> None:
    with pytest.raises(StatementError) as refused:
        check(**{name: value})

    assert refused.value.condition == f"{CONDITION}.INVALID_PARAMETER_DATA_TYPE"
    assert f"modelParameters {name!r} must be {kind}." in str(refused.value)


def test_a_value_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(StatementError, match="'until' has a value that JSON cannot hold"):
        check(until={date(2026, 11, 21)})


def test_a_reserved_name_is_refused_in_any_spelling_and_even_if_null() -> None:
    with pytest.raises(StatementError) as refused:
        check(Model=None)

    assert str(refused.value) == (
        f"[{CONDITION}.FOUND_RESERVED_PARAMETER_NAME] Endpoint 'llm': 'Model' belongs to the "
        "request. Take it out of modelParameters. SQLSTATE: 22023"
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"temperature": 0, "top_p": 1, "max_tokens": 1},
        {"temperature": 2.0, "top_p": 0.0, "max_tokens": None},
        {"stop": "END"},
        {"stop": ["a", "b"]},
        {"reasoning_effort": "low", "seed": 7, "extra_params": {"top_k": "5"}},
    ],
)
def test_sound_and_unknown_parameters_pass(parameters: dict[str, object]) -> None:
    check(**parameters)
