from __future__ import annotations

import os
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING

import pytest

from airquery.errors import InvalidSetting
from airquery.settings import Settings


if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an environment without settings, and a home of its own."""
    for name in os.environ:
        if name.startswith("AIRQUERY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_everything_is_under_the_home_unless_set(home: Path) -> None:
    settings = Settings.read()

    assert settings.home == home / ".airquery"
    assert settings.endpoints is None
    assert settings.journal == f"sqlite:///{home}/.airquery/journal.db"
    assert settings.journal_path() == home / ".airquery" / "journal.db"
    assert settings.warehouse == f"{home}/.airquery/warehouse"


def test_variables_are_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRQUERY_HOME", str(home / "state"))
    monkeypatch.setenv("AIRQUERY_ENDPOINTS", "~/endpoints.yaml")
    monkeypatch.setenv("AIRQUERY_JOURNAL", f"sqlite:///{home}/answers.db")
    monkeypatch.setenv("AIRQUERY_WAREHOUSE", "s3://bucket/warehouse")

    settings = Settings.read()

    assert settings.home == home / "state"
    assert settings.endpoints == home / "endpoints.yaml"
    assert settings.journal_path() == home / "answers.db"
    assert settings.warehouse == "s3://bucket/warehouse"


def test_the_home_moves_what_is_not_set(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRQUERY_HOME", str(home / "state"))

    settings = Settings.read()

    assert settings.journal_path() == home / "state" / "journal.db"
    assert settings.warehouse == str(home / "state" / "warehouse")


def test_a_blank_variable_is_an_unset_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "ENDPOINTS", "JOURNAL", "WAREHOUSE"):
        monkeypatch.setenv(f"AIRQUERY_{name}", "")

    assert Settings.read().home == home / ".airquery"
    assert Settings.read().endpoints is None


def test_paths_are_made_absolute(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setenv("AIRQUERY_HOME", "state")
    monkeypatch.setenv("AIRQUERY_WAREHOUSE", "tables")
    monkeypatch.setenv("AIRQUERY_JOURNAL", "sqlite:///~/answers.db")

    settings = Settings.read()

    assert settings.home == home / "state"
    assert settings.warehouse == str(home / "tables")
    assert settings.journal_path() == home / "answers.db"


def test_endpoints_in_variables_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", "{}")

    assert Settings.read().endpoints is None


def test_given_values_go_before_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRQUERY_HOME", "/nowhere")

    assert Settings.read(home=home / "given").home == home / "given"


def test_settings_cannot_be_changed(home: Path) -> None:
    settings = Settings.read()

    with pytest.raises(FrozenInstanceError, match="home"):
        settings.home = home  # type: ignore[misc]  # that is what is refused


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        (
            "JOURNAL",
            "mysql://user:sk-secret@host/db",
            "must be a URL sqlite:///<path> or postgresql://user:password@host:port/database.",
        ),
        (
            "JOURNAL",
            "/var/journal.db",
            "must be a URL sqlite:///<path> or postgresql://user:password@host:port/database.",
        ),
        (
            "JOURNAL",
            "sqlite://",
            "must be a URL sqlite:///<path> or postgresql://user:password@host:port/database.",
        ),
        (
            "JOURNAL",
            "sqlite:///journal.db",
            (
                "must name a file by its absolute path, or each working directory would have its own "
                "journal. Write four slashes: sqlite:////path/to/journal.db."
            ),
        ),
        (
            "JOURNAL",
            "sqlite:///:memory:",
            (
                "must name a file by its absolute path, or each working directory would have its own "
                "journal. Write four slashes: sqlite:////path/to/journal.db."
            ),
        ),
        (
            "JOURNAL",
            "sqlite:////",
            "must name a file, but it is a folder. Add /journal.db to it.",
        ),
        (
            "HOME",
            "~nobody-of-this-name/airquery",
            "starts with a '~' that stands for no known home. Write it out.",
        ),
        (
            "ENDPOINTS",
            "~nobody-of-this-name/endpoints.yaml",
            "starts with a '~' that stands for no known home. Write it out.",
        ),
    ],
)
def test_a_bad_value_is_told_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(f"AIRQUERY_{variable}", value)

    with pytest.raises(InvalidSetting) as refused:
        Settings.read()

    assert str(refused.value) == f"AIRQUERY_{variable} {problem}"


@pytest.mark.parametrize("variable", ["HOME", "WAREHOUSE"])
def test_a_file_is_no_folder(home: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    file = home / "file"
    file.touch()
    monkeypatch.setenv(f"AIRQUERY_{variable}", str(file))

    with pytest.raises(InvalidSetting, match=f"AIRQUERY_{variable} must be a folder, but .* file"):
        Settings.read()


def test_a_value_that_is_no_path_is_told_by_its_variable() -> None:
    with pytest.raises(InvalidSetting, match=r"AIRQUERY_HOME must be a path\."):
        Settings.read(home="a\0b")


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"AIRQUERY_HOEM is no setting\. Did you mean 'home'"):
        Settings.read(hoem="/x")
