"""What was asked and paid: by day, endpoint, DAG and task, of what the user may see."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, time as midnight
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlencode

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads it
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

import airquery
from airquery.errors import AirqueryError
from airquery.journal.spent import utc_day
from airquery.records import records_of
from airquery.report.page import Column, Table
from airquery.report.trend import trend
from airquery.report.usage_report import (
    budget_section,
    days_until,
    lines,
    money,
    summed,
    tables,
)
from airquery_airflow.ui.access import visible
from airquery_airflow.ui.csv_text import csv_text
from airquery_airflow.ui.day_budgets import today
from airquery_airflow.ui.pages import download, html, page_text


if TYPE_CHECKING:
    from datetime import date

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from airquery.records import DayUsage
    from airquery.report.page import Section

log = logging.getLogger(__name__)

router = APIRouter()

SPANS: Final = (7, 30, 90)
UNREADABLE: Final = (
    "This API server cannot read what was asked: AIRQUERY_JOURNAL, or AIRQUERY_HOME, must name in "
    "its environment what it names on the workers. The reason is in its log."
)
EMPTY: Final = (
    "Nothing was asked in these days, as far as this API server sees. If tasks have asked, then "
    "AIRQUERY_JOURNAL, or AIRQUERY_HOME, must name in its environment what it names on the workers."
)
UNDECLARED: Final = (
    "What is left of today's budgets cannot be told: the journal, or the declaration of an endpoint, "
    "cannot be read. The reason is in the API server's log."
)

Days = Annotated[int, Query(ge=1, le=366)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a reader asked to see: so many days, of one endpoint and one DAG or of all."""

    days: int
    endpoint: str
    dag: str

    @property
    def query(self) -> str:
        """Return it as a query string."""
        return urlencode({"days": self.days, "endpoint": self.endpoint, "dag": self.dag})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The rows that a user may see, and whether there are others."""

    rows: tuple[DayUsage, ...]
    hidden: bool


@router.get("/usage", response_class=HTMLResponse)
def show(
    request: Request, user: GetUserDep, days: Days = 30, endpoint: str = "", dag: str = ""
) -> Response:
    """Show the page."""
    asked = Asked(days=days, endpoint=endpoint, dag=dag)
    return html(request, "usage.html.j2", **_content(user, asked))


@router.get("/usage.html")
def keep(
    request: Request, user: GetUserDep, days: Days = 30, endpoint: str = "", dag: str = ""
) -> Response:
    """Return the page as a file that needs no server."""
    asked = Asked(days=days, endpoint=endpoint, dag=dag)
    text = page_text(request, "usage.html.j2", exported=True, **_content(user, asked))
    return download(text, f"ai-usage-{utc_day(time.time())}.html", "text/html")


@router.get("/usage.csv")
def table(user: GetUserDep, days: Days = 30, endpoint: str = "", dag: str = "") -> Response:
    """Return the rows behind the page, those of a day, task and endpoint in a line each."""
    asked = Asked(days=days, endpoint=endpoint, dag=dag)
    head, rows = lines(_chosen(_seen(user, asked.days).rows, asked))
    return download(csv_text(head, rows), f"ai-usage-{utc_day(time.time())}.csv", "text/csv")


def _content(user: BaseUser, asked: Asked) -> dict[str, Any]:
    problems = []
    seen = Seen(rows=(), hidden=False)
    try:
        seen = _seen(user, asked.days)
    except AirqueryError:
        log.exception("The records of what was asked cannot be read.")
        problems.append(UNREADABLE)
    else:
        if not (seen.rows or seen.hidden):
            problems.append(EMPTY)
    rows = _chosen(seen.rows, asked)
    sections = tables(rows)
    if rows:
        try:
            sections = [*_today(rows), *sections]
        except AirqueryError:
            log.exception("What is left of today's budgets cannot be read.")
            problems.append(UNDECLARED)
    return {
        "here": "usage",
        "asked": asked,
        "spans": sorted({*SPANS, asked.days}),
        "endpoints": sorted({row.endpoint for row in seen.rows} | {asked.endpoint} - {""}),
        "dags": sorted({row.dag_id for row in seen.rows if row.dag_id} | {asked.dag} - {""}),
        "total": summed(rows),
        "hidden": seen.hidden,
        "problems": problems,
        "trends": _trends(rows, asked.days),
        "sections": sections,
        "written_at": datetime.now(UTC),
    }


def _seen(user: BaseUser, days: int) -> Seen:
    """Return the rows that a user may see. Raises `AirqueryError`."""
    found = records_of(airquery.Settings.read()).days(_midnight(_window(days)[0]))
    dags = visible(user, {one.dag_id for one in found})
    rows = tuple(one for one in found if one.dag_id in dags)
    return Seen(rows=rows, hidden=len(rows) < len(found))


def _chosen(rows: tuple[DayUsage, ...], asked: Asked) -> list[DayUsage]:
    return [
        row
        for row in rows
        if asked.endpoint in {"", row.endpoint} and asked.dag in {"", row.dag_id}
    ]


def _today(rows: list[DayUsage]) -> list[Section]:
    found = today(
        airquery.Settings.read(),
        endpoints={row.endpoint for row in rows},
        dags={row.dag_id for row in rows if row.dag_id},
    )
    sections: list[Section] = [budget_section(found.left)] if found.left else []
    if found.dags:
        sections.append(
            Table(
                caption="Spent today by DAG",
                columns=[
                    Column(name="DAG"),
                    *(Column(name=name, numeric=True) for name in ("Requests", "Tokens", "Price")),
                ],
                rows=[
                    (dag, one.requests, one.tokens, money(one.money, one.currency))
                    for dag, one in found.dags
                ],
                note="The bound of a DAG's day, if it has one, stands in the budget of its operators.",
            )
        )
    return sections


def _trends(rows: list[DayUsage], days: int) -> list[Any]:
    window = [day.isoformat() for day in _window(days)]
    by_day: dict[str, float] = {}
    prices: dict[str, dict[str, float]] = {}
    for row in rows:
        by_day[row.day] = by_day.get(row.day, 0.0) + row.sent
        if row.price:
            paid = prices.setdefault(row.currency, {})
            paid[row.day] = paid.get(row.day, 0.0) + row.price
    return [
        *(trend(f"Price by day, {name}", name, window, paid) for name, paid in prices.items()),
        trend("Requests sent by day", "requests", window, by_day),
    ]


def _window(days: int) -> list[date]:
    return days_until(utc_day(time.time()), days)


def _midnight(day: date) -> float:
    return datetime.combine(day, midnight(), tzinfo=UTC).timestamp()
