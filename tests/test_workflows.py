"""The workflows of CI: checked as text, and what they run as it is. Nothing here asks the network."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from airquery_airflow.backfill.command import backfill
from airquery_airflow.backfill.outcome import ExitCode


ROOT = Path(__file__).parents[1]
WORKFLOWS = {file.stem: file for file in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
# YAML 1.1 reads the key `on` as a truth.
ON: Any = True
INPUT = re.compile(r"\$\{\{[^}]*\b(inputs|github\.event|matrix|needs|secrets|vars)\.")


def workflow(name: str) -> dict[Any, Any]:
    read: dict[Any, Any] = yaml.safe_load(WORKFLOWS[name].read_text(encoding="utf-8"))
    return read


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def test_the_workflows_are_these() -> None:
    assert set(WORKFLOWS) == {"backfill", "ci"}
    assert set(workflow("ci")["jobs"]) == {
        "lint",
        "types",
        "tests",
        "airflow-3-2",
        "integration",
        "wheel",
        "image",
    }


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_only_read_and_ends_in_time(name: str) -> None:
    assert workflow(name)["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in workflow(name)["jobs"].values())


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_text_of_somebody_else_becomes_part_of_a_script(name: str) -> None:
    scripts = [step["run"] for step in steps(name) if "run" in step]

    assert [script for script in scripts if INPUT.search(script)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_runs_only_what_the_repository_has(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {*re.findall(r"^## ([\w.-]+)", makefile, re.MULTILINE), ".venv/.installed"}
    scripts = "\n".join(step["run"] for step in steps(name) if "run" in step)

    assert set(re.findall(r"\bmake ([\w./-]+)", scripts)) <= targets
    assert all((ROOT / path).is_file() for path in re.findall(r"\.ci/[\w-]+", scripts))


def options() -> set[str]:
    """Return what the command takes."""
    app = typer.Typer(add_completion=False)
    app.command()(backfill)
    return {option for one in typer.main.get_command(app).params for option in one.opts}


def test_the_options_of_the_backfill_are_those_of_the_command() -> None:
    commands = [
        shlex.split(step["run"].replace("\\\n", " "))
        for step in steps("backfill")
        if "airquery backfill" in step.get("run", "")
    ]

    assert len(commands) == 2
    assert {word for words in commands for word in words if word.startswith("--")} <= options()


def test_every_option_and_exit_code_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "backfill.md").read_text(encoding="utf-8")
    table = text.partition("| Option |")[2].partition("| Variable |")[0]
    codes = text.partition("| Code |")[2].partition("\n\n")[0]

    assert set(re.findall(r"`(--[\w-]+)`", table)) == options() - {"--dag", "--help"}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", codes, re.MULTILINE)} == {
        *map(int, ExitCode),
        1,
        2,
    }


def gitlab() -> dict[str, Any]:
    """Return the jobs of the example for GitLab."""
    text = (ROOT / "docs" / "reference" / "backfill.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    read: dict[str, Any] = yaml.safe_load(example)
    return read


def test_the_example_for_gitlab_uses_options_of_the_command() -> None:
    jobs = gitlab()

    scripts = [line for job in ("backfill-plan", "backfill-run") for line in jobs[job]["script"]]
    assert {
        word for line in scripts for word in shlex.split(line) if word.startswith("--")
    } <= options()


def test_the_example_for_gitlab_is_planned_first_and_run_once_it_is_approved() -> None:
    jobs = gitlab()

    plan, run = jobs["backfill-plan"], jobs["backfill-run"]
    assert "--dry-run" in plan["script"][-1]
    assert (run["needs"], run["when"], run["environment"], run["resource_group"]) == (
        ["backfill-plan"],
        "manual",
        "backfill",
        "backfill",
    )
    assert not any("--dry-run" in line for line in run["script"])
    assert all("timeout" in job for job in (plan, run))


def test_a_backfill_is_planned_first_and_run_once_it_is_approved() -> None:
    jobs = workflow("backfill")["jobs"]

    assert "--dry-run" in jobs["plan"]["steps"][-1]["run"]
    assert "plan" in jobs["run"]["needs"]
    assert (jobs["run"]["environment"], jobs["run"]["concurrency"]) == (
        "backfill",
        {"group": "backfill-${{ matrix.dag }}"},
    )


def test_the_exit_code_of_a_backfill_passes_its_pipe() -> None:
    assert workflow("backfill")["defaults"] == {"run": {"shell": "bash"}}


def test_a_backfill_starts_by_hand_or_when_the_sql_of_a_dag_changes() -> None:
    events = workflow("backfill")[ON]

    assert set(events) == {"workflow_dispatch", "push"}
    assert events["push"]["paths"] == ["sql/**/*.sql", "!sql/airquery_sql/**"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository with two DAGs, and a commit for each change."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "changed-dags", tmp_path / ".ci")
    git(tmp_path, "init", "-q")
    for name in ("first", "second"):
        change(tmp_path, f"dags/{name}.py", f"sql/{name}/ask.sql")
    return tmp_path


def git(repository: Path, *arguments: str) -> str:
    who = ["-c", "user.name=tester", "-c", "user.email=tester@example.com"]
    return subprocess.check_output(["git", *who, *arguments], cwd=repository, text=True)


def change(repository: Path, *paths: str) -> None:
    for path in paths:
        file = repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{len(file.read_text()) if file.exists() else 0}")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "change")


def changed(repository: Path, before: str) -> str:
    return subprocess.check_output(
        [repository / ".ci/changed-dags", before, "HEAD"], text=True
    ).strip()


@pytest.mark.parametrize(
    ("paths", "dags"),
    [
        (["sql/second/more.sql", "sql/first/ask.sql", "sql/first/sub/x.sql"], '["first","second"]'),
        (["sql/airquery_sql/functions/ai_mask.sql", "sql/README.md", "dags/first.py"], "[]"),
    ],
)
def test_the_dags_whose_sql_changed_are_found(
    repository: Path, paths: list[str], dags: str
) -> None:
    change(repository, *paths)

    assert changed(repository, "HEAD~1") == dags
    assert changed(repository, "0" * 40) == dags


@pytest.mark.parametrize("job", ["backfill-plan", "backfill-run"])
@pytest.mark.parametrize(("asked", "dags"), [("", ["first", "second"]), ("third", ["third"])])
def test_the_example_for_gitlab_goes_through_all_its_dags_and_keeps_an_exit_code(
    repository: Path, job: str, asked: str, dags: list[str]
) -> None:
    change(repository, "sql/first/ask.sql", "sql/second/ask.sql")
    (repository / ".venv" / "bin").mkdir(parents=True)
    command = repository / ".venv" / "bin" / "airquery"
    command.write_text('#!/bin/sh\necho "$@"\ntest "$3" = second || exit 4\n')
    command.chmod(0o755)
    jobs = gitlab()
    lines = [*jobs[".backfill"]["before_script"], *jobs[job]["script"]]
    given = {"FROM": "2026-11-01", "DAG": asked, "CI_COMMIT_BEFORE_SHA": "0" * 40}
    given |= {"CI_COMMIT_SHA": git(repository, "rev-parse", "HEAD").strip(), "TO": ""}

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(line for line in lines if "make" not in line)],
        cwd=repository,
        env={**os.environ, **jobs[".backfill"]["variables"], **given},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.splitlines() == (repository / "backfill.md").read_text().splitlines()
    assert [line.split()[:5] for line in done.stdout.splitlines()] == [
        ["backfill", "--dag", dag, "--from", "2026-11-01"] for dag in dags
    ]
    assert (done.returncode, done.stderr) == (4, "")


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not installed")
def test_actionlint_finds_nothing() -> None:
    done = subprocess.run(["actionlint"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")
