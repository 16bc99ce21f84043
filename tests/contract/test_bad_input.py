"""Bad input over SQL: a row or a statement ends by name, and the connection works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.endpoints.endpoint import Limits
from airquery.testing import EndpointServer, Reply
from tests.conftest import registry_of
from tests.contract.conftest import WAYS, execute, value


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import duckdb


def chat(content: str) -> bytes:
    """Return the body of a chat reply around a JSON text of its content."""
    return b'{"choices": [{"message": {"content": %s}}]}' % content.encode()


@pytest.fixture
def connection(
    server: EndpointServer, settings: airquery.Settings
) -> Iterator[duckdb.DuckDBPyConnection]:
    registry = registry_of(server, limits=Limits(max_attempts=1))
    connection = airquery.connect(registry=registry, settings=settings)
    yield connection
    connection.close()


HTTP, ANSWER = "AI_FUNCTION_HTTP_REQUEST_ERROR", "AI_FUNCTION_INVALID_HTTP_RESPONSE"
BAD_REPLIES: dict[str, tuple[Reply, str]] = {
    "HTML": (Reply(body="<html><body>Welcome</body></html>"), ANSWER),
    "nothing": (Reply(body=b""), ANSWER),
    "a JSON list": (Reply(body=[1]), ANSWER),
    "null": (Reply(body=b"null"), ANSWER),
    "half a JSON": (Reply(body=b'{"choices": [{"mess'), ANSWER),
    "no choices": (Reply(body={"choices": []}), ANSWER),
    "choices of numbers": (Reply(body={"choices": 5}), ANSWER),
    "no content": (Reply(body={"choices": [{"message": {"content": None}}]}), ANSWER),
    "content of numbers": (Reply(body={"choices": [{"message": {"content": 5}}]}), ANSWER),
    "bytes that are no UTF-8": (Reply(body=chat('"x"').replace(b"x", b"\xff\xfe")), ANSWER),
    "NaN": (Reply(body=chat("NaN")), ANSWER),
    "very deep JSON": (Reply(body=b"[" * 100_000), ANSWER),
    "an error under 200": (Reply(body={"error": {"message": "overloaded"}}), ANSWER),
    "a redirect": (Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}), HTTP),
    "half a body": (Reply.cut(), HTTP),
    "no reply": (Reply.drop(), HTTP),
    "a prompt above the context window": (
        Reply(status=400, body={"error": {"message": "maximum context length is 10 tokens"}}),
        HTTP,
    ),
    "a server fault": (Reply(status=500, body="<html>oops</html>"), HTTP),
    "a fault that is not UTF-8": (Reply(status=500, body=b"\xff\xfe\x00"), HTTP),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reply", BAD_REPLIES)
def test_a_bad_reply_is_one_failed_row_beside_the_others(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, reply: str, way: str
) -> None:
    bad, condition = BAD_REPLIES[reply]
    server.fail_when(lambda body: "'bad'" in str(body), bad)
    sql = (
        "SELECT s, ai_query('llm', s, failOnError => false) AS r"
        " FROM (VALUES ('a'), ('bad'), ('b')) AS v(s)"
    )

    rows = {row["s"]: row["r"] for row in execute(connection, sql, way)}

    assert rows["bad"]["result"] is None
    assert rows["bad"]["errorMessage"].startswith(f"[{condition}] ")
    assert {s: rows[s] for s in "ab"} == {s: {"result": s, "errorMessage": None} for s in "ab"}
    assert server.count == 3


def test_half_a_character_in_an_answer_is_replaced_and_the_rest_of_it_kept(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    server.fail_when(lambda _: True, Reply(body=chat('"good \\ud800 morning"')))

    assert value(connection, "ai_query('llm', 'x')") == "good \ufffd morning"


TEXTS = {
    "emoji": "'👩‍👩‍👧‍👦 🇺🇦 ok'",
    "right to left": "'שלום עולם، مرحبا'",
    "combining": "'e' || chr(769)",
    "above the plane": "chr(128512)",
    "quotes": "'it''s \"quoted\" \\ and \\n'",
    "control characters": "'a' || chr(1) || chr(31) || chr(127)",
    "line ends": "'a' || chr(13) || chr(10) || chr(8232)",
    "a NUL": "'a' || chr(0) || 'b'",
    "the empty text": "''",
    "blanks": "'  '",
    "a JSON text": "'{\"a\": null}'",
    "the word null": "'null'",
    "a long text": "repeat('word ', 200000)",
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_exactly_as_it_was_sent(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, text: str
) -> None:
    for way in WAYS:
        sql = f"SELECT ai_query('llm', s) = s AS same FROM (SELECT {TEXTS[text]} AS s)"
        assert execute(connection, sql, way) == [{"same": True}]
    assert server.count == 1


# What a chat answers as JSON text, and the value of the row.
ANSWERS: dict[str, tuple[str, object]] = {
    "a NUL": ('"a\\u0000b"', "a\0b"),
    "an escaped pair": ('"\\ud83d\\ude00"', "😀"),
    "the empty text": ('""', ""),
    "the word null": ('"null"', "null"),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_odd_answer_is_kept_as_it_is(
    connection: duckdb.DuckDBPyConnection, said: dict[str, object], answer: str
) -> None:
    content, expected = ANSWERS[answer]
    said["x"] = Reply(body=chat(content))

    for way in WAYS:
        assert value(connection, "ai_query('llm', 'x')", way) == expected


def test_an_answer_of_20_megabytes_is_kept_whole(
    connection: duckdb.DuckDBPyConnection, said: dict[str, object]
) -> None:
    said["x"] = "0123456789" * 2_000_000

    for way in WAYS:
        assert value(connection, "length(ai_query('llm', 'x'))", way) == 20_000_000


DEEP = "[" * 300 + "]" * 300
# What a typed answer is, the type, and its value; None is a failed row.
TYPED: dict[str, tuple[str, str, Any]] = {
    "a huge number": ("1" + "0" * 400, "BIGINT", None),
    "a huge number in a list": ("[1%s]" % ("0" * 5000), "ARRAY<INT>", None),
    "a number beyond 64 bits in a list": ("[1%s, ]" % ("0" * 30), "ARRAY<INT>", None),
    "a lone surrogate in a list": ("['\\ud800', ]", "ARRAY<STRING>", None),
    "deep lists that never end": ("[" * 100_000, "ARRAY<INT>", None),
    "a number beyond its type": ("99999999999", "INT", None),
    "a whole number beyond 64 bits": ("123456789012345678901234567890", "BIGINT", None),
    "NaN": ("NaN", "INT", None),
    "an infinity in a list": ("[1, Infinity]", "ARRAY<INT>", None),
    "a double key": ('{"a": 1, "a": 2}', "STRUCT<a: INT>", {"a": 2}),
    "deep lists": (DEEP, "ARRAY<INT>", None),
    "deep JSON for a VARIANT": (DEEP, "VARIANT", None),
    "deep lists for a struct": (f'{{"a": {DEEP}}}', "STRUCT<a: INT>", None),
    "a field in other letters": ('{"A": 1}', "STRUCT<a: INT>", None),
    "a list for one": ("[1]", "INT", None),
    "a text for a flag": ("maybe", "BOOLEAN", None),
    "nothing": ("", "INT", None),
    "null": ("null", "INT", "null"),
}


@pytest.mark.parametrize("answer", TYPED)
def test_an_answer_of_a_wrong_kind_is_one_failed_row(
    connection: duckdb.DuckDBPyConnection, said: dict[str, object], answer: str
) -> None:
    text, ddl, expected = TYPED[answer]
    said |= {"bad": text}
    call = f"ai_query('llm', 'bad', returnType => '{ddl}', failOnError => false)"

    for way in WAYS:
        found = value(connection, call, way)
        if expected is None:
            assert found["result"] is None
            assert found["errorMessage"].startswith("[AI_FUNCTION_")
        else:
            assert found["errorMessage"] is None
            assert found["result"] == (None if expected == "null" else expected)
    assert value(connection, "ai_query('llm', 'still there?')") == "still there?"


PREDICTIONS: dict[str, object] = {
    "none": {"predictions": []},
    "two for one row": {"predictions": [1, 2]},
    "no list": {"predictions": 5},
    "missing": {"something": "else"},
    "null": {"predictions": None},
}


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_another_number_of_predictions_than_one_is_a_failed_row(
    connection: duckdb.DuckDBPyConnection, said: dict[str, object], prediction: str
) -> None:
    said["x"] = Reply(body=PREDICTIONS[prediction])

    found = value(connection, "ai_query('model', 'x', 'INT', false)")

    assert found["result"] is None
    assert "without one prediction for the one row" in found["errorMessage"]


REQUESTS = (
    "{'a': 1}",
    "{'messages': []}",
    "{'messages': 'hello'}",
    "{'messages': [{'role': 'user'}]}",
    "{'messages': [{'role': 'user', 'content': 5}]}",
    "{'messages': [{'role': NULL, 'content': 'x'}]}",
    "{'messages': [{'role': 'user', 'content': 'x'}], 'temperature': 1}",
    "[1, 2]",
    "5",
    "true",
)


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_of_a_wrong_shape_is_a_failed_row_that_was_not_sent(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, request_: str
) -> None:
    for way in WAYS:
        found = value(connection, f"ai_query('llm', {request_}, failOnError => false)", way)
        assert found["result"] is None
        assert found["errorMessage"].startswith("[AI_FUNCTION_UNSUPPORTED_REQUEST] Endpoint 'llm'")
    assert server.count == 0


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_feature_that_is_no_number_is_a_failed_row_that_was_not_sent(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, number: str
) -> None:
    sql = (
        "SELECT ai_query('model', {'x': n}, 'STRING', false) AS r"
        f" FROM (VALUES (1.5::DOUBLE), ('{number}'), (NULL)) AS v(n)"
    )
    for way in WAYS:
        good, bad, null = (row["r"] for row in execute(connection, sql, way))
        assert bad["result"] is None
        assert "NaN or an infinity" in bad["errorMessage"]
        assert good["errorMessage"] is None
        assert null["errorMessage"] is None
    assert server.count == 2


PNG = "'\\x89PNG\\x0D\\x0A\\x1A\\x0A{}'::BLOB"
JPEG = "'\\xFF\\xD8\\xFF{}'::BLOB"


def test_another_picture_is_another_request_and_the_same_is_the_same(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    pictures = [PNG.format("a"), PNG.format("b"), JPEG.format("a"), f"[{PNG.format('a')}]"]
    pictures.append(f"[{PNG.format('a')}, {JPEG.format('a')}]")

    for _ in range(2):
        for picture in pictures:
            value(connection, f"ai_query('llm', 'what is it?', files => {picture})")
        value(connection, "ai_query('llm', 'what is it?')")

    assert server.count == 5


def test_a_path_is_read_and_is_the_same_request_as_its_bytes(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, tmp_path: Any
) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\na")

    value(connection, f"ai_query('llm', 'x', files => '{tmp_path}/a.png')")
    value(connection, f"ai_query('llm', 'x', files => ['{tmp_path}/a.png'])")
    value(connection, f"ai_query('llm', 'x', files => {PNG.format('a')})")

    assert server.count == 1


BAD_FILES: dict[str, tuple[Callable[[Any], str], str]] = {
    "no picture": (lambda _: "'GIF89a'::BLOB", "picture 1 is neither JPEG nor PNG"),
    "nothing in it": (lambda _: "''::BLOB", "picture 1 is neither JPEG nor PNG (0 bytes"),
    "the second no picture": (
        lambda _: f"[{PNG.format('a')}, 'x'::BLOB]",
        "picture 2 is neither JPEG nor PNG",
    ),
    "a missing file": (lambda folder: f"'{folder}/none.png'", "No such file"),
    "a folder": (lambda folder: f"'{folder}'", "cannot be read"),
    "a path with a NUL": (lambda _: "'a' || chr(0)", "cannot be read"),
    "a file that is too large": (lambda folder: f"'{folder}/large.png'", "more than 50 MiB"),
}


@pytest.mark.parametrize("file", BAD_FILES)
def test_a_picture_that_cannot_be_sent_is_a_failed_row_that_was_not_sent(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, tmp_path: Any, file: str
) -> None:
    with (tmp_path / "large.png").open("wb") as large:
        large.truncate((50 << 20) + 1)
    written, message = BAD_FILES[file]

    for way in WAYS:
        call = f"ai_query('llm', 'x', files => {written(tmp_path)}, failOnError => false)"
        found = value(connection, call, way)
        assert found["result"] is None
        assert found["errorMessage"].startswith("[AI_FUNCTION_UNSUPPORTED_REQUEST] files: ")
        assert message in found["errorMessage"]
    assert server.count == 0
