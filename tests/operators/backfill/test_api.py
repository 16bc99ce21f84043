"""Asking Airflow: what is asked again, what is said when it refuses, and that no secret is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airquery_airflow.backfill.api import AirflowApi
from airquery_airflow.backfill.errors import AirflowRefused, AirflowUnreachable
from airquery_airflow.backfill.place import PASSWORD as PASSWORD_NAME, InvalidPlace, Place
from tests.operators.backfill.scripted_api import PASSWORD, TOKEN, Reply, ScriptedApi


if TYPE_CHECKING:
    from collections.abc import Iterator

LOGIN = "POST /auth/token"


def place(api: ScriptedApi, **environment: str) -> Place:
    named = {f"AIRQUERY_AIRFLOW_{name}": value for name, value in environment.items()}
    return Place.read({"AIRQUERY_AIRFLOW_URL": api.url, **named})


@pytest.fixture
def airflow(api: ScriptedApi) -> Iterator[AirflowApi]:
    with AirflowApi(place(api), delays_s=(0.0, 0.0), timeout_s=0.2) as airflow:
        yield airflow


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_airflow_is_asked_again(api: ScriptedApi, airflow: AirflowApi, status: int) -> None:
    api.script("POST /backfills", Reply(status), Reply(status), Reply(200, {"id": 1}))

    assert airflow.post("/backfills", {"dag_id": "daily"}) == {"id": 1}
    assert api.requests("POST /backfills") == [{"dag_id": "daily"}] * 3


def test_a_locked_database_is_told_after_the_last_attempt(
    api: ScriptedApi, airflow: AirflowApi
) -> None:
    api.script("POST /backfills", Reply(503, {"detail": "Database is locked. Use PostgreSQL."}))

    with pytest.raises(AirflowUnreachable, match=r"is busy \(503: Database is locked"):
        airflow.post("/backfills", {})

    assert len(api.asked) == 3


def test_an_answer_that_takes_too_long_is_asked_for_again(
    api: ScriptedApi, airflow: AirflowApi
) -> None:
    api.script("GET /version", Reply(200, {}, delay_s=0.5), Reply(200, {"version": "3.3.2"}))

    assert airflow.get("/version") == {"version": "3.3.2"}


def test_an_answer_that_never_comes_is_unreachable_and_may_be_tried_later(
    api: ScriptedApi, airflow: AirflowApi
) -> None:
    api.script("GET /version", Reply(200, {}, delay_s=0.3))

    with pytest.raises(AirflowUnreachable, match="ReadTimeout") as told:
        airflow.get("/version")

    assert told.value.retryable


def test_an_address_where_nobody_is_is_told_at_once() -> None:
    nobody = Place(url="http://127.0.0.1:9")
    with (
        AirflowApi(nobody, delays_s=(3600.0,)) as airflow,
        pytest.raises(AirflowUnreachable, match=r"Connect.*refused"),
    ):
        airflow.get("/version")


def test_a_token_goes_with_every_request(api: ScriptedApi) -> None:
    api.script("GET /version", Reply(200))
    with AirflowApi(place(api, TOKEN=TOKEN)) as airflow:
        airflow.get("/version")

    assert [key for *_, key in api.asked] == [f"Bearer {TOKEN}"]


def test_a_password_becomes_a_token_which_is_renewed_when_it_is_too_old(api: ScriptedApi) -> None:
    api.script(LOGIN, Reply(201, {"access_token": "old"}), Reply(201, {"access_token": "new"}))
    api.script("GET /version", Reply(200), Reply(401), Reply(200, {"version": "3.3.2"}))
    with AirflowApi(place(api, USERNAME="ada", PASSWORD=PASSWORD)) as airflow:
        airflow.get("/version")
        assert airflow.get("/version") == {"version": "3.3.2"}

    assert [(what, key) for what, _, _, key in api.asked] == [
        (LOGIN, None),
        ("GET /version", "Bearer old"),
        ("GET /version", "Bearer old"),
        (LOGIN, None),
        ("GET /version", "Bearer new"),
    ]
    assert api.requests(LOGIN) == [{"username": "ada", "password": PASSWORD}] * 2


def test_a_wrong_password_is_told_without_it(api: ScriptedApi) -> None:
    api.script(LOGIN, Reply(401, {"detail": "Invalid credentials"}))
    with (
        AirflowApi(place(api, USERNAME="ada", PASSWORD=PASSWORD)) as airflow,
        pytest.raises(AirflowRefused, match="does not let 'ada' in") as told,
    ):
        airflow.get("/version")

    assert told.value.status == 401
    assert PASSWORD not in str(told.value) + repr(airflow) + repr(place(api, TOKEN=PASSWORD))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(401), "wants a login"),
        (Reply(403, {"detail": "Forbidden"}), r"does not allow it \(403\): Forbidden\. Ask as"),
        (Reply(422, {"detail": [{"msg": "bad day"}, "x"]}), r"refused \(422\): bad day; x\."),
        (Reply(500, "<html>oh</html>"), r"refused \(500\): <html>oh</html>\."),
        (Reply(500, ""), r"refused \(500\): it said nothing more\."),
        (Reply(302, location="http://elsewhere"), "leads elsewhere .302, to http://elsewhere"),
    ],
)
def test_a_refusal_says_what_airflow_said(
    api: ScriptedApi, airflow: AirflowApi, reply: Reply, said: str
) -> None:
    api.script("GET /version", reply)

    with pytest.raises(AirflowRefused, match=said):
        airflow.get("/version")


def test_a_page_of_something_else_is_not_taken_for_the_api(
    api: ScriptedApi, airflow: AirflowApi
) -> None:
    api.script("GET /version", Reply(200, "<html>Sign in</html>"))

    with pytest.raises(AirflowUnreachable, match="not its API's JSON"):
        airflow.get("/version")


def test_a_list_is_read_to_its_last_page(api: ScriptedApi, airflow: AirflowApi) -> None:
    pages = [
        Reply(200, {"dag_runs": found, "total_entries": 3})
        for found in ([{"n": 1}, {"n": 2}], [{"n": 3}])
    ]
    api.script("GET /dags/daily/dagRuns", *pages)

    found = list(airflow.pages("/dags/daily/dagRuns", "dag_runs", state="failed"))

    assert found == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert [query["offset"] for _, query, _, _ in api.asked] == [["0"], ["2"]]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "It is not said where Airflow is"),
        ({"URL": "airflow.example.com"}, "must be http"),
        ({"URL": f"https://ada:{PASSWORD}@airflow.example.com"}, "must hold no user"),
        ({"URL": "http://a:port"}, "must be http"),
        ({"URL": "http://a", "PASSWORD": PASSWORD}, "is set, but no user"),
        ({"URL": "http://a", "USERNAME": "ada"}, "User 'ada' has no password"),
    ],
)
def test_a_place_that_is_not_said_well_is_refused_without_its_secrets(
    environment: dict[str, str], said: str
) -> None:
    with pytest.raises(InvalidPlace, match=said) as told:
        Place.read({f"AIRQUERY_AIRFLOW_{name}": value for name, value in environment.items()})

    assert PASSWORD not in str(told.value)


def test_options_come_before_the_environment_but_for_secrets() -> None:
    environment = {"AIRQUERY_AIRFLOW_URL": "http://a", PASSWORD_NAME: PASSWORD}
    found = Place.read(environment, url="https://b/airflow/api/v2/", username="ada")

    assert (found.url, found.username) == ("https://b/airflow", "ada")
    assert found.password is not None
    assert found.password.reveal() == PASSWORD
