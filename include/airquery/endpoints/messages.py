"""The messages of a chat request, in the OpenAI format that every other chat format is made of.

A system instruction is one message, the first. Pictures stand after the text of the last message
of the user, as `image_url` blocks whose URL is the picture itself.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING

from airquery.endpoints import wire


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.request import Image, Request


def messages_of(request: Request) -> list[dict[str, object]]:
    """Read text as one user message, and an object of `messages` as those.

    Raises `StatementError` for any other input.
    """
    messages = _asked(request)
    if request.files:
        messages = _with_images(request, messages)
    if request.system is None:
        return messages
    if any(message["role"] == "system" for message in messages):
        raise wire.unsupported(
            request.endpoint,
            "takes the system role once, first, but the request has a system message beside its "
            "system instruction. Keep one of them.",
        )
    return [{"role": "system", "content": request.system}, *messages]


def without_system(
    request: Request, messages: Sequence[dict[str, object]]
) -> tuple[str | None, Sequence[dict[str, object]]]:
    """Split the system instruction off, for a format that has it beside its messages.

    Raises `StatementError` if it does not stand once, first, as text.
    """
    if not any(message["role"] == "system" for message in messages):
        return None, messages
    content = messages[0]["content"]
    system = content if isinstance(content, str) else wire.texts(content, "text")
    roles = [message["role"] for message in messages]
    if roles[0] != "system" or roles.count("system") > 1 or system is None:
        raise wire.unsupported(
            request.endpoint, "takes the system role once, first, as text. Join them there."
        )
    return system, messages[1:]


def blocks(content: object) -> list[wire.Json]:
    """Return a content as the list of its blocks; of no text there is none."""
    if isinstance(content, list):
        return [wire.mapping(block) for block in content]
    return [{"type": "text", "text": content}] if content else []


def image_url(block: wire.Json) -> str | None:
    """Return where the picture of a block is, and None for a block of another type."""
    if block.get("type") != "image_url":
        return None
    found = block.get("image_url")
    return wire.text_or_none(found.get("url") if isinstance(found, Mapping) else found)


def _asked(request: Request) -> list[dict[str, object]]:
    asked = request.input
    if isinstance(asked, str):
        return [{"role": "user", "content": asked}]
    messages = asked.get("messages") if isinstance(asked, Mapping) else None
    if not isinstance(asked, Mapping) or not isinstance(messages, list) or not messages:
        raise wire.unsupported(
            request.endpoint,
            "takes text, or a struct with a list 'messages' of {role, content}. "
            "Concatenate columns to one text, or build the messages.",
        )
    others = [name for name in asked if name != "messages"]
    if others:
        raise wire.unsupported(
            request.endpoint,
            f"takes nothing beside 'messages', but the request has {others[0]!r:.60}. "
            "Put parameters into modelParameters.",
        )
    return [_message(request, place, message) for place, message in enumerate(messages, start=1)]


def _message(request: Request, place: int, message: object) -> dict[str, object]:
    fields = {name: value for name, value in wire.mapping(message).items() if value is not None}
    role, content = fields.get("role"), fields.get("content")
    listed = isinstance(content, list) and all(isinstance(block, Mapping) for block in content)
    if not isinstance(role, str) or not role or not (isinstance(content, str) or listed):
        raise wire.unsupported(
            request.endpoint,
            f"takes messages with a role and a content, both text, but message {place} is none.",
        )
    return fields


def _with_images(request: Request, messages: list[dict[str, object]]) -> list[dict[str, object]]:
    places = [place for place, message in enumerate(messages) if message["role"] == "user"]
    if not places:
        raise wire.unsupported(
            request.endpoint, "takes files with a message of the user only. Add one."
        )
    last = messages[places[-1]]
    content = [*blocks(last["content"]), *map(_image_block, request.files)]
    return [{**one, "content": content} if one is last else one for one in messages]


def _image_block(image: Image) -> dict[str, object]:
    url = f"data:{image.media_type};base64,{b64encode(image.data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}
