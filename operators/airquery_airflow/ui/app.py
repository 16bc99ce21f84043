"""The application that Airflow's API server mounts at `/airquery`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from airquery.errors import AirqueryError
from airquery_airflow.ui.pages import refused
from airquery_airflow.ui.routers import endpoints, playground, run_report, usage


if TYPE_CHECKING:
    from fastapi import Request
    from fastapi.responses import HTMLResponse


log = logging.getLogger(__name__)


def create_app() -> FastAPI:
    """Return all pages as one application; what is refused is said on a page as well."""
    app = FastAPI(title="airquery", docs_url=None, redoc_url=None, openapi_url=None)
    for module in (run_report, usage, playground, endpoints):
        app.include_router(module.router)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(AirqueryError, _away)
    app.add_exception_handler(RequestValidationError, _misread)
    return app


async def _refused(request: Request, problem: Exception) -> HTMLResponse:
    if not isinstance(problem, HTTPException):
        raise problem
    return refused(request, problem.status_code, str(problem.detail))


async def _misread(request: Request, problem: Exception) -> HTMLResponse:
    if not isinstance(problem, RequestValidationError):
        raise problem
    # What was given is not repeated: a form may hold a secret.
    said = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}." for one in problem.errors()]
    return refused(request, 422, " ".join(said))


async def _away(request: Request, problem: Exception) -> HTMLResponse:
    # It may name a server or a file, which is not for everybody who may see the page.
    log.error("A page of airquery cannot be made.", exc_info=problem)
    return refused(request, 503, "The reason is in the API server's log.")
