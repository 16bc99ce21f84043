"""Download an HTTP answer of one or many pages into files.

Every page comes, or none is used: a failure is retried as far as waiting helps, and then raised.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from airquery.answer import Failure
from airquery.clock import SystemClock
from airquery.endpoints.endpoint import Limits
from airquery.endpoints.redaction import address
from airquery.errors import ConfigurationError, Unreachable
from airquery.execute.fetch import run_to_end
from airquery.execute.paging import at
from airquery.execute.retry import is_free, wait_before_next


if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence
    from pathlib import Path

    from airquery.execute.paging import Paging
    from airquery.execute.reply import Reply
    from airquery.execute.statement import Cancel
    from airquery.execute.transport import Transport


_Result = TypeVar("_Result")

SILENCE_S = 60.0
_NOT_MODIFIED = 304
_SUCCESS = range(200, 300)
_RETRYABLE = {408, 425, 429, *range(500, 600)}
_WATCH_S = 0.2
# An answer without rows is no longer than this.
_SHORT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """What to download, and how much of it at most.

    `records` is where the rows are in a page of JSON; None leaves a page as it is.
    """

    url: str
    folder: Path
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    paging: Paging | None = None
    records: str | None = None
    suffix: str = ".json"
    max_pages: int = 1_000
    max_bytes: int = 1 << 30
    limits: Limits = field(default_factory=Limits)

    def run(self, cancel: Cancel) -> Pages | None:
        """Download every page; None for an answer that is not modified. Raises `Unreachable`."""
        return run_to_end(_unless(cancel, self._run()))

    async def _run(self) -> Pages | None:
        from airquery.execute.transport import Transport  # noqa: PLC0415 - only who asks loads it

        files: list[Path] = []
        size = taken = pages = 0
        url = self.url if self.paging is None else self.paging.first_url(self.url)
        seen: set[str] = set()
        async with Transport() as transport:
            while True:
                self._check(url, seen)
                into = self.folder / f"page-{pages + 1:06}{self.suffix}"
                reply = await self._page(transport, url, into, max_bytes=self.max_bytes - size)
                if reply.status == _NOT_MODIFIED:
                    return None
                size += into.stat().st_size
                pages += 1
                page, rows = self._rows(url, into)
                taken += rows
                if rows:
                    files.append(into)
                following = self.paging and self.paging.next_url(
                    url, links=_links(reply), page=page, rows=rows, pages=pages, taken=taken
                )
                if not following:
                    return Pages(files=files, pages=pages, headers=reply.headers)
                url = following

    def _check(self, url: str, seen: set[str]) -> None:
        if url in seen:
            raise ConfigurationError(
                f"The pages of {address(self.url)} go round in a circle: {address(url)} was read "
                "before. Correct pagination."
            )
        if len(seen) == self.max_pages:
            raise ConfigurationError(
                f"{address(self.url)} has more than {self.max_pages} pages. Nothing of them is "
                "used. Raise max_pages if that is right."
            )
        seen.add(url)

    def _rows(self, url: str, file: Path) -> tuple[object, int]:
        """Return a page of JSON and how many rows it has; keep only the rows in the file."""
        if self.records is None and not (self.paging and self.paging.reads_json):
            few = file.stat().st_size < _SHORT and file.read_bytes().strip() in {b"", b"[]"}
            return None, 0 if few else 1
        try:
            page = json.loads(file.read_bytes())
        except ValueError as error:
            raise ConfigurationError(f"{address(url)} did not answer with JSON. {error}") from error
        rows = page if self.records is None else at(page, self.records)
        if rows is None and self.records is not None:
            raise ConfigurationError(
                f"{address(url)}: there is nothing at {self.records!r} in its answer. Correct records."
            )
        if self.records is not None:
            file.write_text(json.dumps(rows), encoding="utf-8")
        return page, len(rows) if isinstance(rows, list) else 1

    async def _page(self, transport: Transport, url: str, into: Path, *, max_bytes: int) -> Reply:
        clock = SystemClock()
        began = clock.monotonic()
        attempt = faults = 0
        while True:
            attempt += 1
            reply = await transport.save(
                url, into, headers=self.headers, timeout_s=SILENCE_S, max_bytes=max_bytes
            )
            if not isinstance(reply, Failure):
                refused = _refused(url, reply, clock.time())
                if refused is None:
                    return reply
                reply = refused
            failure = reply
            faults += not is_free(failure)
            wait_s = wait_before_next(
                failure,
                attempt=attempt,
                faults=faults,
                elapsed_s=clock.monotonic() - began,
                dice=random.random(),  # noqa: S311 - jitter
                limits=self.limits,
            )
            if wait_s is None:
                raise Unreachable(failure)
            await asyncio.sleep(wait_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The downloaded pages that have rows; `headers` are those of the last one."""

    files: Sequence[Path]
    pages: int
    headers: Mapping[str, str]


def _refused(url: str, reply: Reply, now: float) -> Failure | None:
    if reply.status in _SUCCESS or reply.status == _NOT_MODIFIED:
        return None
    return Failure(
        condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
        message=f"{address(url)} answered with HTTP status {reply.status}.",
        http_status=reply.status,
        retryable=reply.status in _RETRYABLE,
        retry_after_s=_retry_after(reply.headers.get("Retry-After"), now),
    )


def _retry_after(text: str | None, now: float) -> float | None:
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return None


def _links(reply: Reply) -> Sequence[str]:
    """Return every Link header: a server may send several."""
    headers: Any = reply.headers
    if hasattr(headers, "getall"):
        return [str(link) for link in headers.getall("Link", [])]
    return [headers["Link"]] if "Link" in headers else []


async def _unless(cancel: Cancel, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Do the work, and stop it when the task is killed."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=_WATCH_S)
        if cancel.is_set():
            task.cancel()
            await asyncio.wait({task})
            cancel.check()
    return task.result()
