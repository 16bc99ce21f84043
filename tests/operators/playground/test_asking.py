from __future__ import annotations

import json
from base64 import b64encode
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.endpoints.endpoint import Price
from airquery.errors import InvalidSetting
from airquery.records import Origin
from airquery.testing import EndpointServer, Reply
from airquery_airflow import AIQueryOperator, TransformOperator
from airquery_airflow.playground.allowance import daily_budget
from airquery_airflow.playground.asking import Asked, ask, plan
from airquery_airflow.playground.form import read_question
from airquery_airflow.playground.picture import keep_picture, kept_picture
from airquery_airflow.playground.question import Question, Unclear
from airquery_airflow.playground.statement import statement_of


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airquery import Endpoint, Settings
    from tests.operators.conftest import Execute

HOSTILE = 'It\'s "quoted", {{ ds }} {% x %}\n\tback\\slash $$ -- ; ünïcode 🎉 \'\'\'"""'
BY_ME = Origin(source="playground", user="ada")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
PRICE = Price(input_per_million=1_000_000.0, currency="EUR")


@pytest.fixture(scope="module")
def shared() -> Iterator[EndpointServer]:
    with EndpointServer() as server:
        yield server


@pytest.fixture
def llm(shared: EndpointServer) -> Endpoint:
    return shared.endpoint("llm", price=PRICE)


@pytest.fixture
def settings() -> Settings:
    return airquery.Settings.read()


def asked(
    given: dict[str, str], *endpoints: Endpoint, settings: Settings, **more: Any
) -> list[Asked]:
    names = [one.name for one in endpoints]
    question = read_question(given, names, picture=more.pop("picture", None))
    given_more = {"budget": daily_budget({}), "origin": BY_ME, "cancel": airquery.Cancel(), **more}
    return ask(question, endpoints, settings, **given_more)


def run_again(sql: str, endpoint: Endpoint, settings: Settings) -> airquery.Run:
    """Run a statement as somebody who copied it would."""
    registry = airquery.Registry.from_mapping({endpoint.name: endpoint})
    with closing(airquery.connect(registry=registry, settings=settings)) as connection:
        return airquery.run(connection, sql)


def task_of(code: str) -> AIQueryOperator:
    made: dict[str, Any] = {}
    exec(code, made)  # noqa: S102 - that it runs is what is tested
    task: AIQueryOperator = made["answers"]
    return task


def test_the_statement_that_is_shown_finds_its_answer_in_the_journal(
    shared: EndpointServer, llm: Endpoint, settings: Settings
) -> None:
    given = {
        "prompt": HOSTILE.replace("\n", "\r\n"),
        "system": "Say 'no'.\n",
        "temperature": "0.5",
        "max_tokens": "20",
        "top_p": "1",
        "seed": "7",
        "stop": "END\r\nO'K",
        "more": '{"presence_penalty": 0.5, "logit_bias": {"50256": -100}}',
    }

    [first] = asked(given, llm, settings=settings)
    sent = shared.requests[-1].body
    before = shared.count
    again = run_again(first.sql, llm, settings)

    assert first.problem == ""
    assert sent["messages"] == [
        {"role": "system", "content": "Say 'no'.\n"},
        {"role": "user", "content": HOSTILE},
    ]
    assert {
        name: sent[name] for name in ("temperature", "max_tokens", "top_p", "seed", "stop")
    } == {
        "temperature": 0.5,
        "max_tokens": 20,
        "top_p": 1.0,
        "seed": 7,
        "stop": ["END", "O'K"],
    }
    assert (sent["presence_penalty"], sent["logit_bias"]) == (0.5, {"50256": -100})
    [row] = first.rows
    assert row.answer is not None
    assert (row.answer.text, row.answer.from_journal, row.answer.error) == (HOSTILE, False, "")
    assert first.stats is not None
    assert (first.stats.sent, first.stats.currency) == (1, "EUR")
    assert (again.stats.sent, again.stats.from_journal, shared.count) == (0, 1, before)


def test_the_task_that_is_shown_finds_its_answer_in_the_journal(
    shared: EndpointServer,
    llm: Endpoint,
    settings: Settings,
    execute: Execute,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [first] = asked({"prompt": HOSTILE}, llm, settings=settings)
    declared = {"task": "chat", "base_url": llm.base_url, "model": llm.model}
    monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))
    before = shared.count

    returned = execute(task_of(first.code))

    assert (returned["rows"], returned["requests_sent"], shared.count) == (1, 0, before)


def test_rows_of_a_table_are_planned_and_then_asked_once(
    shared: EndpointServer,
    llm: Endpoint,
    settings: Settings,
    execute: Execute,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reviews = """SELECT * FROM (VALUES (1, 'Good'), (2, 'It''s bad'), (3, NULL), (4, 'Good')) AS r(id, "te-xt")"""
    execute(TransformOperator(task_id="t", sql=reviews, table="shop.reviews"))
    given = {"prompt": "Label {id}", "table": "shop.reviews", "limit": "3"}
    words = {"prompt": "Label:", "table": "shop.reviews", "column": "te-xt", "limit": "4"}
    question = read_question(words, ["llm"], picture=None)

    [planned] = plan(question, [llm], settings)
    before = shared.count
    [labels] = asked(words, llm, settings=settings)
    [numbers] = asked(given, llm, settings=settings)
    sent = shared.count - before
    declared = {"task": "chat", "base_url": llm.base_url, "model": llm.model}
    monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))
    returned = execute(task_of(labels.code))

    assert planned.estimate is not None
    [estimate] = planned.estimate.endpoints
    assert (estimate.rows, estimate.requests, estimate.new) == (3, 2, 2)
    assert planned.sql == labels.sql
    assert labels.columns == ("te-xt",)
    assert [(one.cells, one.answer and one.answer.text) for one in labels.rows] == [
        (("Good",), "Label:\n\nGood"),
        (("It's bad",), "Label:\n\nIt's bad"),
        ((None,), None),
        (("Good",), "Label:\n\nGood"),
    ]
    assert [one.answer and one.answer.text for one in numbers.rows] == [
        "Label 1",
        "Label 2",
        "Label 3",
    ]
    assert (sent, returned["requests_sent"], returned["rows"]) == (5, 0, 4)


def test_a_picture_is_sent_and_the_statement_names_its_file(
    shared: EndpointServer, llm: Endpoint, settings: Settings, home: Path
) -> None:
    file = keep_picture(home, PNG)

    [seen] = asked({"prompt": "What is it?"}, llm, settings=settings, picture=file)
    again = run_again(seen.sql, llm, settings)

    picture = {"url": f"data:image/png;base64,{b64encode(PNG).decode()}"}
    assert shared.requests[-1].body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": picture},
            ],
        }
    ]
    assert (keep_picture(home, PNG), kept_picture(home, file.name)) == (file, file)
    assert again.stats.sent == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"GIF89a", "neither JPEG nor PNG"),
        (PNG + bytes(4 << 20), "at most 4 MiB"),
        (b"", "neither"),
    ],
)
def test_what_is_no_picture_is_refused(home: Path, content: bytes, said: str) -> None:
    with pytest.raises(Unclear, match=said):
        keep_picture(home, content)


@pytest.mark.parametrize("name", ["../journal.db", "x", "0" * 32 + ".png"])
def test_no_file_but_a_kept_picture_is_named(home: Path, name: str) -> None:
    with pytest.raises(Unclear, match="Attach it again"):
        kept_picture(home, name)


def test_each_kind_of_endpoint_is_asked_in_its_own_way(
    shared: EndpointServer, settings: Settings
) -> None:
    typed = {"prompt": "Fill it", "response_format": "STRUCT<label: STRING, stars: INT>"}
    row = {"prompt": '{"text": "a\'b", "n": 2}', "return_type": "STRUCT<text: STRING, n: INT>"}

    [chat] = asked(typed, shared.endpoint("llm"), settings=settings)
    [vector] = asked({"prompt": "x"}, shared.endpoint("v", "embeddings"), settings=settings)
    [custom] = asked(row, shared.endpoint("m", "custom"), settings=settings)
    [words] = asked({"prompt": "x"}, shared.endpoint("w", "completions"), settings=settings)

    found = [one.rows[0].answer for one in (chat, vector, custom, words)]
    texts = [one.text if one else "" for one in found]
    assert json.loads(texts[0]) == {"label": "", "stars": 0}
    assert texts[1].endswith("(8 numbers)")
    assert json.loads(texts[2]) == {"text": "a'b", "n": 2}
    assert texts[3] == "x"


def test_what_one_endpoint_cannot_be_asked_is_said_beside_the_others_answer(
    shared: EndpointServer, settings: Settings
) -> None:
    endpoints = [shared.endpoint("llm"), shared.endpoint("v", "embeddings")]

    chat, vector = asked({"prompt": "hi", "system": "s"}, *endpoints, settings=settings)

    assert (chat.problem, chat.rows[0].answer and chat.rows[0].answer.text) == ("", "hi")
    assert "system works with chat endpoints only" in vector.problem
    assert vector.rows == ()


def test_a_refused_request_is_a_named_failure(
    shared: EndpointServer, llm: Endpoint, settings: Settings
) -> None:
    shared.script(Reply(status=422, body={"error": {"message": "<b>too odd</b>"}}))

    [refused] = asked({"prompt": "odd"}, llm, settings=settings)

    answer = refused.rows[0].answer
    assert answer is not None
    assert "HTTP 422 and said: <b>too odd</b>" in answer.error
    assert (answer.http_status, answer.text) == (422, "")


@pytest.mark.parametrize("text", ["5", "{", '{"euros": 5}', '{"requests": -1}', '{"money": "x"}'])
def test_a_budget_that_cannot_be_read_names_its_variable(text: str) -> None:
    with pytest.raises(InvalidSetting, match="AIRQUERY_PLAYGROUND_BUDGET"):
        daily_budget({"AIRQUERY_PLAYGROUND_BUDGET": text})


@pytest.mark.parametrize(
    ("given", "endpoints", "said"),
    [
        ({"prompt": " "}, ["llm"], "The prompt is empty"),
        ({"prompt": "x"}, [], "Choose one to 3 endpoints"),
        ({"prompt": "x"}, ["a", "b", "c", "d"], "Choose one to 3 endpoints"),
        ({"prompt": "x\0"}, ["llm"], "control character"),
        ({"prompt": "x" * 200_001}, ["llm"], "more than 200,000 characters"),
        ({"prompt": "x", "temperature": "hot"}, ["llm"], "temperature is 'hot'"),
        ({"prompt": "x", "temperature": "nan"}, ["llm"], "temperature is 'nan'"),
        ({"prompt": "x", "seed": "1.5"}, ["llm"], "Write a whole number"),
        ({"prompt": "x", "more": "[]"}, ["llm"], "no JSON object"),
        ({"prompt": "x", "seed": "1", "more": '{"seed": 2}'}, ["llm"], "given twice"),
        ({"prompt": "x", "table": "reviews"}, ["llm"], "is no table name"),
        ({"prompt": "x", "table": "s.t", "limit": "101"}, ["llm"], "Write 1 to 100"),
        ({"prompt": "", "table": "s.t"}, ["llm"], "The prompt is empty"),
    ],
)
def test_a_form_that_cannot_be_asked_says_what_to_write(
    given: dict[str, str], endpoints: list[str], said: str
) -> None:
    with pytest.raises(Unclear, match=said):
        read_question(given, endpoints, picture=None)


@pytest.mark.parametrize(
    ("prompt", "request_sql"),
    [
        ("{a} and {B}", 'CAST("a" AS VARCHAR) || \' and \' || CAST("b" AS VARCHAR)'),
        ("{{a}} {a}", "'{a} ' || CAST(\"a\" AS VARCHAR)"),
        ('{"x": 1} {a}', '\'{"x": 1} \' || CAST("a" AS VARCHAR)'),
        ("plain", "'plain'"),
    ],
)
def test_placeholders_become_columns(prompt: str, request_sql: str) -> None:
    question = read_question({"prompt": prompt, "table": "s.t"}, ["llm"], picture=None)
    endpoint = airquery.Endpoint(name="llm", task="chat", base_url="http://x", model="m")

    assert request_sql in statement_of(question, endpoint, ["a", "b"])


def test_a_row_for_a_custom_model_takes_columns_as_they_are() -> None:
    prompt = '{"text": "{a}", "note": "no {b}", "n": [1, null]}'
    question = read_question({"prompt": prompt, "table": "s.t"}, ["m"], picture=None)
    endpoint = airquery.Endpoint(name="m", task="custom", base_url="http://x")

    assert statement_of(question, endpoint, ["a", "b"]) == (
        'SELECT\n  "a",\n  "b",\n  ai_query(\n  \'m\',\n  '
        "{'text': \"a\", 'note': 'no ' || CAST(\"b\" AS VARCHAR), 'n': [1, NULL]},\n  "
        'failOnError => false,\n  details => true\n) AS answer\nFROM (FROM "s"."t" LIMIT 10)'
    )


def test_a_column_that_is_not_there_is_named() -> None:
    question = read_question({"prompt": "{txet}", "table": "s.t"}, ["llm"], picture=None)
    endpoint = airquery.Endpoint(name="llm", task="chat", base_url="http://x", model="m")

    with pytest.raises(Unclear, match=r"no column 'txet'\. Did you mean 'text'\?.*\{\{txet\}\}"):
        statement_of(question, endpoint, ["id", "text"])


def test_a_table_that_is_not_there_is_named(llm: Endpoint, settings: Settings) -> None:
    [planned] = plan(
        read_question({"prompt": "x", "table": "s.t"}, ["llm"], picture=None), [llm], settings
    )

    assert "s.t" in planned.problem
    assert planned.sql == ""


def test_a_question_without_rows_keeps_its_braces() -> None:
    endpoint = airquery.Endpoint(name="llm", task="chat", base_url="http://x", model="m")
    question = Question(endpoints=("llm",), prompt="Fill {name} and {{x}}")

    assert "'Fill {name} and {{x}}'" in statement_of(question, endpoint)
