"""With everything going wrong, and all of it logged, no secret is found anywhere."""

from __future__ import annotations

import io
import logging
import pickle
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.connection import close_engines
from airquery.endpoints.endpoint import Endpoint, Limits, OAuth, Secret
from airquery.endpoints.redaction import basic
from airquery.errors import EndpointRefused, JournalError
from airquery.records import records_of
from airquery.testing import EndpointServer, Reply
from tests.execute.workspace import Workspace
from tests.security.echoes import echoes_of
from tests.security.searching import files_below, found_in


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


KEY = 'sk-proj/9f+8e7&d6"c5\\b4?a3'
# What the workspace lets in.
CLIENT_SECRET = "hs l-secret:"  # noqa: S105
QUIET = Limits(max_attempts=1, concurrency=1)
# How a secret may be given to an endpoint, and the value of the header that it goes out in.
WAYS: dict[str, tuple[dict[str, Any], str]] = {
    "bearer": ({"api_key": Secret(KEY)}, f"Bearer {KEY}"),
    "basic": ({"api_key": Secret(KEY), "api_key_scheme": "basic"}, f"Basic {basic('token', KEY)}"),
    "key-header": ({"api_key": Secret(KEY), "api_key_header": "api-key"}, KEY),
    "headers": ({"headers": {"X-Gateway-Key": Secret(KEY)}}, KEY),
    "query": ({"query": {"code": Secret(KEY)}}, KEY),
}


@pytest.fixture
def everything_logged() -> Iterator[io.StringIO]:
    """Collect what any library logs, at DEBUG, with its tracebacks."""
    said = io.StringIO()
    root, handler = logging.getLogger(), logging.StreamHandler(said)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield said
    root.setLevel(before)
    root.removeHandler(handler)


def told_by(error: BaseException) -> dict[str, str | bytes]:
    """Return all that can be shown of an error, the variables of its frames but the test's included."""
    assert error.__traceback__ is not None
    below = error.__traceback__.tb_next
    shown = traceback.TracebackException(type(error), error, below, capture_locals=True)
    return {
        "str": str(error),
        "repr": repr(error),
        "traceback": "".join(shown.format()),
        "pickle": pickle.dumps(error),
    }


def test_no_echo_of_a_secret_is_said_logged_or_kept(
    tmp_path: Path, everything_logged: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = airquery.Settings.read(home=tmp_path / "home")
    said: dict[str, str | bytes] = {}
    with EndpointServer() as server:
        endpoints = {
            way: server.endpoint(limits=QUIET, identity=way, **{"api_key": None, **fields})
            for way, (fields, _) in WAYS.items()
        }
        away = Endpoint(
            name="away",
            task="chat",
            base_url="http://127.0.0.1:9",
            model="m",
            api_key=Secret(KEY),
            limits=QUIET,
        )
        registry = airquery.Registry.from_mapping({**endpoints, "away": away})
        with airquery.connect(registry=registry, settings=settings) as connection:
            for way, (_, sent) in [*WAYS.items(), ("away", ({}, ""))]:
                replies = echoes_of(KEY, sent=sent)
                server.script(*(replies if sent else []))
                statement = (
                    f"SELECT i, ai_query('{way}', 'row ' || i, failOnError => false) AS r "
                    f"FROM range({len(replies)}) t(i)"
                )
                run = airquery.run(connection, statement)
                assert run.table is not None
                said[f"the rows of {way}"] = str(run.table.to_pylist())
                said[f"the failures of {way}"] = repr(run.failures)
                assert len(run.failures) >= (9 if sent else 1)
                server.script(Reply(status=401, body=f"Incorrect key: {KEY}, {sent}"))
                with pytest.raises(airquery.AirqueryError) as refused:
                    airquery.run(connection, f"SELECT ai_query('{way}', 'again')")
                said |= {f"{name} of {way}": text for name, text in told_by(refused.value).items()}
                server.script()
            usage = connection.sql("SELECT * FROM airquery_usage()").fetchall()
        records = records_of(settings).recent(100)
        assert len(records) == 2 * (len(WAYS) + 1)
        assert all(one.failures for one in records)
        said |= {
            "usage": str(usage),
            "records": repr(records),
            "registry": repr(registry),
            "endpoints": repr(endpoints),
        }
    close_engines()
    out, err = capfd.readouterr()
    said |= {"stdout": out, "stderr": err, "log": everything_logged.getvalue()}
    said |= files_below(tmp_path)

    assert "DEBUG" in str(said["log"])
    assert server.count >= len(WAYS) * len(echoes_of(KEY, sent=""))
    assert found_in(said, [KEY]) == []


def test_no_secret_of_a_principal_and_no_token_is_said_logged_or_kept(
    tmp_path: Path, everything_logged: io.StringIO
) -> None:
    settings = airquery.Settings.read(home=tmp_path / "home")
    said: dict[str, str | bytes] = {}
    with Workspace() as workspace:
        token_url = f"{workspace.url}/oidc/v1/token"
        oauth = OAuth(client_id="sp-1", client_secret=Secret(CLIENT_SECRET), token_url=token_url)
        endpoint = Endpoint(
            name="llm",
            task="chat",
            base_url=f"{workspace.url}/serving-endpoints",
            model="m",
            oauth=oauth,
            limits=QUIET,
        )
        wrong = Endpoint(
            name="wrong",
            task="chat",
            base_url=f"{workspace.url}/v1",
            model="m",
            limits=QUIET,
            oauth=OAuth(
                client_id="sp-2",
                client_secret=Secret(CLIENT_SECRET),
                token_url=f"{workspace.url}/nowhere",
            ),
        )
        registry = airquery.Registry.from_mapping({"llm": endpoint, "wrong": wrong})
        with airquery.connect(registry=registry, settings=settings) as connection:
            run = airquery.run(connection, "SELECT ai_query('llm', 'hello') AS r")
            with pytest.raises(airquery.AirqueryError) as refused:
                airquery.run(connection, "SELECT ai_query('wrong', 'hello') AS r")
            said |= told_by(refused.value)
    close_engines()
    said |= {"run": repr(run), "log": everything_logged.getvalue(), **files_below(tmp_path)}

    assert workspace.heads[0]["authorization"] == "Bearer token-number-1"
    assert "token fetched" in str(said["log"])
    assert found_in(said, [CLIENT_SECRET, "token-number-1"]) == []


def test_the_password_of_a_journal_is_not_in_what_is_said_when_it_is_away(
    tmp_path: Path, everything_logged: io.StringIO
) -> None:
    password = "pass word/of+the:journal"  # noqa: S105
    url = "postgresql://me:pass%20word%2Fof%2Bthe%3Ajournal@127.0.0.1:9/db?connect_timeout=1"
    settings = airquery.Settings.read(home=tmp_path / "home", journal=url)

    with pytest.raises(JournalError) as away:
        airquery.connect(registry=airquery.Registry(), settings=settings)

    error = away.value
    said = {"str": str(error), "repr": repr(error), "settings": repr(settings)}
    said["traceback"] = "".join(traceback.format_exception(error))
    said["log"] = everything_logged.getvalue()
    assert "127.0.0.1" in said["str"]
    assert found_in(said, [password]) == []


def test_prompts_and_answers_are_not_logged_at_info(
    tmp_path: Path, everything_logged: io.StringIO
) -> None:
    logging.getLogger().setLevel(logging.INFO)
    settings = airquery.Settings.read(home=tmp_path / "home")
    with EndpointServer(answer=lambda _: "MARKER-OF-THE-ANSWER") as server:
        registry = airquery.Registry.from_mapping({"llm": server.endpoint(limits=QUIET)})
        server.script(Reply(), Reply(status=500, body="MARKER-OF-THE-ERROR"), Reply(body="{"))
        with airquery.connect(registry=registry, settings=settings) as connection:
            run = airquery.run(
                connection,
                "SELECT ai_query('llm', 'MARKER-OF-THE-PROMPT ' || i, failOnError => false) AS r "
                "FROM range(4) t(i) WHERE random() < 2",
            )
    close_engines()

    assert (server.count, len(run.failures)) == (4, 2)
    assert "MARKER" not in everything_logged.getvalue()


def test_an_answer_keeps_words_that_are_also_short_secrets(tmp_path: Path) -> None:
    """A header that names a team is hidden in messages, but it is no key: its name may be an answer."""
    settings = airquery.Settings.read(home=tmp_path / "home")
    with EndpointServer(answer=lambda _: "the team is platform") as server:
        endpoint = server.endpoint(headers={"X-Team": Secret("platform")})
        registry = airquery.Registry.from_mapping({"llm": endpoint})
        with airquery.connect(registry=registry, settings=settings) as connection:
            run = airquery.run(connection, "SELECT ai_query('llm', 'hello') AS r")
    close_engines()

    assert run.table is not None
    assert run.table.to_pylist() == [{"r": "the team is platform"}]


def test_a_refused_key_is_an_error_that_names_the_endpoint_and_not_the_key(tmp_path: Path) -> None:
    settings = airquery.Settings.read(home=tmp_path / "home")
    with EndpointServer(api_key="another-key-than-ours") as server:
        registry = airquery.Registry.from_mapping({"llm": server.endpoint(api_key=Secret(KEY))})
        with (
            airquery.connect(registry=registry, settings=settings) as connection,
            pytest.raises(EndpointRefused, match="Check the endpoint's api_key") as refused,
        ):
            airquery.run(connection, "SELECT ai_query('llm', 'hello') AS r")
    close_engines()

    assert found_in(told_by(refused.value), [KEY]) == []
