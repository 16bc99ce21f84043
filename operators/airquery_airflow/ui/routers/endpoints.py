"""The pages of the endpoints: what they are, how they are, and one request by hand.

Whoever may read connections sees the pages; whoever may use the playground sends.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import orjson
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_connection
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse

from airquery import Budget, Settings
from airquery.endpoints.raw_request import example_body, request_of
from airquery.errors import AirqueryError
from airquery.execute.budget import OF_ENDPOINT
from airquery.execute.raw import RawReply, send_raw
from airquery.records import Origin, records_of
from airquery_airflow.playground.allowance import daily_budget
from airquery_airflow.playground.form import text_of
from airquery_airflow.playground.health import LAST_RUNS, Health, Lately, lately, look_at
from airquery_airflow.playground.question import Unclear
from airquery_airflow.playground.spent import Spending, spending_of
from airquery_airflow.ui.access import PlaygroundUser, may_use_playground, same_origin
from airquery_airflow.ui.pages import html
from airquery_airflow.ui.visible import visible_endpoints


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from airquery import Endpoint
    from airquery_airflow.playground.known import Known


router = APIRouter()

_UNCLEAR: Final = 422
_reading = [Depends(requires_access_connection("GET"))]


@dataclass(slots=True, kw_only=True)
class _Page:
    """What the page of one endpoint shows."""

    known: Known
    body: str = ""
    confirmed: bool = False
    reply: RawReply | None = None
    shown_reply: str = ""
    health: Health | None = None
    problem: str = ""


@dataclass(slots=True, kw_only=True)
class _List:
    """What the page of all endpoints shows."""

    known: Mapping[str, Known] = field(default_factory=dict)
    health: Mapping[str, Health] = field(default_factory=dict)
    lately: Mapping[str, Lately] = field(default_factory=dict)
    problem: str = ""


@router.get("/endpoints", response_class=HTMLResponse, dependencies=_reading)
async def list_endpoints(request: Request, user: GetUserDep, check: str = "") -> HTMLResponse:
    """List the endpoints; with `check` look whether they answer."""
    return await asyncio.to_thread(_listed, request, user, check=bool(check))


@router.get("/endpoints/{name:path}", response_class=HTMLResponse, dependencies=_reading)
async def show_endpoint(request: Request, user: GetUserDep, name: str) -> HTMLResponse:
    """Show one endpoint."""
    return await asyncio.to_thread(_shown, request, user, name, None)


@router.post(
    "/endpoints/{name:path}", response_class=HTMLResponse, dependencies=[Depends(same_origin)]
)
async def try_endpoint(request: Request, user: PlaygroundUser, name: str) -> HTMLResponse:
    """Look whether an endpoint answers, or send it a body."""
    async with request.form(max_files=0, max_fields=10) as form:
        fields = {key: value for key, value in form.items() if isinstance(value, str)}
    given = _Given(
        action=fields.get("action", ""),
        body=text_of(fields.get("body", "")),
        confirmed="confirmed" in fields,
    )
    return await asyncio.to_thread(_shown, request, user, name, given)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    action: str
    body: str
    confirmed: bool


def _listed(request: Request, user: BaseUser, *, check: bool) -> HTMLResponse:
    page = _List()
    try:
        settings = Settings.read()
        page.known = visible_endpoints(user, settings)
        page.lately = lately(records_of(settings).recent(LAST_RUNS))
        if check:
            usable = [one.endpoint for one in page.known.values() if one.endpoint]
            page.health = look_at(usable)
    except AirqueryError as problem:
        page.problem = str(problem)
    status = _UNCLEAR if page.problem else 200
    return html(
        request,
        "endpoints.html.j2",
        status=status,
        here="endpoints",
        page=page,
        path_of=_path_of,
        last_runs=LAST_RUNS,
    )


def _shown(request: Request, user: BaseUser, name: str, given: _Given | None) -> HTMLResponse:
    try:
        settings = Settings.read()
        known = visible_endpoints(user, settings).get(name)
    except AirqueryError as problem:
        raise HTTPException(_UNCLEAR, str(problem)) from problem
    if known is None:
        raise HTTPException(404, f"There is no endpoint {name!r:.200} that you may see.")
    page = _Page(known=known)
    endpoint = known.endpoint
    spending, past = None, Lately()
    if endpoint is not None:
        page.body = given.body if given and given.body else example_body(endpoint)
        try:
            if given is not None:
                _act(page, endpoint, given, settings, user)
            spending = _spending(endpoint, settings)
            past = lately(records_of(settings).recent(LAST_RUNS)).get(name, past)
        except (AirqueryError, Unclear) as problem:
            page.problem = str(problem)
    return html(
        request,
        "endpoint.html.j2",
        status=_UNCLEAR if page.problem else 200,
        here="endpoints",
        page=page,
        path=_path_of(name),
        lately=past,
        spending=spending,
        may_send=may_use_playground(user),
        last_runs=LAST_RUNS,
    )


def _act(
    page: _Page, endpoint: Endpoint, given: _Given, settings: Settings, user: BaseUser
) -> None:
    if given.action == "test":
        page.health = look_at([endpoint])[endpoint.name]
        return
    body = _read_body(given.body)
    if not given.confirmed and request_of(endpoint, body) is None:
        raise Unclear(
            "This body is none that ai_query writes, so its answer cannot be kept in the journal: it "
            "would be paid for each time. Confirm that below, or change it."
        )
    page.confirmed = given.confirmed
    page.reply = send_raw(
        endpoint,
        body,
        settings=settings,
        origin=Origin(source="endpoint_page", user=user.get_name()),
        budgets=[daily_budget()],
        again=given.confirmed,
    )
    page.shown_reply = _indented(page.reply.body)


def _read_body(text: str) -> dict[str, object]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        raise Unclear(f"The body is not JSON: {problem}. Mend it.") from None
    if not isinstance(found, dict):
        raise Unclear('The body must be a JSON object, such as {"messages": [...]}.')
    return found


def _indented(text: str) -> str:
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return text


def _spending(endpoint: Endpoint, settings: Settings) -> Spending:
    own = endpoint.per_day
    scope = OF_ENDPOINT + endpoint.name
    budget = Budget(requests=own.requests, tokens=own.tokens, money=own.money, per_day=scope)
    return spending_of(budget, settings)


def _path_of(name: str) -> str:
    return quote(name, safe="")
