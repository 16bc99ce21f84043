"""The batch APIs of the scripted endpoint: OpenAI's files and batches, Anthropic's message batches.

A batch ends as its script says. Each of its requests is answered as it would be alone; a refusal is
a line of its own. The output stands in another order than the requests, as it may.
"""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import orjson

from airquery.testing.reply import Reply, error_body


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airquery.testing.answers import Body


Ending: TypeAlias = Literal["completed", "failed", "expired", "cancelled"]
Answering: TypeAlias = "Callable[[str, Body], Reply]"

_OK: Final = 200
_FIRST_ERROR: Final = 400
_CONTENT: Final = re.compile(r"/files/([^/]+)/content$")
_ONE: Final = re.compile(r"/batches/([^/]+)$")
_CANCEL: Final = re.compile(r"/batches/([^/]+)/cancel$")
_RESULTS: Final = re.compile(r"/messages/batches/([^/]+)/results$")
_ERRORS: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchScript:
    """What becomes of one batch.

    It is `running` for so many looks at it, then it `ends`, with as many of its requests `answered`
    (None: all, or none of one that failed). `faults` are the errors of one that failed. `refusal` is
    sent instead of making it, `lost` instead of the reply that it was made, and `trouble` first to
    those who look at it. Reading what it brought takes `output_after_s` seconds, and ends in
    `output_trouble` first.
    """

    running: int = 1
    ends: Ending = "completed"
    answered: int | None = None
    faults: Sequence[Mapping[str, object]] = ()
    refusal: Reply | None = None
    lost: Reply | None = None
    trouble: Sequence[Reply] = ()
    output_after_s: float = 0.0
    output_trouble: Sequence[Reply] = ()


@dataclass(slots=True, kw_only=True)
class Submitted:
    """A batch as it was submitted: bodies by custom id; `looks` were counted while it was not held."""

    id: str
    path: str
    bodies: Mapping[str, Body]
    metadata: Mapping[str, str]
    script: BatchScript
    created_at: float
    looks: int = 0
    looked_at: bool = False
    cancelled: bool = False
    reading: bool = False
    trouble: deque[Reply] = field(default_factory=deque)
    output_trouble: deque[Reply] = field(default_factory=deque)
    output: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)


class Batches:
    """All batches of one endpoint. `answer` answers one request to a path."""

    def __init__(self, answer: Answering) -> None:
        self._answer = answer
        self._files: dict[str, list[dict[str, Any]]] = {}
        self._made: dict[str, Submitted] = {}
        self._scripts: deque[BatchScript] = deque()
        self.held = False

    @property
    def made(self) -> tuple[Submitted, ...]:
        """Return all batches, the oldest first."""
        return tuple(self._made.values())

    def script(self, *scripts: BatchScript) -> None:
        """Let the next batches go so, one each."""
        self._scripts.extend(scripts)

    def reply(
        self, method: str, path: str, query: Mapping[str, str], body: bytes, kind: str
    ) -> Reply | None:
        """Answer a request to one of the APIs; None if it is to none of them."""
        if method == "POST" and path.endswith("/files"):
            return self._upload(body, kind)
        if path.endswith("/messages/batches"):
            return self._take_messages(body) if method == "POST" else self._list(query, "after_id")
        if path.endswith("/batches"):
            return self._take_file(body) if method == "POST" else self._list(query, "after")
        for known, answer in (
            (_CONTENT, self._content),
            (_CANCEL, self._cancel),
            (_RESULTS, self._results),
            (_ONE, self._look),
        ):
            if found := known.search(path):
                return answer(found[1])
        return None

    def _upload(self, body: bytes, kind: str) -> Reply:
        boundary = re.fullmatch(r"multipart/form-data; boundary=(\S+)", kind)
        if boundary is None:
            return _refused("The body is not a form.")
        parts = body.split(b"--" + boundary[1].encode())[1:-1]
        fields = dict(map(_field, parts))
        if fields.get("purpose") != b"batch" or "file" not in fields:
            return _refused("A file for batches has purpose batch.")
        name = f"file-{len(self._files)}"
        self._files[name] = [orjson.loads(line) for line in fields["file"].splitlines() if line]
        return Reply(body={"id": name, "object": "file", "purpose": "batch"})

    def _take_file(self, body: bytes) -> Reply:
        wanted = orjson.loads(body)
        lines = self._files.get(wanted["input_file_id"])
        if lines is None or wanted["completion_window"] != "24h":
            return _refused("There is no such file, or the window is not 24h.")
        if any(line["method"] != "POST" or line["url"] != wanted["endpoint"] for line in lines):
            return _refused("A line is for another endpoint.")
        bodies = {line["custom_id"]: line["body"] for line in lines}
        if len(bodies) < len(lines):
            return _refused("A custom_id stands twice.")
        return self._make(wanted["endpoint"], bodies, wanted.get("metadata") or {}, _openai)

    def _take_messages(self, body: bytes) -> Reply:
        wanted = orjson.loads(body)["requests"]
        bodies = {one["custom_id"]: one["params"] for one in wanted}
        if len(bodies) < len(wanted) or any(len(name) > 64 for name in bodies):  # noqa: PLR2004
            return _refused("A custom_id stands twice, or is too long.")
        return self._make("/v1/messages", bodies, {}, _anthropic)

    def _make(
        self,
        path: str,
        bodies: Mapping[str, Body],
        metadata: Mapping[str, str],
        described: Callable[[Submitted], dict[str, object]],
    ) -> Reply:
        script = self._scripts.popleft() if self._scripts else BatchScript()
        if script.refusal is not None:
            return script.refusal
        batch = Submitted(
            id=f"batch-{len(self._made)}",
            path=path,
            bodies=bodies,
            metadata=metadata,
            script=script,
            created_at=time.time(),
            trouble=deque(script.trouble),
            output_trouble=deque(script.output_trouble),
        )
        self._made[batch.id] = batch
        return script.lost or Reply(body=described(batch))

    def _list(self, query: Mapping[str, str], after: str) -> Reply:
        newest = list(reversed(self._made.values()))
        if after in query:
            newest = newest[[one.id for one in newest].index(query[after]) + 1 :]
        # A page of two, so that whoever looks for one has to turn it.
        shown, more = newest[:2], len(newest) > 2  # noqa: PLR2004
        described = [_described(one) for one in shown]
        return Reply(body={"object": "list", "data": described, "has_more": more})

    def _look(self, name: str) -> Reply:
        batch = self._made.get(name)
        if batch is None:
            return Reply(status=404, body=error_body(404, f"There is no batch {name}."))
        batch.looked_at = True
        if batch.trouble:
            return batch.trouble.popleft()
        batch.looks += not self.held
        if _has_ended(batch) and not batch.output and not batch.errors:
            self._go(batch)
        return Reply(body=_described(batch))

    def _go(self, batch: Submitted) -> None:
        """Answer a batch's requests, the last one first."""
        script = batch.script
        none = script.ends == "failed" or batch.cancelled
        count = 0 if none else script.answered
        named = list(batch.bodies.items())
        answered = named if count is None else named[:count]
        frame = _message_line if batch.path == "/v1/messages" else _file_line
        for name, body in reversed(answered):
            reply = self._answer(batch.path, body)
            failed = reply.status >= _FIRST_ERROR or reply.end != "whole"
            (batch.errors if failed else batch.output).append(frame(name, reply, None))
        if _ending(batch) in ("expired", "cancelled"):
            for name, _ in named[len(answered) :]:
                batch.errors.append(frame(name, None, _ending(batch)))

    def _content(self, name: str) -> Reply:
        which, _, owner = name.partition("-")
        batch = self._made[owner]
        return _output(batch, batch.output if which == "output" else batch.errors)

    def _results(self, name: str) -> Reply:
        batch = self._made[name]
        return _output(batch, batch.output + batch.errors)

    def _cancel(self, name: str) -> Reply:
        batch = self._made[name]
        batch.cancelled = True
        return Reply(body=_described(batch))


def _output(batch: Submitted, lines: Sequence[bytes]) -> Reply:
    batch.reading = True
    if batch.output_trouble:
        return batch.output_trouble.popleft()
    body = b"".join(line + b"\n" for line in lines)
    return Reply(body=body, after_s=batch.script.output_after_s)


def _has_ended(batch: Submitted) -> bool:
    return batch.cancelled or batch.looks > batch.script.running


def _ending(batch: Submitted) -> Ending:
    return "cancelled" if batch.cancelled else batch.script.ends


def _described(batch: Submitted) -> dict[str, object]:
    return (_anthropic if batch.path == "/v1/messages" else _openai)(batch)


def _openai(batch: Submitted) -> dict[str, object]:
    ended = _has_ended(batch)
    return {
        "id": batch.id,
        "object": "batch",
        "status": _ending(batch) if ended else "in_progress",
        "created_at": int(batch.created_at),
        "metadata": batch.metadata or None,
        "output_file_id": f"output-{batch.id}" if ended and batch.output else None,
        "error_file_id": f"errors-{batch.id}" if ended and batch.errors else None,
        "errors": {"object": "list", "data": list(batch.script.faults)}
        if ended and batch.script.faults
        else None,
        "request_counts": {
            "total": len(batch.bodies),
            "completed": len(batch.output),
            "failed": len(batch.errors),
        },
    }


def _anthropic(batch: Submitted) -> dict[str, object]:
    ended = _has_ended(batch)
    counts = {"succeeded": len(batch.output), "errored": len(batch.errors)}
    open_now = 0 if ended else len(batch.bodies)
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(batch.created_at))
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if ended else "in_progress",
        "created_at": made,
        "request_counts": {"processing": open_now, "canceled": 0, "expired": 0, **counts},
        "results_url": f"https://elsewhere.example/{batch.id}" if ended else None,
    }


def _file_line(name: str, reply: Reply | None, gone: str | None) -> bytes:
    line: dict[str, object] = {"custom_id": name, "response": None, "error": None}
    if reply is None or reply.end != "whole":
        code = "server_error" if gone is None else f"batch_{gone}"
        line["error"] = {"code": code, "message": "It was not answered."}
    else:
        body = orjson.loads(reply.content() or b"null")
        line["response"] = {"status_code": reply.status, "request_id": name[:8], "body": body}
    return orjson.dumps(line)


def _message_line(name: str, reply: Reply | None, gone: str | None) -> bytes:
    result: dict[str, object]
    if reply is None:
        result = {"type": "canceled" if gone == "cancelled" else gone}
    elif reply.status == _OK:
        result = {"type": "succeeded", "message": orjson.loads(reply.content() or b"null")}
    else:
        error = {"type": _ERRORS.get(reply.status, "api_error"), "message": "Scripted."}
        result = {"type": "errored", "error": {"type": "error", "error": error}}
    return orjson.dumps({"custom_id": name, "result": result})


def _field(part: bytes) -> tuple[str, bytes]:
    head, _, value = part.partition(b"\r\n\r\n")
    name = re.search(rb' name="([^"]*)"', head)
    return "" if name is None else name[1].decode(), value.removesuffix(b"\r\n")


def _refused(message: str) -> Reply:
    return Reply(status=400, body=error_body(400, message))
