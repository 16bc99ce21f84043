"""Work for a page only as long as somebody waits for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from airquery import Cancel
from airquery.errors import Cancelled


if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import Request


_Result = TypeVar("_Result")


async def while_wanted(request: Request, work: Callable[[Cancel], _Result]) -> _Result | None:
    """Do work on a thread, and cancel it when the browser hangs up; None if that stopped it.

    The body of the request has been read: all that can still come is that it is over.
    """
    cancel = Cancel()
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(_set_when_gone(request, cancel))
        try:
            return await asyncio.to_thread(_or_none, work, cancel)
        except asyncio.CancelledError:
            cancel.set()
            raise
        finally:
            watch.cancel()


def _or_none(work: Callable[[Cancel], _Result], cancel: Cancel) -> _Result | None:
    try:
        return work(cancel)
    except Cancelled:
        return None


async def _set_when_gone(request: Request, cancel: Cancel) -> None:
    # Looking whether there is a message, as `is_disconnected` does, finds none behind middleware.
    while (await request.receive())["type"] != "http.disconnect":
        pass
    cancel.set()
