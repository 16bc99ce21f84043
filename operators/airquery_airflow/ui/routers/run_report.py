"""The report of one run, or of one of its tasks, for whoever may read both and what they returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse

from airquery_airflow.ui.access import MAY_READ_RUN
from airquery_airflow.ui.csv_text import csv_text
from airquery_airflow.ui.pages import download, html, page_text, root_of
from airquery_airflow.ui.run_page import REFRESH_S, RunPage, lines, run_page
from airquery_airflow.ui.run_state import RunState, run_state


router = APIRouter(dependencies=[Depends(one) for one in MAY_READ_RUN])


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """A run, and one of its tasks if one was asked for."""

    dag_id: str
    run_id: str
    task_id: str | None
    map_index: int | None

    def state(self) -> RunState:
        """Return how it is. Raises `HTTPException` 404."""
        found = run_state(self.dag_id, self.run_id, task_id=self.task_id, map_index=self.map_index)
        if found is None:
            raise HTTPException(
                404,
                f"DAG {self.dag_id!r} has no run {self.run_id!r}. It may have been deleted.",
            )
        if self.task_id is not None and not found.tasks:
            raise HTTPException(404, f"Run {self.run_id!r} has no task {self.name!r}.")
        return found

    def page(self) -> RunPage:
        """Return its page. Raises `HTTPException` 404."""
        return run_page(self.state(), task_id=self.task_id, map_index=self.map_index)

    @property
    def name(self) -> str:
        """Return what it is called."""
        if self.task_id is None:
            return self.run_id
        return self.task_id if self.map_index is None else f"{self.task_id} [{self.map_index}]"

    @property
    def file(self) -> str:
        """Return the name of a file about it."""
        return "-".join(part for part in (self.dag_id, self.run_id, self.task_id) if part)

    @property
    def query(self) -> str:
        """Return what says which task, as a query string."""
        asked = {"task_id": self.task_id, "map_index": self.map_index}
        known = {name: value for name, value in asked.items() if value is not None}
        return f"?{urlencode(known)}" if known else ""

    def address(self, request: Request) -> str:
        """Return the address of the run's page."""
        run = f"{quote(self.dag_id, safe='')}/{quote(self.run_id, safe='')}"
        return f"{root_of(request)}/runs/{run}"


def asked_for(
    dag_id: str,
    run_id: str,
    task_id: Annotated[str, Query()] = "",
    map_index: Annotated[str, Query()] = "",
) -> Which:
    """Read an address. Airflow leaves `{MAP_INDEX}` in it where a task is not mapped."""
    mapped = bool(task_id) and map_index.isascii() and map_index.isdecimal()
    return Which(
        dag_id=dag_id,
        run_id=run_id,
        task_id=task_id or None,
        map_index=int(map_index) if mapped else None,
    )


@router.get("/runs/{dag_id}/{run_id:path}.csv")
def table(which: Annotated[Which, Depends(asked_for)]) -> Response:
    """Return a line for each task."""
    head, rows = lines(which.state())
    return download(csv_text(head, rows), f"{which.file}.csv", "text/csv")


@router.get("/runs/{dag_id}/{run_id:path}.html")
def keep(request: Request, which: Annotated[Which, Depends(asked_for)]) -> Response:
    """Return the page as a file that needs no server."""
    text = page_text(request, "run_report.html.j2", exported=True, which=which, shown=which.page())
    return download(text, f"{which.file}.html", "text/html")


@router.get("/runs/{dag_id}/{run_id:path}", response_class=HTMLResponse)
def show(request: Request, which: Annotated[Which, Depends(asked_for)]) -> Response:
    """Show the page; while the run goes on it is loaded again every few seconds."""
    return html(
        request,
        "run_report.html.j2",
        which=which,
        shown=which.page(),
        address=which.address(request),
        refresh_s=REFRESH_S,
    )
