"""The playground: ask one to three endpoints by hand, once or over some rows of a table.

What goes over the rows of a table is planned first, and asked only when the same form comes back
with that plan.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import FormData, UploadFile

from airquery import Settings
from airquery.errors import AirqueryError
from airquery.records import Origin
from airquery_airflow.playground.allowance import SCOPE, daily_budget
from airquery_airflow.playground.asking import Asked, ask, plan
from airquery_airflow.playground.form import FIELDS, read_question, text_of
from airquery_airflow.playground.picture import MOST_BYTES, keep_picture, kept_picture
from airquery_airflow.playground.question import MOST_ENDPOINTS, MOST_ROWS, Question, Unclear
from airquery_airflow.playground.spent import spending_of
from airquery_airflow.ui.access import PlaygroundUser, same_origin
from airquery_airflow.ui.pages import html
from airquery_airflow.ui.visible import visible_endpoints
from airquery_airflow.ui.wanted import while_wanted


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from airquery import Cancel, Endpoint
    from airquery_airflow.playground.known import Known


router = APIRouter()

_MOST_BODY: Final = MOST_BYTES + (2 << 20)
_UNCLEAR: Final = 422


@dataclass(slots=True, kw_only=True)
class _Page:
    """What the page shows: the form as it was sent, and what came of it."""

    known: Mapping[str, Known] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    chosen: Sequence[str] = ()
    picture: Path | None = None
    asked: Sequence[Asked] = ()
    planned: str = ""
    problem: str = ""


@router.get("/playground", response_class=HTMLResponse)
async def show_form(request: Request, user: PlaygroundUser) -> HTMLResponse:
    """Show the empty form."""
    page = _Page(chosen=request.query_params.getlist("endpoint"))
    return await asyncio.to_thread(_shown, request, user, page)


@router.post("/playground", response_class=HTMLResponse, dependencies=[Depends(same_origin)])
async def answer_form(request: Request, user: PlaygroundUser) -> HTMLResponse:
    """Plan what the form asks, or ask it."""
    if int(request.headers.get("content-length") or _MOST_BODY) >= _MOST_BODY:
        raise HTTPException(413, f"At most {MOST_BYTES >> 20} MiB can be sent from here.")
    async with request.form(max_files=1, max_fields=100) as form:
        given = {name: _text(form, name) for name in (*FIELDS, "action", "planned", "kept")}
        upload = form.get("picture")
        content = await upload.read() if isinstance(upload, UploadFile) else b""
        chosen = [one for one in form.getlist("endpoint") if isinstance(one, str)]
    page = _Page(given=given, chosen=chosen)
    await while_wanted(request, lambda cancel: _act(page, user, content, cancel))
    return await asyncio.to_thread(_shown, request, user, page)


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return text_of(value) if isinstance(value, str) else ""


def _act(page: _Page, user: BaseUser, content: bytes, cancel: Cancel) -> None:
    """Do what the form says; what is wrong with it is said on the page."""
    try:
        settings = Settings.read()
        page.known = visible_endpoints(user, settings)
        page.picture = _picture(settings.home, content, page.given["kept"])
        question = read_question(page.given, page.chosen, picture=page.picture)
        endpoints = [_endpoint(page.known, name) for name in question.endpoints]
        digest = _digest(question)
        if not _is_to_be_asked(page.given, question, digest):
            page.asked, page.planned = plan(question, endpoints, settings), digest
            return
        page.asked = ask(
            question,
            endpoints,
            settings,
            budget=daily_budget(),
            origin=Origin(source="playground", user=user.get_name()),
            cancel=cancel,
        )
    except (AirqueryError, Unclear) as problem:
        page.problem = str(problem)


def _is_to_be_asked(given: Mapping[str, str], question: Question, digest: str) -> bool:
    if given["action"] == "plan":
        return False
    return question.over is None or given["planned"] == digest


def _digest(question: Question) -> str:
    """Say which question it is, so that only what was planned is asked."""
    return blake2b(repr(question).encode(), digest_size=16).hexdigest()


def _picture(home: Path, content: bytes, kept: str) -> Path | None:
    if content:
        return keep_picture(home, content)
    return kept_picture(home, kept) if kept else None


def _endpoint(known: Mapping[str, Known], name: str) -> Endpoint:
    found = known.get(name)
    if found is None:
        raise Unclear(f"There is no endpoint {name!r:.200}. Choose one of the list.")
    if found.endpoint is None:
        raise Unclear(found.problem)
    return found.endpoint


def _shown(request: Request, user: BaseUser, page: _Page) -> HTMLResponse:
    spending = None
    try:
        settings = Settings.read()
        page.known = page.known or visible_endpoints(user, settings)
        spending = spending_of(daily_budget(), settings)
    except AirqueryError as problem:
        page.problem = page.problem or str(problem)
    return html(
        request,
        "playground.html.j2",
        status=_UNCLEAR if page.problem else 200,
        scripts=True,
        here="playground",
        page=page,
        scope=SCOPE,
        spending=spending,
        most_endpoints=MOST_ENDPOINTS,
        most_rows=MOST_ROWS,
        most_mib=MOST_BYTES >> 20,
    )
