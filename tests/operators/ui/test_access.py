"""Who may use the playground, and which forms are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi import HTTPException, Request

from airquery.errors import InvalidSetting
from airquery_airflow.ui.access import ACCESS, may_use_playground, playground_user, same_origin
from tests.operators.ui.conftest import ROLES, token


if TYPE_CHECKING:
    from fastapi.testclient import TestClient


def user(name: str) -> SimpleAuthManagerUser:
    return SimpleAuthManagerUser(username=name, role=ROLES[name])


def sent(**headers: str) -> Request:
    """Return a request to this Airflow, as far as its headers go."""
    known = {"host": "airflow.test", **headers}
    listed = [(name.encode(), value.encode()) for name, value in known.items()]
    return Request({"type": "http", "headers": listed})


@pytest.mark.usefixtures("client")
def test_who_may_make_connections_may_use_the_playground_unless_it_is_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may = {}
    for kind in ("", "custom_view", "OFF"):
        monkeypatch.setenv(ACCESS, kind)
        may[kind] = [name for name in ROLES if may_use_playground(user(name))]

    assert may == {"": ["ada"], "custom_view": ["ada", "bob", "ann"], "OFF": []}


def test_a_setting_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ACCESS, "everybody")

    with pytest.raises(InvalidSetting, match="must be one of connections, custom_view, off"):
        may_use_playground(user("ada"))


@pytest.mark.usefixtures("client")
def test_whoever_may_not_use_the_playground_is_told_who_may() -> None:
    assert playground_user(user("ada")).get_name() == "ada"
    with pytest.raises(HTTPException, match="It is for those who may make connections") as refused:
        playground_user(user("bob"))

    assert refused.value.status_code == 403


def test_a_form_is_taken_from_this_airflow_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/team/")
    for headers in (
        {"origin": "http://airflow.test"},
        {"origin": "https://airflow.example"},
        {"referer": "http://airflow.test/airquery/playground"},
        {"authorization": "Bearer of a program"},
    ):
        same_origin(sent(**headers))

    for headers in (
        {},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "http://airflow.test.evil.example"},
        {"origin": "https://evil.example", "referer": "http://airflow.test/"},
    ):
        with pytest.raises(HTTPException, match="not sent from this Airflow"):
            same_origin(sent(**headers))


def test_what_cannot_be_read_is_said_on_a_page_without_the_reason(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ACCESS, "everybody-9d2c")
    client.cookies.clear()

    page = client.get("/airquery/usage.csv", headers={"authorization": f"Bearer {token('bob')}"})

    assert page.status_code == 503
    assert "The reason is in the API server" in page.text
    assert "9d2c" not in page.text
