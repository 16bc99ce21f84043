"""The bodies that the benchmark's endpoint sends, written by hand because that is cheapest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias


if TYPE_CHECKING:
    from collections.abc import Mapping

Rows: TypeAlias = tuple[int, ...]

DIMENSIONS = 8
PROBLEMS = {
    400: ("content policy", "invalid_request_error"),
    404: ("there is no such path", "invalid_request_error"),
    429: ("too many requests in flight", "rate_limit_error"),
    503: ("overloaded", "server_error"),
}


def answer(path: str, body: bytes, rows: Rows, tokens: int, cached: int) -> str:
    """Return the answer to a request: the rows it names, and what it used."""
    prompt = len(body) // 4
    if path.endswith("/embeddings"):
        return _embeddings(body, prompt)
    text = _json_text(body, rows) if b'"json_schema"' in body else '"' + _text(rows) + '"'
    if path.endswith("/responses"):
        return (
            '{"id":"r","object":"response","created_at":1,"model":"m","status":"completed",'
            '"error":null,"incomplete_details":null,"instructions":null,"metadata":{},'
            '"parallel_tool_calls":true,"temperature":1.0,"top_p":1.0,"tool_choice":"auto","tools":[],'
            '"output":[{"type":"message","id":"o","role":"assistant","status":"completed",'
            f'"content":[{{"type":"output_text","text":{text},"annotations":[]}}]}}],'
            f'"usage":{{"input_tokens":{prompt},"input_tokens_details":{{"cached_tokens":{cached}}},'
            f'"output_tokens":{tokens},"output_tokens_details":{{"reasoning_tokens":0}},'
            f'"total_tokens":{prompt + tokens}}}}}'
        )
    return (
        '{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
        f'"message":{{"role":"assistant","content":{text}}},"finish_reason":"stop"}}],'
        f'"usage":{{"prompt_tokens":{prompt},"completion_tokens":{tokens},'
        f'"total_tokens":{prompt + tokens},"prompt_tokens_details":{{"cached_tokens":{cached}}}}}}}'
    )


def refusal(status: int) -> str:
    """Return the body of an error."""
    message, kind = PROBLEMS[status]
    return f'{{"error":{{"message":"{message}","type":"{kind}","code":null,"param":null}}}}'


def models() -> str:
    """Return the list of models: one."""
    return '{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"bench"}]}'


def _embeddings(body: bytes, prompt: int) -> str:
    given = json.loads(body)["input"]
    texts = given if isinstance(given, list) else [given]
    data = [
        {"object": "embedding", "index": index, "embedding": [float(len(text))] * DIMENSIONS}
        for index, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": prompt, "total_tokens": prompt}
    return json.dumps({"object": "list", "model": "m", "data": data, "usage": usage})


def _text(rows: Rows) -> str:
    return "answer to " + ", ".join(f"row {row}" for row in rows)


def _json_text(body: bytes, rows: Rows) -> str:
    """Return the text of an object that fits the schema a client wants, as a JSON string."""
    asked = json.loads(body)
    wanted = (
        asked["response_format"]["json_schema"] if "messages" in asked else asked["text"]["format"]
    )
    schema = wanted["schema"]
    return json.dumps(json.dumps(_filled(schema, schema.get("$defs", {}), rows, 0)))


def _filled(schema: Mapping[str, Any], named: Mapping[str, Any], rows: Rows, number: int) -> object:
    """Fill a schema: an item of a list for each row, their numbers for integers."""
    if "$ref" in schema:
        return _filled(named[schema["$ref"].rsplit("/", 1)[1]], named, rows, number)
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {}).items()
            return {name: _filled(field, named, rows, number) for name, field in fields}
        case "array":
            return [
                _filled(schema["items"], named, (row,), index) for index, row in enumerate(rows)
            ]
        case "integer" | "number":
            return number
        case "boolean":
            return True
        case _:
            return _text(rows)
