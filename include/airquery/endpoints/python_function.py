"""A Python function as an endpoint: what it returns is the answer.

The function is called with the JSON value of `request`: a text, or a mapping for a struct; with a
system instruction it is `{"messages": [...]}`. If it takes a second argument, that is the mapping of
model parameters, with the `response_format` in it where there is one. It may be async; a plain one
runs on a thread of its own, so several may run at once, as many as `limits.concurrency` says.

What it returns is kept in the journal like any answer. Change `revision` when the function changes.
"""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

from airquery.answer import Answer, Failure, Usage
from airquery.endpoints import wire
from airquery.endpoints.endpoint import Endpoint, Limits, Price, Task
from airquery.endpoints.messages import messages_of
from airquery.endpoints.parameters import check_parameters
from airquery.errors import AirqueryError


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airquery.answer import Outcome
    from airquery.endpoints.adapter import HttpRequest
    from airquery.request import Request


def function_endpoint(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    task: Task = "chat",
    revision: str | None = None,
    limits: Limits | None = None,
    price: Price | None = None,
) -> Endpoint:
    """Make an endpoint of a Python function, for `Registry.with_endpoints`.

    Args:
        function: takes the request's value, and the model parameters if it has a second argument.
            It returns text for chat and completions, a list of numbers for embeddings, any JSON
            value for custom models; or an `Answer` with its usage, or a `Failure`. What it raises
            is the row's failure.
        name: what SQL calls it; by default the function's own name.
        task: what it is used for.
        revision: a word that is changed when the function's answers change.
        limits: how many calls may run at once, and how often a retryable failure is tried again.
        price: what its tokens cost, where it returns an `Answer` with usage.
    """
    label = f"python:{function.__module__}.{function.__qualname__}"
    return Endpoint(
        name=name or function.__name__,
        task=task,
        provider="python",
        base_url=label,
        model=None,
        revision=revision,
        function=function,
        limits=limits or Limits(),
        price=price or Price(),
    )


class PythonFunction:
    """Calls a function instead of sending anything."""

    def check(self, endpoint: Endpoint, parameters: Mapping[str, object]) -> None:
        """Refuse what belongs to the request. Raises `StatementError`."""
        check_parameters(endpoint, parameters)

    def encode(self, request: Request) -> HttpRequest:
        """Refuse: nothing goes over a wire. Raises `StatementError`."""
        raise wire.unsupported(request.endpoint, "is a Python function and has no address.")

    def decode(self, request: Request, body: bytes) -> Outcome:
        """Read what `answer` wrote."""
        reply = wire.json_object(body)
        if reply is None or "value" not in reply:
            return wire.no_answer(request.endpoint, body, "a reply without a value")
        return Answer(
            value=reply["value"],
            usage=Usage(**dict(wire.mapping(reply.get("usage")))),  # type: ignore[arg-type]
            model=wire.text_or_none(reply.get("model")),
            finish_reason=wire.text_or_none(reply.get("finish_reason")),
            logprobs=reply.get("logprobs"),
        )

    async def answer(self, request: Request) -> bytes | Failure:
        """Call the function; return its answer as a body for `decode`."""
        function = request.endpoint.function
        if function is None:
            raise wire.unsupported(
                request.endpoint, "has no function. Make it with function_endpoint."
            )
        try:
            value = await _called(function, request)
        except AirqueryError as problem:
            return _raised(request.endpoint, problem, retryable=problem.retryable)
        except Exception as problem:  # noqa: BLE001  (whatever it raises is the row's failure)
            return _raised(request.endpoint, problem)
        return _body(request.endpoint, value)


async def _called(function: Callable[..., Any], request: Request) -> object:
    arguments: list[object] = [_value(request)]
    if len(inspect.signature(function).parameters) > 1:
        extra = (
            {} if request.response_format is None else {"response_format": request.response_format}
        )
        arguments.append({**request.parameters, **extra})
    # Every statement imports this module, and only one that asks has an event loop.
    import asyncio  # noqa: PLC0415

    async with asyncio.timeout(request.endpoint.timeout_s):
        if inspect.iscoroutinefunction(function):
            return await function(*arguments)
        return await asyncio.to_thread(function, *arguments)


def _value(request: Request) -> object:
    if request.files:
        raise wire.unsupported(request.endpoint, "is a Python function and takes no files.")
    if request.system is None:
        return request.input
    return {"messages": messages_of(request)}


def _body(endpoint: Endpoint, value: object) -> bytes | Failure:
    """Write what a function returned as the body that is remembered."""
    if isinstance(value, Failure):
        return value
    answer = value if isinstance(value, Answer) else Answer(value=value)
    fields = {"value": answer.value, "usage": asdict(answer.usage), "model": answer.model}
    more = {"finish_reason": answer.finish_reason, "logprobs": answer.logprobs}
    try:
        return orjson.dumps({**fields, **more}, option=orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError as problem:
        return Failure(
            condition="AI_FUNCTION_INVALID_HTTP_RESPONSE",
            message=f"Endpoint {endpoint.name!r} (a Python function) returned "
            f"{type(answer.value).__name__}, which JSON cannot hold ({problem}).",
        )


def _raised(endpoint: Endpoint, problem: Exception, *, retryable: bool = False) -> Failure:
    said = " ".join(f"{type(problem).__name__}: {problem}".split())
    return Failure(
        condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
        message=f"Endpoint {endpoint.name!r} (a Python function) raised {said.rstrip('.: ')}.",
        retryable=retryable,
    )
