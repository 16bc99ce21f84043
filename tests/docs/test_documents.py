"""The documents are true: their links lead somewhere and their examples run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

import airquery
from airquery.endpoints.fields import EndpointFields
from airquery.sqlfn.databricks_refused import INSTEAD
from airquery.sqlfn.offered import NOT_OFFERED


if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from airquery.testing import EndpointServer

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(document: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    text = (ROOT / document).read_text()
    return [body for kind, body in FENCE.findall(text) if kind == language]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(document: Path) -> None:
    targets = LINK.findall(document.read_text())

    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_the_index_names_every_page_but_single_decisions() -> None:
    index = ROOT / "docs" / "README.md"
    named = {(index.parent / link).resolve() for link in LINK.findall(index.read_text())}
    single = {*(ROOT / "docs" / "decisions").glob("0*.md"), index}
    pages = [page for page in DOCUMENTS[2:] if page not in single | named]

    assert [str(page.relative_to(ROOT)) for page in pages] == []
    assert "docs/README.md" in LINK.findall((ROOT / "README.md").read_text())


def test_the_walk_names_files_in_the_order_they_import_each_other() -> None:
    walked = LINK.findall((ROOT / "docs/walk-of-a-query.md").read_text())

    assert len(walked) > 20
    assert walked[0].endswith("runner.py")


def test_the_map_names_every_folder_of_the_packages() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    folders = {p.parent.name for p in (ROOT / "include/airquery").glob("*/__init__.py")}

    assert [name for name in sorted(folders) if f"{name}/`" not in text] == []


def test_the_table_of_fields_is_the_one_that_is_read() -> None:
    text = (ROOT / "docs/reference/endpoints.md").read_text()
    documented = re.findall(r"^\| `([a-z_]+)(?:\.[a-z_]+)?` \|", text, re.MULTILINE)

    assert set(documented) == set(EndpointFields.model_fields)


def test_the_endpoints_of_the_reference_are_sound() -> None:
    declared = [yaml.safe_load(text) for text in blocks("docs/reference/endpoints.md", "yaml")]
    endpoints = {name: fields for one in declared for name, fields in one["endpoints"].items()}

    known = airquery.Registry.from_mapping(endpoints, {})

    assert set(known.names()) == set(endpoints) >= {"azure-llm", "claude", "llama", "reviews-llm"}


def test_the_readmes_example_runs(
    server: EndpointServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = yaml.safe_load(blocks("README.md", "yaml")[0])
    declared["endpoints"]["reviews-llm"]["base_url"] = f"{server.url}/v1"
    (tmp_path / "endpoints.yaml").write_text(yaml.safe_dump(declared))
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "AIRQUERY_ENDPOINTS": "endpoints.yaml",
        "AIRQUERY_HOME": str(tmp_path / "home"),
        "REVIEWS_LLM_KEY": "a-key-of-this-test",
    }.items():
        monkeypatch.setenv(name, value)
    with airquery.connect("reviews.duckdb") as connection:
        connection.execute(
            "CREATE TABLE reviews AS SELECT i AS id, 'good ' || i AS text FROM range(4) AS r(i)"
        )

    output = subprocess.check_output(
        [sys.executable, "-c", blocks("README.md", "python")[0]], text=True
    )

    assert output.split()[:3] == ["4", "0", "0"]
    assert float(output.split()[3]) > 0
    assert server.requests[0].headers["authorization"] == "Bearer a-key-of-this-test"


def test_the_references_python_function_answers(tmp_path: Path) -> None:
    [program] = blocks("docs/reference/endpoints.md", "python")

    output = subprocess.check_output(
        [sys.executable, "-c", program],
        text=True,
        env={**os.environ, "AIRQUERY_HOME": str(tmp_path)},
    )

    assert "HELLO" in output


def test_the_reference_of_functions_is_the_one_that_make_docs_writes() -> None:
    from airquery.sqlfn.reference import reference  # noqa: PLC0415

    written = (ROOT / "docs/reference/functions.md").read_text(encoding="utf-8")

    assert written == reference(), "run `make docs`"


def test_the_examples_of_databricks_sql_run(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, settings: airquery.Settings
) -> None:
    registry = airquery.Registry.from_mapping({"reviews-llm": server.endpoint("reviews-llm")})
    airquery.register(connection, registry=registry, settings=settings)
    connection.execute(
        "CREATE TABLE reviews AS SELECT i AS id, 'good ' || i AS text, 'en' AS lang FROM range(4) AS r(i)"
    )
    table, stream = blocks("docs/reference/databricks-sql.md", "sql")

    airquery.run(
        connection, table, dialect="databricks", variables={"output": "made", "lang": "en"}
    )
    for number in (4, 5):
        airquery.run(connection, stream, dialect="databricks")
        connection.execute("INSERT INTO reviews VALUES (?, 'new', 'de')", [number])

    assert connection.sql("SELECT id, answer FROM made ORDER BY id").fetchall() == [
        (i, f"It's a review:\ngood {i}") for i in range(4)
    ]
    assert connection.sql("SELECT id, answer FROM answers ORDER BY id").fetchall() == [
        *((i, f"good {i}") for i in range(4)),
        (4, "new"),
    ]
    assert server.count == 9


@pytest.mark.parametrize("instead", [INSTEAD, NOT_OFFERED])
def test_what_is_refused_is_documented_as_it_is_said(instead: dict[str, str]) -> None:
    text = (ROOT / "docs/reference/databricks-sql.md").read_text()
    rows = {f"| `{name}` | {mend} |".replace("||", r"\|\|") for name, mend in instead.items()}

    assert rows <= set(text.splitlines())


def names_in(rows: Iterable[str]) -> list[str]:
    """Return the code words of the first cell of table rows."""
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def test_the_readme_lists_every_operator() -> None:
    import airquery_airflow  # noqa: PLC0415

    rows = [row for row in (ROOT / "README.md").read_text().splitlines() if row.startswith("| `")]
    operators = {name for name in airquery_airflow.__all__ if name.endswith("Operator")}

    assert operators <= set(names_in(rows))


def test_the_readme_lists_every_function() -> None:
    from airquery.sqlfn.functions import functions  # noqa: PLC0415

    text = (ROOT / "README.md").read_text()
    listed = re.findall(r"^\| `(ai_\w+)\(", text, re.MULTILINE)

    assert sorted(listed) == sorted(functions())
