"""`airquery init`: what it makes passes as it is made, and what is there stays."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow.sdk
import duckdb
import pytest
import typer
import yaml
from typer.testing import CliRunner

import airquery
from airquery.errors import AirqueryError
from airquery.testing import EndpointServer
from airquery_airflow.init.command import init


if TYPE_CHECKING:
    from types import ModuleType

    from typer.testing import Result

    from tests.operators.conftest import Rows

ROOT = Path(__file__).parents[2]
MADE = [
    "dags/moods.md",
    "dags/moods.py",
    "endpoints.yaml",
    "include/data/moods/sample.csv",
    "include/expectations/moods.json",
    "sql/moods/ask.sql",
    "sql/moods/ingest.sql",
    "sql/moods/prepare.sql",
    "tests/test_moods.py",
]
PLACES = "AIRFLOW__CORE__DAGS_FOLDER=$PWD/dags AIRQUERY_ENDPOINTS=endpoints.yaml"
TABLE = """
CREATE TABLE t AS SELECT 'r' || i % 5 AS "order", DATE '2026-05-01' + (i // 4)::INTEGER AS "my day",
  'Said ' || i % 3 || ' times' AS said FROM range(8) AS r(i)
"""


def run(*arguments: str | Path) -> Result:
    """Run the command as a shell would."""
    app = typer.Typer()
    app.command()(init)
    return CliRunner().invoke(app, [*map(str, arguments)])


def refusal(*arguments: str | Path) -> str:
    """Run the command and return the error that it ends with."""
    error = run(*arguments).exception
    assert isinstance(error, AirqueryError)
    return str(error)


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def loaded(file: Path) -> ModuleType:
    """Import the test that was made."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of eight rows on two days, without a key, whose names must be quoted."""
    file = tmp_path / "it's mine.parquet"
    with duckdb.connect() as connection:
        connection.execute(TABLE)
        connection.table("t").to_parquet(str(file))
    return file


def test_the_files_are_named_with_what_was_chosen_and_the_next_three_commands(
    tmp_path: Path,
) -> None:
    done = run("moods", "--directory", tmp_path, "--endpoint", "llm")

    assert done.exit_code == 0
    assert files(tmp_path) == MADE
    *_, chosen, following = done.stdout.split("\n\n")
    assert chosen == (
        "It asks about 'message'; rows are told apart by 'id'; days are those of 'received_on'."
    )
    assert following.splitlines() == [
        "Next:",
        f"  cd {tmp_path}",
        "  python -m pytest tests/test_moods.py",
        "  airquery endpoints test llm --endpoints endpoints.yaml",
        f"  {PLACES} airflow dags test moods 2026-11-01",
    ]


@pytest.mark.usefixtures("metadata_database")
def test_a_pipeline_over_a_table_of_ones_own_passes_its_own_test(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch, rows: Rows
) -> None:
    done = run("moods", "--directory", tmp_path, "--endpoint", "llm", "--source", table)
    made = loaded(tmp_path / "tests/test_moods.py")

    with EndpointServer(answer=made.answer) as server:
        llm = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m"}
        monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(llm))
        made.test_a_day_is_asked_once_and_every_row_is_there(server)

    assert "told apart by their number; days are those of 'my day'" in done.stdout
    assert (made.ROWS, made.DIFFERENT_TEXTS) == (4, 3)
    assert rows("SELECT id, text, sentiment FROM moods.extracted ORDER BY id") == [
        (i + 1, f"Said {i % 3} times", "positive") for i in range(4)
    ]


@pytest.mark.parametrize("own", [False, True])
def test_what_is_made_has_nothing_that_ruff_would_mend(
    tmp_path: Path, table: Path, own: bool
) -> None:
    run("moods", "--directory", tmp_path, *(["--source", str(table)] if own else []))
    ruff = Path(sys.executable).with_name("ruff")

    found = []
    for check in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *check, "--no-cache", "--config", ROOT / "pyproject.toml", "."],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
        )
        found.append((done.returncode, done.stdout))

    assert found == [
        (0, "All checks passed!\n"),
        (0, "3 files already formatted\n"),
    ]


def test_lines_of_json_without_a_day_are_all_read_by_every_run(tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    file.write_text('{"code": "a", "note": "one"}\n{"code": "b", "note": "two and three"}\n')

    done = run("notes", "--directory", tmp_path, "--source", file)

    assert "about 'note'; rows are told apart by 'code'; every run reads all rows" in done.stdout
    with duckdb.connect() as connection:
        render = airflow.sdk.DAG("notes", schedule=None).get_template_env().from_string
        connection.read_json(str(file)).create_view("source")
        for step in ("ingest", "prepare"):
            text = (tmp_path / f"sql/notes/{step}.sql").read_text()
            connection.sql(render(text).render()).create(step)
            connection.execute(f"CREATE OR REPLACE TEMP VIEW source AS FROM {step}")
        assert connection.table("prepare").fetchall() == [("a", "one"), ("b", "two and three")]
    assert '"notes.jsonl"' in (tmp_path / "dags/notes.py").read_text()


def test_columns_may_be_chosen(tmp_path: Path) -> None:
    file = tmp_path / "mails.csv"
    file.write_text(
        "n,sent,seen,subject,body\n1,2026-01-01,2026-02-02,hello,a long text\n"
        "2,2026-01-02,2026-02-02,bye,another long text\n"
    )
    run(
        *("mails", "--directory", tmp_path, "--source", file, "--text", "subject"),
        *("--key", "body", "--day", "seen"),
    )

    assert "CAST(seen AS DATE)" in (tmp_path / "sql/mails/ingest.sql").read_text()
    assert "body AS id" in (tmp_path / "sql/mails/prepare.sql").read_text()
    assert "trim(subject) AS text" in (tmp_path / "sql/mails/prepare.sql").read_text()
    assert "DAY = date(2026, 2, 2)\nROWS = 2" in (tmp_path / "tests/test_mails.py").read_text()


def test_no_file_is_replaced_without_force(tmp_path: Path) -> None:
    kept = tmp_path / "sql/moods/ask.sql"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")

    done = run("moods", "--directory", tmp_path)

    assert (done.exit_code, kept.read_text(), files(tmp_path)) == (1, "mine", ["sql/moods/ask.sql"])
    assert str(kept) in done.stderr
    assert run("moods", "--directory", tmp_path, "--force").exit_code == 0
    assert kept.read_text() != "mine"


@pytest.mark.parametrize(
    "name", ["Moods", "my-moods", "1st", "class", "a.b", "../moods", "", "m" * 41]
)
def test_what_cannot_name_a_pipeline_is_refused(tmp_path: Path, name: str) -> None:
    assert "cannot name a pipeline" in refusal(name, "--directory", tmp_path)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("id,text\n1,a\n", ["--text", "txet"], "no column 'txet'. Did you mean 'text'?"),
        ("id,text\n1,a\n", ["--day", "text"], "neither DATE nor TIMESTAMP"),
        ("id,text\n1,a\n", ["--text", "id"], "is BIGINT, not text"),
        ("id\n1\n", [], "no column of texts to ask about. It has id."),
        ("{{ id }},text\nx,longer\n", [], "has a brace or a control character"),
        ("day,text\n2026-01-01,\n", ["--text", "text"], "No row of"),
    ],
)
def test_a_table_that_no_pipeline_can_be_made_of_is_refused(
    tmp_path: Path, content: str, arguments: list[str], said: str
) -> None:
    file = tmp_path / "table.csv"
    file.write_text(content)

    assert said in refusal("moods", "--directory", tmp_path, "--source", file, *arguments)
    assert files(tmp_path) == ["table.csv"]


def test_files_that_are_not_there_or_of_no_known_format_are_refused(tmp_path: Path) -> None:
    (tmp_path / "table.xlsx").touch()

    assert "There is no file" in refusal("moods", "--source", tmp_path / "absent.csv")
    assert "cannot be told from its name" in refusal("moods", "--source", tmp_path / "table.xlsx")


def declared(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text())["endpoints"]
    return found


def test_an_endpoint_that_is_declared_is_taken_and_its_file_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    before = "endpoints:\n  v: {task: embeddings, base_url: http://h}\n  c: {task: chat, base_url: http://h}\n"
    file.write_text(before)

    run("moods", "--directory", tmp_path, "--endpoints", file)

    assert file.read_text() == before
    assert '"c",\n' in (tmp_path / "dags/moods.py").read_text()


def test_an_endpoint_that_is_not_is_added_beside_comments_and_others(tmp_path: Path) -> None:
    file = tmp_path / "endpoints.yaml"
    before = "# ours\nendpoints:  # all\n\n    # the old one\n    old: {task: custom, base_url: http://h}\nfunctions:\n  default: old\n"
    file.write_text(before)

    run("moods", "--directory", tmp_path, "--endpoint", "new")

    assert list(declared(file)) == ["new", "old"]
    assert set(before.splitlines()) <= set(file.read_text().splitlines())
    assert airquery.Registry.read(airquery.Settings.read(endpoints=file)).get("new").task == "chat"


@pytest.mark.parametrize("text", ["endpoints: {a: {task: chat}}\n", "functions: {}\n", "a: [\n"])
def test_a_file_that_no_entry_can_be_added_to_is_refused_and_left_alone(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "endpoints.yaml"
    file.write_text(text)

    assert str(file) in refusal("moods", "--directory", tmp_path, "--endpoint", "new")
    assert (files(tmp_path), file.read_text()) == (["endpoints.yaml"], text)


def test_an_endpoint_needs_a_name_that_sql_can_hold(tmp_path: Path) -> None:
    assert "cannot name an endpoint" in refusal(
        "moods", "--directory", tmp_path, "--endpoint", "it's"
    )


def test_the_suite_is_one_that_great_expectations_reads(tmp_path: Path) -> None:
    run("moods", "--directory", tmp_path)
    suite = json.loads((tmp_path / "include/expectations/moods.json").read_text())

    assert suite["meta"] == {"unexpected_index_column_names": ["id"]}
    assert len(suite["expectations"]) == 5
