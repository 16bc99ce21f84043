"""Batch endpoints: how they are declared, and what their providers' APIs are sent and send."""

from __future__ import annotations

import pytest

from airquery.endpoints.batch import BatchState, Fault, Line
from airquery.endpoints.batch_wires import batch_wire_for
from airquery.endpoints.declaration import endpoint_from_fields
from airquery.endpoints.endpoint import Batch, Endpoint, Price, Secret
from airquery.errors import InvalidEndpoint
from airquery.request import Request


CHAT = {"task": "chat", "base_url": "http://127.0.0.1:9/v1", "model": "m", "mode": "batch"}


def declared(**fields: object) -> Endpoint:
    return endpoint_from_fields("llm", {**CHAT, **fields}, source="a file", environ={})


def test_a_batch_endpoint_says_its_bounds_and_its_discount() -> None:
    own = {"max_requests": 10, "max_bytes": 2000, "discount": 0.4}

    assert declared().batch == Batch()
    assert declared(batch=own).batch == Batch(max_requests=10, max_bytes=2000, discount=0.4)
    assert declared(mode="online").batch is None


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"task": "custom", "model": None}, "mode 'batch' does not go with provider 'custom'"),
        ({"task": "completions"}, "provider 'openai' and task 'completions'"),
        ({"provider": "databricks"}, "provider 'databricks' and task 'chat'"),
        ({"mode": "online", "batch": {}}, "field 'batch' goes only with mode 'batch'"),
        ({"mode": "later"}, "field 'mode' is 'later' but should be 'online' or 'batch'"),
        ({"batch": {"discount": 1.5}}, "field 'batch.discount' is 1.5 but should be less than"),
        ({"batch": {"max_requests": 0}}, "field 'batch.max_requests' is 0 but should be greater"),
        ({"batch": {"size": 1}}, "field 'batch.size' is unknown"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_when_it_is_declared(
    fields: dict[str, object], problem: str
) -> None:
    with pytest.raises(InvalidEndpoint) as refused:
        declared(**fields)

    assert problem in str(refused.value)


def test_the_discount_is_taken_off_both_sides_of_the_price() -> None:
    price = {"input_per_million": 2.0, "output_per_million": 8.0, "currency": "EUR"}

    assert declared(price=price).charged == Price(
        input_per_million=1.0, output_per_million=4.0, currency="EUR"
    )
    assert declared(price=price, mode="online").charged == Price(
        input_per_million=2.0, output_per_million=8.0, currency="EUR"
    )


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, b'"/v1/chat/completions"'),
        ({"api": "responses"}, b'"/v1/responses"'),
        ({"task": "embeddings"}, b'"/v1/embeddings"'),
        ({"base_url": "http://127.0.0.1:9/openai"}, b'"/v1/chat/completions"'),
    ],
)
def test_a_line_names_its_request_and_where_it_goes(fields: dict[str, object], path: bytes) -> None:
    endpoint = declared(**fields)
    request = Request(endpoint=endpoint, input="hello")

    line = batch_wire_for(endpoint).line(request)

    assert line.startswith(b'{"custom_id":"%b","method":"POST"' % request.key.hex().encode())
    assert b'"url":' + path in line
    assert b'"model":"m"' in line
    assert b"\n" not in line


def test_an_upload_holds_the_key_in_its_headers_alone() -> None:
    endpoint = declared(api_key=Secret("sk-4711"))
    upload = batch_wire_for(endpoint).upload(endpoint, [b"{}", b"[]"], "j")

    assert upload is not None
    assert (upload.url, upload.headers["Authorization"]) == (
        "http://127.0.0.1:9/v1/files",
        "Bearer sk-4711",
    )
    assert upload.body.endswith(b"\r\n\r\n{}\n[]\n\r\n--airquery-j--\r\n")
    assert b"4711" not in upload.body


def test_names_that_a_provider_gave_cannot_lead_elsewhere() -> None:
    openai, claude = declared(), declared(provider="anthropic", base_url="http://127.0.0.1:9")
    name = "../x?y"

    assert batch_wire_for(openai).state_url(openai, name).endswith("/v1/batches/..%2Fx%3Fy")
    assert batch_wire_for(openai).output_url(openai, name).endswith("/files/..%2Fx%3Fy/content")
    assert (
        batch_wire_for(claude).output_url(claude, name)
        == "http://127.0.0.1:9/v1/messages/batches/..%2Fx%3Fy/results"
    )


OPENAI = b"""{"id":"batch_1","object":"batch","endpoint":"/v1/chat/completions","status":"failed",
"errors":{"object":"list","data":[{"code":"invalid","message":"No.","param":"custom_id","line":3}]},
"input_file_id":"f","output_file_id":"o","error_file_id":null,"created_at":1711471533,
"request_counts":{"total":5,"completed":2,"failed":1},"metadata":{"airquery_job":"j"}}"""
ANTHROPIC = b"""{"id":"msgbatch_1","type":"message_batch","processing_status":"ended",
"request_counts":{"processing":0,"succeeded":3,"errored":1,"canceled":1,"expired":0},
"created_at":"2024-09-24T18:37:24.100435Z","results_url":"https://elsewhere.example/r"}"""


def test_the_description_of_a_batch_is_read_whole() -> None:
    openai, claude = declared(), declared(provider="anthropic")

    assert batch_wire_for(openai).state(OPENAI) == BatchState(
        batch="batch_1",
        phase="failed",
        job="j",
        created_at=1711471533.0,
        requests=5,
        done=3,
        answered=2,
        outputs=("o",),
        faults=(Fault(code="invalid", message="No.", line=2),),
    )
    assert batch_wire_for(claude).state(ANTHROPIC) == BatchState(
        batch="msgbatch_1",
        phase="completed",
        created_at=1727203044.100435,
        requests=5,
        done=5,
        answered=3,
        outputs=("msgbatch_1",),
    )


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"<html>",
        b"[]",
        b'{"id":7,"status":"completed"}',
        b'{"id":"b"}',
        b'{"data":7}',
    ],
)
def test_what_is_no_description_no_list_and_no_line_is_none(provider: str, body: bytes) -> None:
    wire = batch_wire_for(declared(provider=provider))

    assert (wire.state(body), wire.listed(body), wire.output_line(body)) == (None, None, None)


def test_lines_of_results_say_the_status_that_a_single_message_would_have_had() -> None:
    wire = batch_wire_for(declared(provider="anthropic"))
    kinds = ["invalid_request_error", "overloaded_error", "never_heard_of"]
    errored = [
        b'{"custom_id":"0a","result":{"type":"errored","error":{"type":"error","error":'
        b'{"type":"%b","message":"No."}}}}' % kind.encode()
        for kind in kinds
    ]

    assert [line.status for text in errored if (line := wire.output_line(text))] == [400, 529, 400]
    assert wire.output_line(b'{"custom_id":"0a","result":{"type":"expired"}}') == Line(
        key=b"\x0a", gone=Fault(code="batch_expired", message="")
    )
    assert wire.output_line(b'{"custom_id":"not hex","result":{"type":"expired"}}') is None


def test_a_moment_that_is_none_is_no_moment() -> None:
    wire = batch_wire_for(declared(provider="anthropic"))
    bodies = [
        ANTHROPIC.replace(b"2024-09-24T18:37:24.100435Z", moment) for moment in (b"soon", b"")
    ]

    assert [state.created_at for body in bodies if (state := wire.state(body))] == [None, None]


def test_a_reply_that_is_too_deep_to_be_kept_is_no_answer() -> None:
    deep = b"[" * 500 + b"]" * 500
    lines = {
        "openai": b'{"custom_id":"0a","response":{"status_code":200,"body":%b}}' % deep,
        "anthropic": b'{"custom_id":"0a","result":{"type":"succeeded","message":%b}}' % deep,
    }

    for provider, line in lines.items():
        read = batch_wire_for(declared(provider=provider)).output_line(line)
        assert read == Line(key=b"\x0a", status=200, body=b"")
