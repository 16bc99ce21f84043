from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema_rs
import numpy as np
import pytest
from aiohttp import web

from airquery.serve.app import LARGEST_BODY, make_app
from airquery.serve.fleet import Fleet
from airquery.serve.models import find_models
from airquery.serve.options import ServeOptions
from airquery.serve.process import ServerProcess


if TYPE_CHECKING:
    from pathlib import Path


CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Say hello."}]


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the error, having checked that its shape is the one of OpenAI."""
    error = answer.json()["error"]
    assert isinstance(error, dict)
    assert error.keys() == {"message", "type", "param", "code"}
    return error


def test_a_chat_answer_conforms_to_the_schema_it_was_asked_for(client: httpx.Client) -> None:
    schema = {
        "type": "object",
        "properties": {
            "sentiment": {"enum": ["Positive", "Negative", "Mixed"]},
            "score": {"type": "integer", "minimum": 1, "maximum": 5},
        },
        "required": ["sentiment", "score"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "review", "schema": schema}}
    review = [{"role": "user", "content": "Rate this review: the battery died in a week."}]
    body = {"model": "smollm2", "messages": review, "max_tokens": 48, "temperature": 0}
    answer = client.post(CHAT, json={**body, "response_format": wanted})
    assert answer.status_code == 200
    assert answer.headers["served-model-name"] == "smollm2"
    said = answer.json()
    assert said["model"] == "smollm2"
    assert said["usage"]["completion_tokens"] > 0
    jsonschema_rs.validate(schema, json.loads(said["choices"][0]["message"]["content"]))


def test_an_impossible_schema_is_refused(client: httpx.Client) -> None:
    wanted = {"type": "json_schema", "json_schema": {"schema": {"type": "no such type"}}}
    body = {"model": "smollm2", "messages": HELLO, "response_format": wanted}
    assert client.post(CHAT, json=body).status_code == 400


def test_completions_answer_every_prompt(client: httpx.Client) -> None:
    body = {"model": "smollm2", "prompt": ["One, two,", "A, b,"], "max_tokens": 3}
    choices = client.post("/v1/completions", json=body).json()["choices"]
    assert sorted(choice["index"] for choice in choices) == [0, 1]


def test_a_stream_is_passed_on_piece_by_piece(client: httpx.Client) -> None:
    # Without `ignore_eos` the model may have said all it wants in one piece.
    body = {
        "model": "smollm2",
        "messages": HELLO,
        "max_tokens": 16,
        "ignore_eos": True,
        "stream": True,
    }
    with client.stream("POST", CHAT, json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    pieces = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert len(pieces) >= 4
    assert {piece["object"] for piece in pieces} == {"chat.completion.chunk"}


def test_embeddings_have_384_numbers_and_length_one(client: httpx.Client) -> None:
    body = {"model": "minilm", "input": ["A fine camera.", "A bad one."]}
    answer = client.post("/v1/embeddings", json=body).json()
    vectors = np.array([item["embedding"] for item in answer["data"]])
    assert vectors.shape == (2, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert [item["index"] for item in answer["data"]] == [0, 1]
    assert answer["usage"]["prompt_tokens"] == 12


def test_a_text_too_long_to_embed_is_refused_for_good(client: httpx.Client) -> None:
    answer = client.post("/v1/embeddings", json={"model": "minilm", "input": "word " * 600})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "exceed_context_size_error"


def test_many_requests_at_once_are_all_answered(client: httpx.Client) -> None:
    def ask(number: int) -> int:
        body = {"model": "minilm", "input": f"review {number}"}
        return client.post("/v1/embeddings", json=body).status_code

    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(ask, range(48))) == [200] * 48


@pytest.mark.parametrize(
    ("name", "body", "found"),
    [
        ("smollm2", {"messages": HELLO, "max_tokens": 2}, "choices"),
        ("smollm2", {"prompt": "One, two,", "max_tokens": 2}, "choices"),
        ("minilm", {"input": "A fine camera."}, "data"),
    ],
)
def test_every_model_answers_as_a_serving_endpoint(
    name: str, body: dict[str, Any], found: str, client: httpx.Client
) -> None:
    answer = client.post(f"/serving-endpoints/{name}/invocations", json=body)
    assert answer.status_code == 200
    assert answer.headers["served-model-name"] == name
    assert answer.json()[found]


def test_a_client_may_use_the_serving_endpoints_as_its_base_url(client: httpx.Client) -> None:
    body = {"model": "smollm2", "messages": HELLO, "max_tokens": 2}
    assert client.post("/serving-endpoints/chat/completions", json=body).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"model": "gpt-5", "messages": HELLO}),
        ("/v1/embeddings", {"model": "gpt-5", "input": "x"}),
        (CHAT, {"model": ["smollm2"], "messages": HELLO}),
        ("/serving-endpoints/gpt-5/invocations", {"messages": HELLO}),
    ],
)
def test_an_unknown_model_is_a_404_that_names_the_known_ones(
    path: str, body: dict[str, Any], client: httpx.Client
) -> None:
    answer = client.post(path, json=body)
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (404, "model_not_found")
    assert "Known: smollm2, minilm, vader, bert-ner." in error["message"]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (
            "/v1/embeddings",
            {"model": "smollm2", "input": "x"},
            "is a chat model. Ask it by POST /v1/chat/completions or /v1/completions.",
        ),
        (
            CHAT,
            {"model": "minilm", "messages": HELLO},
            "is an embedding model. Ask it by POST /v1/embeddings.",
        ),
        (
            CHAT,
            {"model": "vader", "messages": HELLO},
            "is a custom model. Ask it by POST /serving-endpoints/vader/invocations.",
        ),
        (
            "/serving-endpoints/minilm/invocations",
            {"messages": HELLO},
            "The model 'minilm' is asked by 'input': one of them.",
        ),
        (
            "/serving-endpoints/smollm2/invocations",
            {"messages": HELLO, "prompt": "x"},
            "The model 'smollm2' is asked by 'messages' or 'prompt': one of them.",
        ),
        (
            CHAT,
            {"messages": HELLO},
            "The field 'model' is missing. Known: smollm2, minilm, vader, bert-ner.",
        ),
    ],
)
def test_a_model_asked_for_what_it_cannot_do_is_a_400_that_says_what_it_can(
    path: str, body: dict[str, Any], said: str, client: httpx.Client
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 400
    assert said in error_of(answer)["message"]


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[1, 2]", b'"text"', b'{"model": NaN}', b'{"model": "\xff"}', b"[" * 9999]
)
@pytest.mark.parametrize("path", [CHAT, "/serving-endpoints/vader/invocations"])
def test_a_body_that_is_no_json_object_is_a_400(
    path: str, raw: bytes, client: httpx.Client
) -> None:
    answer = client.post(path, content=raw)
    assert answer.status_code == 400
    assert "JSON" in error_of(answer)["message"]


def test_a_body_in_another_encoding_than_it_claims_is_a_400(client: httpx.Client) -> None:
    answer = client.post(CHAT, content=b"{}", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 400
    assert "encoding" in error_of(answer)["message"]


def test_a_body_too_large_is_a_413(client: httpx.Client) -> None:
    answer = client.post(CHAT, content=b" " * (LARGEST_BODY + 1))
    assert answer.status_code == 413
    assert str(LARGEST_BODY) in error_of(answer)["message"]


def test_a_wrong_path_or_method_is_refused_in_the_same_shape(client: httpx.Client) -> None:
    unknown, wrong = client.get("/v1/answers"), client.get(CHAT)
    assert (unknown.status_code, wrong.status_code) == (404, 405)
    assert "GET /v1/answers" in error_of(unknown)["message"]
    assert wrong.headers["allow"] == "POST"
    assert error_of(wrong)["type"] == "invalid_request_error"


def test_the_models_are_listed_with_their_kind(client: httpx.Client) -> None:
    listed = client.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [(model["id"], model["object"], model["kind"]) for model in listed["data"]] == [
        ("smollm2", "model", "chat"),
        ("minilm", "model", "embeddings"),
        ("vader", "model", "custom"),
        ("bert-ner", "model", "custom"),
    ]


def test_a_ready_server_is_healthy(client: httpx.Client) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_while_models_load_the_server_says_so_and_still_knows_their_names(
    cache_dir: Path,
) -> None:
    async def ask() -> list[httpx.Response]:
        options = ServeOptions(cache_dir=cache_dir)
        runner = web.AppRunner(make_app(Fleet(find_models(options), options), token=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{runner.addresses[0][1]}"
        ) as client:
            answers = [
                await client.get("/health"),
                await client.post(CHAT, json={"model": "smollm2", "messages": HELLO}),
                await client.post("/serving-endpoints/vader/invocations", json={}),
                await client.post(CHAT, json={"model": "gpt-5", "messages": HELLO}),
            ]
        await runner.cleanup()
        return answers

    health, chat, custom, unknown = asyncio.run(ask())
    assert (health.status_code, health.json()) == (503, {"status": "loading"})
    assert (chat.status_code, chat.headers["retry-after"]) == (503, "1")
    assert error_of(chat)["message"] == "The model 'smollm2' is loading."
    assert (custom.status_code, unknown.status_code) == (503, 404)


@pytest.fixture(scope="module")
def guarded() -> Any:
    with ServerProcess(ServeOptions(models=("vader",), token="hush-hush")) as running:
        yield running


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "hush-hush"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": b"Bearer hush-hush\xff"},
    ],
)
def test_without_the_key_every_request_is_a_401(
    headers: dict[str, str], guarded: ServerProcess
) -> None:
    for path in ("/v1/models", "/v1/answers"):
        answer = httpx.get(guarded.url + path, headers=headers)
        error = error_of(answer)
        assert (answer.status_code, error["code"]) == (401, "invalid_api_key")
        assert error["type"] == "authentication_error"
        assert "hush" not in answer.text


def test_with_the_key_requests_are_answered_and_health_needs_none(guarded: ServerProcess) -> None:
    headers = {"Authorization": "Bearer hush-hush"}
    assert httpx.get(f"{guarded.url}/v1/models", headers=headers).status_code == 200
    assert httpx.get(f"{guarded.url}/health").json() == {"status": "ok"}
