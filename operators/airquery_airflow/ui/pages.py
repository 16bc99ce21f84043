"""Render pages for Airflow's users: everything is escaped, and no browser runs or loads anything.

The policy names what a page may hold, and that is our own style sheet alone; so what slipped through
the escaping would be text still. `html` is the only way to make a page.
"""

from __future__ import annotations

import re
import secrets
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastapi.responses import HTMLResponse, Response

from airquery.report.page import environment


if TYPE_CHECKING:
    import jinja2
    from fastapi import Request

TEMPLATES: Final = Path(__file__).parent / "templates"
HEADERS: Final = {
    "Cache-Control": "no-store",
    # Forms name the origin they come from only to their own.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
_UNAUTHENTICATED: Final = 401
_SAID: Final = {
    401: "You are not logged in, or your session is over.",
    403: "You may not see this page.",
    404: "There is no such page.",
}


def policy(nonce: str, *, scripts: bool = False) -> str:
    """Return what the browser may do on a page: show our style, and send forms back to us.

    With `scripts` it runs those of ours that stand on the page with the nonce, and no other.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src 'nonce-{nonce}'",
            *([f"script-src 'nonce-{nonce}'"] if scripts else ()),
            "form-action 'self'",
            "frame-ancestors 'self'",
            "base-uri 'none'",
        )
    )


def html(
    request: Request, template: str, *, status: int = 200, scripts: bool = False, **data: Any
) -> HTMLResponse:
    """Return a page. Templates also know `root`, the address of all our pages, and `nonce`."""
    nonce = secrets.token_urlsafe(16)
    text = page_text(request, template, nonce=nonce, **data)
    return HTMLResponse(
        text,
        status_code=status,
        headers={**HEADERS, "Content-Security-Policy": policy(nonce, scripts=scripts)},
    )


def page_text(
    request: Request,
    template: str,
    *,
    nonce: str | None = None,
    exported: bool = False,
    **data: Any,
) -> str:
    """Return the text of a page. One that is `exported` carries the policy in itself."""
    nonce = nonce or secrets.token_urlsafe(16)
    return (
        _environment()
        .get_template(template)
        .render(**data, exported=exported, nonce=nonce, root=root_of(request))
    )


def refused(request: Request, status: int, detail: str) -> HTMLResponse:
    """Return a page that says why there is no other."""
    login = None
    if status == _UNAUTHENTICATED:
        from airflow.api_fastapi.app import get_auth_manager  # noqa: PLC0415 - only here

        login = get_auth_manager().get_url_login()
    said = _SAID.get(status, "This cannot be done.")
    return html(request, "refused.html.j2", status=status, said=said, detail=detail, login=login)


def download(text: str, name: str, media_type: str) -> Response:
    """Return a file to keep. What of its name a file system may not like becomes a dash."""
    named = re.sub(r"[^A-Za-z0-9._+-]+", "-", name)
    return Response(
        text,
        media_type=f"{media_type}; charset=utf-8",
        headers={
            **HEADERS,
            "Content-Disposition": f'attachment; filename="{named}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


def root_of(request: Request) -> str:
    """Return the address that all our pages begin with, wherever Airflow is served."""
    return str(request.scope.get("root_path", ""))


@cache
def _environment() -> jinja2.Environment:
    return environment(TEMPLATES)
