"""The commands that the reference shows are run as they stand."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import airquery
from airquery.testing import EndpointServer
from tests.docs import walkthrough


if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference" / "ai_query.md"
BLOCKS = re.findall(r"```bash\n(.*?)```", REFERENCE.read_text(), re.DOTALL)
ROWS = 5


def answer(body: Any) -> object:
    """Answer as a model that follows its format does."""
    if "response_format" not in body:
        return "positive"
    schema = body["response_format"]["json_schema"]["schema"]
    values: dict[str, object] = {
        "positive": True,
        "reasons": ["it works"],
        "label": "good",
        "answer": True,
    }
    return {name: values[name] for name in schema["properties"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make the database and the endpoint file that the examples speak of."""
    folder = tmp_path_factory.mktemp("examples")
    with EndpointServer(answer=answer) as chat, EndpointServer() as server:
        endpoints = {
            "llm": {"task": "chat", "base_url": f"{chat.url}/v1", "model": "m"},
            "vectors": {"task": "embeddings", "base_url": f"{server.url}/v1", "model": "v"},
            "ner": {"task": "custom", "base_url": server.url},
        }
        (folder / "endpoints.yaml").write_text(yaml.safe_dump({"endpoints": endpoints}))
        settings = airquery.Settings.read(home=folder / "home")
        registry = airquery.Registry.from_mapping(endpoints)
        database = folder / "reviews.duckdb"
        with airquery.connect(database, registry=registry, settings=settings) as connection:
            connection.execute(
                "CREATE TABLE reviews AS SELECT i AS id, 'p' || i % 2 AS product,"
                f" 'Review ' || i || ': it works.' AS text FROM range({ROWS}) AS r(i)"
            )
        yield folder


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    """Return an environment in which `airquery` is quick."""
    with (
        tempfile.TemporaryDirectory(prefix="airquery-") as short,
        walkthrough.quick_commands(Path(short)) as environ,
    ):
        yield environ | {"AIRQUERY_ENDPOINTS": "endpoints.yaml", "AIRQUERY_HOME": "home"}


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_every_command_of_the_reference_runs_as_it_stands(
    place: Path, environ: dict[str, str], block: str
) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=place,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stderr.replace("0 failed", "")
    assert done.stdout


def test_there_are_examples() -> None:
    assert len(BLOCKS) > 5
    assert all("airquery sql" in block for block in BLOCKS)
