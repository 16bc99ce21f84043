"""The formats of custom models: one row in, one prediction out.

It is what MLflow and Databricks serve. The endpoint's `format` says how the row is written: a
struct gives one column a field, in their order; any other value is the only column, named `input`,
or stands as it is where the format has no names. The prediction may be any JSON value. It is the
only one of a list; an object whose every field is a list of one is a row of columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from airquery.answer import Answer
from airquery.endpoints import wire
from airquery.endpoints.invocations import invocations_url
from airquery.endpoints.parameters import refuse


if TYPE_CHECKING:
    from airquery.answer import Outcome
    from airquery.endpoints.adapter import HttpRequest
    from airquery.endpoints.endpoint import Endpoint, Format
    from airquery.request import Request


COLUMN: Final = "input"
# `outputs` is what feature serving and columnar models say instead.
_PREDICTIONS: Final = ("predictions", "outputs")
_TELLS_OF_AN_ERROR: Final = frozenset({"error", "errors", "error_code", "message", "detail"})


class Custom:
    """POST to the served model's invocations."""

    def check(self, endpoint: Endpoint, parameters: Mapping[str, object]) -> None:
        """Refuse all parameters: a custom model takes what it needs as columns."""
        if parameters:
            refuse(
                endpoint,
                "UNSUPPORTED_ENDPOINT_TYPE",
                "a custom model takes no modelParameters. Put them into the request as fields.",
            )

    def encode(self, request: Request) -> HttpRequest:
        """Write the input as one row."""
        endpoint = request.endpoint
        wire.refuse_what_only_chat_has(request)
        if request.input is None or request.input == {}:
            raise wire.unsupported(endpoint, "takes a value, or a struct with fields.")
        row = _row(endpoint.format, request.input)
        return wire.post(endpoint, invocations_url(endpoint), {endpoint.format: row})

    def decode(self, request: Request, body: bytes) -> Outcome:
        """Read the only prediction."""
        reply = wire.json_object(body)
        if reply is None:
            return wire.no_answer(request.endpoint, body, "a reply that is not a JSON object")
        prediction = _prediction(reply)
        if prediction is None or not wire.writable(prediction[0]):
            return wire.no_answer(
                request.endpoint, body, "a reply without one prediction for the one row"
            )
        return Answer(
            value=prediction[0],
            usage=wire.usage(reply),
            model=wire.text_or_none(reply.get("model")),
            request_id=wire.text_or_none(reply.get("id")),
        )


def _row(format_: Format, asked: object) -> object:
    named = isinstance(asked, Mapping)
    columns = asked if isinstance(asked, Mapping) else {COLUMN: asked}
    match format_:
        case "dataframe_split":
            return {"columns": list(columns), "data": [list(columns.values())]}
        case "dataframe_records":
            return [columns]
        case "instances":
            return [asked]
        case _:
            return {name: [value] for name, value in columns.items()} if named else [asked]


def _prediction(reply: wire.Json) -> tuple[object] | None:
    """Return the one prediction, in a tuple because it may be null."""
    for name in _PREDICTIONS:
        if name in reply:
            return _only(reply[name])
    columns = _columns(reply)
    if columns is None or not _TELLS_OF_AN_ERROR.isdisjoint(reply):
        return None
    return (columns,)


def _only(predictions: object) -> tuple[object] | None:
    if isinstance(predictions, list):
        return (predictions[0],) if len(predictions) == 1 else None
    if isinstance(predictions, Mapping) and predictions:
        return (_columns(predictions) or predictions,)
    return None


def _columns(columns: wire.Json) -> dict[str, object] | None:
    """Return the only row of an object of columns, and None for any other object."""
    lists = {name: value for name, value in columns.items() if isinstance(value, list)}
    if not columns or len(lists) < len(columns) or any(len(one) != 1 for one in lists.values()):
        return None
    return {name: value[0] for name, value in lists.items()}
