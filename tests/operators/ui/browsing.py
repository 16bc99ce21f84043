"""A browser of a logged-in user on a real application with our pages, and what it sees."""

from __future__ import annotations

import html
import os
import re
from functools import cache
from typing import TYPE_CHECKING, Protocol

from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.app import init_middlewares
from fastapi import FastAPI
from starlette.testclient import TestClient

from airquery_airflow.ui.app import create_app


if TYPE_CHECKING:
    from collections.abc import Mapping


ORIGIN = "http://testserver"
# The one that Airflow makes up for itself is too short for PyJWT, which warns of it.
os.environ.setdefault("AIRFLOW__API_AUTH__JWT_SECRET", "for tests only " * 5)


class Page(Protocol):
    """What a browser is given."""

    @property
    def status_code(self) -> int: ...

    @property
    def text(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


@cache
def application() -> FastAPI:
    """Return an application that has our pages where Airflow has them, behind its middlewares."""
    app = FastAPI()
    app.state.auth_manager = create_auth_manager()
    app.mount("/airquery", create_app())
    init_middlewares(app)
    return app


def token_of(role: str, name: str = "ada") -> str:
    """Return what a login as a user of this role gives."""
    user = SimpleAuthManagerUser(username=name, role=role)
    return create_auth_manager().generate_jwt(user)


def browser(role: str | None = "admin", *, origin: str | None = ORIGIN) -> TestClient:
    """Return a client with the cookie of a user, that says where its forms come from."""
    return TestClient(
        application(),
        cookies={} if role is None else {"_token": token_of(role)},
        headers={} if origin is None else {"Origin": origin},
    )


def blocks(page: str, css_class: str) -> list[str]:
    """Return the text of each <pre> of a class, as a reader copies it."""
    found = re.findall(rf'<pre class="{css_class}">(.*?)</pre>', page, re.DOTALL)
    return [html.unescape(one) for one in found]


def text_of(page: str) -> str:
    """Return what a reader sees of the content."""
    content = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", content)).split())


def value_of(page: str, name: str) -> str:
    """Return the value of a hidden field."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    return html.unescape(found[1]) if found else ""
