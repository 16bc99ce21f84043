from __future__ import annotations

from dataclasses import replace

import pytest

from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.endpoint import Endpoint, Price, Secret
from airquery.errors import InvalidEndpoint


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("sk-secret")

    assert secret.reveal() == "sk-secret"
    assert "sk-secret" not in f"{secret} {secret!r} {[secret]}"


def test_the_identity_is_the_base_url_unless_declared() -> None:
    made = Endpoint(name="a", task="chat", base_url="http://h/v1/")

    assert made.identity == "http://h/v1"
    assert replace(made, identity="shared").identity == "shared"


def test_a_price_is_for_a_million_tokens() -> None:
    price = Price(input_per_million=0.5, output_per_million=2.0)

    assert price.of(prompt_tokens=1_000_000, completion_tokens=250_000) == 1.0


def test_an_endpoint_without_a_wire_format_is_refused() -> None:
    made = Endpoint(name="a", task="chat", base_url="http://h", provider="custom")

    with pytest.raises(InvalidEndpoint) as refused:
        adapter_for(made)

    assert str(refused.value) == (
        "Endpoint 'a' (Python): provider 'custom' has no task 'chat'. "
        "Known: openai chat, openai completions, custom custom, databricks chat, "
        "databricks completions, databricks custom, anthropic chat, openai embeddings, "
        "databricks embeddings."
    )


def test_an_api_that_the_provider_does_not_have_is_refused() -> None:
    made = Endpoint(
        name="a", task="chat", base_url="http://h", provider="databricks", api="responses"
    )

    with pytest.raises(InvalidEndpoint) as refused:
        adapter_for(made)

    assert str(refused.value) == (
        "Endpoint 'a' (Python): provider 'databricks' has no task 'chat' in the api 'responses'. "
        "Known: openai chat."
    )


@pytest.mark.parametrize(
    ("base_url", "model"), [("http://h", "a"), ("http://h/serving-endpoints/x/invocations", None)]
)
def test_the_model_on_databricks_is_the_serving_endpoint_that_the_url_names(
    base_url: str, model: str | None
) -> None:
    made = Endpoint(name="a", task="chat", base_url=base_url, provider="databricks")

    assert made.model == model
    assert replace(made, name="b").model == model
