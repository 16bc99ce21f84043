"""`airquery endpoints list` and `airquery endpoints test`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airquery.testing import EndpointServer, Reply
from tests.cli.conftest import declare


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Command

KEY = "sk-not-to-be-shown-4711"
FILE = """
endpoints:
  chat-llm:
    task: chat
    base_url: http://127.0.0.1:9/v1
    model: small
    api_key: ${CHAT_KEY}
  model-server:
    task: custom
    base_url: http://127.0.0.1:9/serve
  not-yet:
    task: embeddings
    base_url: http://127.0.0.1:9/v1
    model: vectors
    api_key: ${NOBODY_SET_THIS}
functions: {ai_embed: not-yet, default: chat-llm}
"""


@pytest.fixture
def guarded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    """Serve those who know the key, and declare it as `llm`."""
    monkeypatch.setenv("LLM_KEY", KEY)
    with EndpointServer(api_key=KEY) as server:
        declare(folder / "guarded.yaml", server, "llm", more=", api_key: '${LLM_KEY}'")
        yield server


def test_the_list_shows_every_endpoint_and_what_one_lacks(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_KEY", KEY)
    Path("some.yaml").write_text(FILE, encoding="utf-8")

    ended = command("endpoints", "list", "--endpoints", "some.yaml")

    assert ended.code == 0
    *table, one, others, problem = ended.out.splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in table if "│" in line]
    assert one == "ai_embed asks not-yet by default"
    assert others == "every other function asks chat-llm by default"
    assert cells == [
        ["chat-llm", "chat", "openai", "small", "http://127.0.0.1:9/v1", "set", "online"],
        [
            "model-server",
            "custom",
            "custom",
            "model-server",
            "http://127.0.0.1:9/serve",
            "none",
            "online",
        ],
        ["not-yet", "", "", "", "not usable, see below", "", ""],
    ]
    assert "'not-yet'" in problem
    assert "NOBODY_SET_THIS is not set" in problem
    assert KEY not in ended.out + ended.err


def test_without_any_endpoint_it_says_where_to_declare_one(command: Command) -> None:
    ended = command("endpoints", "list")

    assert (ended.code, ended.out) == (0, "")
    assert "--endpoints or AIRQUERY_ENDPOINTS" in ended.err


def test_a_test_says_ok_for_each_endpoint_and_asks_nothing_that_costs(
    command: Command, guarded: EndpointServer
) -> None:
    ended = command("endpoints", "test", "--endpoints", "guarded.yaml")

    assert (ended.code, ended.err) == (0, "")
    assert re.fullmatch(
        r"ok      llm: reachable in \d+ ms, model 'test-model' is there, one of 1\.\n", ended.out
    )
    assert guarded.count == 0


def test_one_failed_endpoint_fails_the_test_and_the_others_are_still_tried(
    command: Command, server: EndpointServer
) -> None:
    declare(Path("some.yaml"), server, "good", "other")
    text = Path("some.yaml").read_text(encoding="utf-8")
    bad = "  bad: {task: chat, base_url: 'http://127.0.0.1:9/v1', model: m}\n"
    Path("some.yaml").write_text(text + bad, encoding="utf-8")

    ended = command("endpoints", "test", "--endpoints", "some.yaml")

    assert ended.code == 1
    assert [line.split()[:2] for line in ended.out.splitlines()] == [
        ["failed", "bad:"],
        ["ok", "good:"],
        ["ok", "other:"],
    ]
    assert command("endpoints", "test", "good", "--endpoints", "some.yaml").code == 0
    unknown = command("endpoints", "test", "goood", "--endpoints", "some.yaml")
    assert unknown.code == 1
    assert "Did you mean 'good'?" in unknown.out


def test_a_malformed_file_is_one_line(command: Command) -> None:
    Path("bad.yaml").write_text("endpoints: {llm: {task: chat, bas_url: x}}", encoding="utf-8")

    ended = command("endpoints", "list", "--endpoints", "bad.yaml")

    assert (ended.code, ended.out) == (1, "")
    (line,) = ended.err.splitlines()
    assert "bas_url" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["sql", "SELECT ai_query('llm', 'x')"],
        ["--debug", "sql", "SELECT ai_query('llm', 'x')"],
        ["sql", "SELECT ai_query('llm', 'x', failOnError => false)", "--output", "json"],
        ["endpoints", "list"],
        ["endpoints", "test"],
    ],
)
def test_a_key_is_never_shown_even_if_the_endpoint_repeats_it(
    command: Command, guarded: EndpointServer, arguments: list[str]
) -> None:
    guarded.fail_when(lambda _: True, Reply(status=400, body={"error": {"message": f"key {KEY}"}}))

    ended = command_or_traceback(command, *arguments, "--endpoints", "guarded.yaml")

    assert ended != ""
    assert KEY not in ended


def command_or_traceback(command: Command, *arguments: str) -> str:
    """Return all that a command says; with --debug that is the error it raises."""
    try:
        ended = command(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is looked into
        import traceback  # noqa: PLC0415

        return "".join(traceback.format_exception(error))
    return ended.out + ended.err
