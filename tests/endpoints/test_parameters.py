from __future__ import annotations

from datetime import date

import pytest

from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.endpoint import Endpoint
from airquery.endpoints.parameters import in_one_spelling
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
        ("max_tokens", 10.5, "a whole number of at least 1, not 10.5"),
        ("max_tokens", [10], "a whole number of at least 1, not [10]"),
        ("stop", 5, "text or a list of texts, not 5"),
        ("stop", ["a", None], "text or a list of texts, not ['a', None]"),
        ("reasoning_effort", 3, "text, not 3"),
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
        {"max_tokens": 100.0, "dimensions": 8.0},
        {"temperature": 2.0, "top_p": 0.0, "max_tokens": None},
        {"stop": "END"},
        {"stop": ["a", "b"]},
        {"reasoning_effort": "low", "seed": 7, "extra_params": {"top_k": "5"}},
    ],
)
def test_sound_and_unknown_parameters_pass(parameters: dict[str, object]) -> None:
    check(**parameters)


def test_whole_numbers_are_sent_as_such_where_the_wire_has_them() -> None:
    given = {"max_tokens": 100.0, "seed": 7.0, "top_k": 5, "temperature": 1.0, "top_p": 0.5}

    settled = in_one_spelling({**given, "max_completion_tokens": 2.5, "stop": None})

    assert repr(settled) == (
        "{'max_tokens': 100, 'seed': 7, 'top_k': 5, 'temperature': 1.0, 'top_p': 0.5, "
        "'max_completion_tokens': 2.5, 'stop': None}"
    )
    assert in_one_spelling(settled) == settled


ANTHROPIC = Endpoint(name="llm", task="chat", provider="anthropic", base_url="http://h", model="m")
RESPONSES = Endpoint(name="llm", task="chat", api="responses", base_url="http://h", model="m")


@pytest.mark.parametrize(
    ("endpoint", "name", "mend"),
    [
        (ANTHROPIC, "n", "Leave it out."),
        (ANTHROPIC, "logprobs", "Leave it out."),
        (ANTHROPIC, "Seed", "Leave it out."),
        (ANTHROPIC, "max_completion_tokens", "Use max_tokens."),
        (ANTHROPIC, "reasoning_effort", "Use thinking."),
        (RESPONSES, "stop", "Leave it out, or declare the endpoint with api: chat_completions."),
        (RESPONSES, "max_completion_tokens", "Use max_tokens."),
    ],
)
def test_a_parameter_that_a_format_never_takes_is_refused(
    endpoint: Endpoint, name: str, mend: str
) -> None:
    adapter = adapter_for(endpoint)

    with pytest.raises(StatementError) as refused:
        adapter.check(endpoint, {name: 1})

    assert str(refused.value) == (
        f"[{CONDITION}.UNSUPPORTED_MODEL_PARAMETER] Endpoint 'llm': its format has no "
        f"modelParameters {name!r}. {mend} SQLSTATE: 22023"
    )


@pytest.mark.parametrize(("endpoint", "name"), [(ANTHROPIC, "system"), (RESPONSES, "instructions")])
def test_the_system_instruction_is_no_parameter(endpoint: Endpoint, name: str) -> None:
    with pytest.raises(StatementError, match="FOUND_RESERVED_PARAMETER_NAME"):
        adapter_for(endpoint).check(endpoint, {name: "Be brief."})


def test_a_format_may_have_narrower_bounds() -> None:
    with pytest.raises(StatementError, match=r"INVALID_NUMERIC_PARAMETER.* from 0 to 1, not 1\.5"):
        adapter_for(ANTHROPIC).check(ANTHROPIC, {"temperature": 1.5})
