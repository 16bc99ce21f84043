"""Windows over tokens, entities of tokens, and the model that is served."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from airquery.serve.bert_ner import LONGEST_WINDOW, OVERLAP, windows
from airquery.serve.entities import entities_of
from airquery.serve.options import ServeOptions
from airquery.serve.process import ServerProcess


if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/serving-endpoints/bert-ner/invocations"
LETTER = (
    "Hi, my name is Maria Gonzalez and I live at 42 Oak Street, Apt 5B, Springfield, IL 62704. "
    "Call me at (555) 013-4477."
)


@pytest.fixture(scope="module")
def served() -> Iterator[ServerProcess]:
    with ServerProcess(ServeOptions(models=("bert-ner",))) as running:
        yield running


def entities(served: ServerProcess, *texts: str) -> list[list[dict[str, Any]]]:
    records = [{"text": text} for text in texts]
    answer = httpx.post(served.url + PATH, json={"dataframe_records": records}, timeout=60)
    assert answer.status_code == 200
    assert answer.headers["served-model-name"] == "bert-ner"
    predictions: list[list[dict[str, Any]]] = answer.json()["predictions"]
    return predictions


@pytest.mark.parametrize("count", [0, 1, 509, 510, 511, 892, 893, 1274, 1275, 6000])
def test_every_token_is_asked_about_once_and_with_tokens_beside_it(count: int) -> None:
    made = list(windows(count))

    asked = [token for one in made for token in range(one.first, one.last)]
    assert asked == list(range(count))
    for one in made:
        assert one.start <= one.first < one.last <= one.end <= one.start + LONGEST_WINDOW
        assert one.start == 0 or one.first - one.start >= OVERLAP // 2
        assert one.end == count or one.end - one.last >= OVERLAP // 2


def test_a_word_is_what_its_first_piece_is_and_touching_words_are_one() -> None:
    text = "O'Brien of 5B Rue X, Nice Nice"
    tokens = [
        (0, 1, 0, "B-SURNAME", 1.0),
        (1, 2, 1, "B-SURNAME", 0.9),
        (2, 7, 2, "B-SURNAME", 0.5),
        (8, 10, 3, "O", 0.9),
        (11, 12, 4, "I-SECONDARY_ADDRESS", 0.36),
        (12, 13, 4, "B-BUILDING_NUMBER", 0.53),
        (14, 17, 5, "B-STREET_NAME", 0.8),
        (18, 19, 6, "I-STREET_NAME", 0.6),
        (19, 20, 7, "O", 0.9),
        (21, 25, 8, "B-CITY", 0.7),
        (26, 30, 9, "B-CITY", 0.6),
    ]

    assert [tuple(entity.values()) for entity in entities_of(text, tokens)] == [
        ("O'Brien", "SURNAME", 0, 7, 0.8),
        ("5B", "SECONDARY_ADDRESS", 11, 13, 0.36),
        ("Rue X", "STREET_NAME", 14, 19, 0.7),
        ("Nice", "CITY", 21, 25, 0.7),
        ("Nice", "CITY", 26, 30, 0.6),
    ]
    assert entities_of("", []) == []


def test_an_entity_that_goes_on_after_other_words_is_two() -> None:
    text = "Oak and Street"
    tokens = [
        (0, 3, 0, "B-STREET_NAME", 1.0),
        (4, 7, 1, "O", 1.0),
        (8, 14, 2, "I-STREET_NAME", 1.0),
    ]

    assert [entity["text"] for entity in entities_of(text, tokens)] == ["Oak", "Street"]


def test_the_model_is_started_by_the_first_request_and_finds_what_is_in_a_letter() -> None:
    with ServerProcess(ServeOptions(models=("bert-ner",))) as running:
        before = psutil.Process(running.pid).children()
        [found] = entities(running, LETTER)
        after = psutil.Process(running.pid).children()
        health = httpx.get(f"{running.url}/health")

    assert (before, len(after), health.json()) == ([], 1, {"status": "ok"})
    assert [(entity["label"], entity["text"]) for entity in found] == [
        ("GIVEN_NAME", "Maria"),
        ("SURNAME", "Gonzalez"),
        ("BUILDING_NUMBER", "42"),
        ("STREET_NAME", "Oak Street"),
        ("SECONDARY_ADDRESS", "Apt 5B"),
        ("CITY", "Springfield"),
        ("STATE", "IL"),
        ("ZIP_CODE", "62704"),
        ("PHONE", "(555) 013-4477"),
    ]
    assert not after[0].is_running()


def test_a_model_that_dies_leaves_no_request_without_an_end() -> None:
    def ask(text: str) -> httpx.Response:
        body = {"dataframe_records": [{"text": text}]}
        return httpx.post(running.url + PATH, json=body, timeout=60)

    with (
        ServerProcess(ServeOptions(models=("bert-ner",))) as running,
        ThreadPoolExecutor(2) as pool,
    ):
        ask("x")
        [model] = psutil.Process(running.pid).children()
        idle = model.cpu_times().user
        asked = [pool.submit(ask, "camera " * 4_000) for _ in range(2)]
        while model.cpu_times().user < idle + 0.1:
            time.sleep(0.01)
        model.kill()
        lost = [each.result() for each in asked]
        ended = ask("x")
        health = httpx.get(f"{running.url}/health")

    assert {answer.status_code for answer in lost} <= {502, 503}
    assert any("broke off" in answer.json()["error"]["message"] for answer in lost)
    assert (ended.status_code, health.status_code) == (503, 503)
    assert "has ended. Start the server again." in ended.json()["error"]["message"]


def test_offsets_count_characters_of_the_text_as_it_was_sent(served: ServerProcess) -> None:
    texts = [
        "\N{GRINNING FACE} Ju\N{COMBINING DIAERESIS}rgen O'Brien lives in Springfield.",
        "",
        " \n\t ",
        "[CLS] John [SEP] wrote to Maria [MASK].",
    ]

    answers = entities(served, *texts)

    for text, found in zip(texts, answers, strict=True):
        assert [entity["text"] for entity in found] == [
            text[entity["start"] : entity["end"]] for entity in found
        ]
        assert all(0 < entity["score"] <= 1 for entity in found)
    names = [[entity["text"] for entity in found] for found in answers]
    assert "Ju\N{COMBINING DIAERESIS}rgen" in names[0]
    assert names[1:3] == [[], []]
    assert {"John", "Maria"} <= set(names[3])


def test_a_text_longer_than_the_model_can_read_is_read_to_its_end(served: ServerProcess) -> None:
    filler = "The battery of this camera lasts for days and the pictures are sharp. "
    text = "".join(f"{filler * 5}Call me at (555) 013-44{n}. " for n in range(10, 24))

    [found] = entities(served, text)

    phones = [entity["text"] for entity in found if entity["label"] == "PHONE"]
    assert len(text) > 5_000
    assert phones == [f"(555) 013-44{n}" for n in range(10, 24)]
    assert all(a["end"] <= b["start"] for a, b in itertools.pairwise(found))


def test_texts_of_many_requests_are_answered_each_with_its_own(served: ServerProcess) -> None:
    texts = [f"Please call (555) 013-{n}." for n in range(1000, 1050)]

    answers = entities(served, *texts)

    assert [found[0]["text"] for found in answers] == [f"(555) 013-{n}" for n in range(1000, 1050)]


def test_what_is_too_long_or_no_text_is_refused(served: ServerProcess) -> None:
    for cell, said in (("x" * 30_001, "30000 are taken"), (7, "must be a string")):
        body = {"dataframe_split": {"columns": ["input"], "data": [[cell]]}}
        answer = httpx.post(served.url + PATH, json=body)
        assert answer.status_code == 400
        assert said in answer.json()["error"]["message"]
