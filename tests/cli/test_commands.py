"""What the command is made of: help, version, debug, and the commands of other packages."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.errors import UnknownEndpoint
from tests.cli.conftest import SHELL_COMMAND, shell_environment


if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command

HEAVY = ("airflow", "great_expectations", "xllamacpp", "pandas")
LOADED = """
import json, sys
from airquery.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    print(json.dumps([name for name in (%s) if name in sys.modules]))
"""
# A command of another package; importing it says so, and fails without its argument.
ADDED = '''
"""Another package."""
print("imported")


def greet(name: str, *, loud: bool = False) -> None:
    """Greet somebody.

    At length.
    """
    print(f"hello {name.upper() if loud else name}")
'''


@pytest.fixture
def added(tmp_path: Path) -> Path:
    """Install a package with one command, in a folder of its own."""
    (tmp_path / "added.py").write_text(ADDED, encoding="utf-8")
    information = tmp_path / "added-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: added\nVersion: 1.0\n", encoding="utf-8")
    (information / "entry_points.txt").write_text(
        "[airquery.commands]\ngreet = added:greet\nlost = not_there:function\n", encoding="utf-8"
    )
    return tmp_path


def shell(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [*SHELL_COMMAND, *arguments],
        env=shell_environment(path=str(path or ""), COLUMNS="100"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_version_is_the_packages(command: Command) -> None:
    assert command("--version").out == f"airquery {airquery.__version__}\n"


def test_without_a_command_it_says_what_there_is_and_fails(command: Command) -> None:
    ended = command()

    assert ended.code == 2
    assert all(name in ended.out + ended.err for name in ("sql", "endpoints", "serve"))


@pytest.mark.parametrize("arguments", [["--help"], ["sql", "--help"], ["sql", "SELECT 1"]])
def test_what_is_heavy_is_not_imported_for_light_commands(arguments: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOADED % ", ".join(map(repr, (*HEAVY, "marker"))), *arguments],
        env=shell_environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(ended.stdout.splitlines()[-1]) == []


def test_a_command_of_another_package_is_listed_without_importing_it(added: Path) -> None:
    ended = shell("--help", path=added)

    assert ended.returncode == 0
    assert "imported" not in ended.stdout
    listed = dict(
        line.split(maxsplit=1) for line in ended.stdout.partition("Commands:\n")[2].splitlines()
    )
    assert listed["greet"] == "Greet somebody."
    assert listed["lost"] == "A command of not_there."


def test_a_command_of_another_package_runs_with_its_options(added: Path) -> None:
    assert shell("greet", "ada", "--loud", path=added).stdout == "imported\nhello ADA\n"
    assert "--loud" in shell("greet", "--help", path=added).stdout
    assert shell("greet", path=added).returncode == 2


def test_a_command_that_cannot_be_imported_is_one_line(added: Path) -> None:
    ended = shell("lost", path=added)

    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("airquery: ")
    assert "not_there" in line


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_traceback_is_shown_with_debug_only_wherever_it_stands(
    command: Command, place: int
) -> None:
    arguments = ["sql", "SELECT ai_query('nobody', 'x')"]
    assert "Traceback" not in command(*arguments).err

    arguments.insert(place, "--debug")
    with pytest.raises(UnknownEndpoint):
        command(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "Port 70000 does not exist."),
        (["--models", "gpt-9"], "Model 'gpt-9' is not served."),
        (["--models", ","], "No model is asked for."),
        (["--slots", "0"], "slots must be at least 1"),
        (["--model", "missing.gguf", "--models", "smollm2"], "missing.gguf"),
        (["--token-file", "missing.txt"], "The token file 'missing.txt' cannot be read"),
        (["--host", "0.0.0.0"], "Other machines can reach a server that listens on '0.0.0.0'."),
        (["--host", "0.0.0.0", "--allow-remote"], "and it has no token."),
    ],
)
def test_serve_refuses_what_it_cannot_serve(
    command: Command, arguments: list[str], message: str
) -> None:
    ended = command("serve", *arguments)

    assert (ended.code, ended.out) == (1, "")
    assert message in ended.err


def test_serve_says_where_it_is_and_ends_when_it_is_told_to() -> None:
    with subprocess.Popen(
        [*SHELL_COMMAND, "serve", "--port", "0", "--models", "vader"],
        env=shell_environment(AIRQUERY_SERVE_TOKEN="a-key-of-the-test"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as serving:
        assert serving.stdout is not None
        assert serving.stderr is not None
        line = serving.stdout.readline()
        serving.terminate()
        said = line + serving.stdout.read() + serving.stderr.read()

    assert line.startswith("airquery serve: http://127.0.0.1:")
    assert serving.returncode == 0
    assert "a-key-of-the-test" not in said
