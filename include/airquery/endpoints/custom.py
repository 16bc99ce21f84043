"""The format of custom models: one row of a `dataframe_split` in, one prediction out.

It is what MLflow and Databricks serve. A struct gives one column a field, in their order; any
other value is the only column, named `input`. The prediction may be any JSON value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson

from airquery.answer import Answer
from airquery.endpoints import wire
from airquery.endpoints.parameters import refuse


if TYPE_CHECKING:
    from airquery.answer import Outcome
    from airquery.endpoints.adapter import HttpRequest
    from airquery.endpoints.endpoint import Endpoint
    from airquery.request import Request


COLUMN = "input"


class Custom:
    """POST {base_url} if it ends with /invocations, or its serving endpoint's invocations."""

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
        wire.refuse_response_format(request)
        asked = request.input
        if asked is None or asked == {}:
            raise wire.unsupported(request.endpoint, "takes a value, or a struct with fields.")
        row = asked if isinstance(asked, Mapping) else {COLUMN: asked}
        split = {"columns": list(row), "data": [list(row.values())]}
        return wire.post(request.endpoint, _url(request.endpoint), {"dataframe_split": split})

    def decode(self, request: Request, body: bytes) -> Outcome:
        """Read the only prediction, from a list of one or as it stands."""
        reply = wire.json_object(body)
        if reply is None:
            return wire.no_answer(request.endpoint, body, "a reply that is not a JSON object")
        prediction = _prediction(reply.get("predictions"))
        if prediction is None:
            return wire.no_answer(
                request.endpoint, body, "a reply without one prediction for the one row"
            )
        return Answer(
            value=prediction[0],
            usage=wire.usage(reply),
            model=wire.text_or_none(reply.get("model")),
            request_id=wire.text_or_none(reply.get("id")),
        )


def _prediction(predictions: object) -> tuple[object] | None:
    """Return the one prediction, in a tuple because it may be null."""
    listed = isinstance(predictions, list) and len(predictions) == 1
    if not listed and not (isinstance(predictions, Mapping) and predictions):
        return None
    try:
        # JSON may be read deeper than it can be written, and then it could be no value of SQL.
        orjson.dumps(predictions)
    except orjson.JSONEncodeError:
        return None
    return (predictions[0] if isinstance(predictions, list) else predictions,)


def _url(endpoint: Endpoint) -> str:
    if endpoint.base_url.rstrip("/").endswith("/invocations"):
        return wire.url(endpoint, "")
    name = quote(endpoint.model or endpoint.name, safe="")
    return wire.url(endpoint, f"/serving-endpoints/{name}/invocations")
