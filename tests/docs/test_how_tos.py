"""The how-tos: their commands run as they stand, their endpoints and options are there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
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

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
# A pane of glass against pages that are not run without anybody having decided it.
RUN = {"own-endpoint", "structured-output", "budget", "debug-a-bad-row"}
NOT_RUN = {
    "vllm": "there is no vLLM here: its endpoints are listed",
    "databricks": "there is no workspace here: its endpoints are listed",
    "backfill": "wants an Airflow, which the tutorial has: its options are checked",
    "schema-change": "is a task: tests/operators/test_how_tos.py makes it",
    "custom-function": "is a program: run below",
}
TEXTS = ("It works.", "I like it.", "The battery is empty.", "Would buy again.")


class Model:
    """Keeps to the type that is asked for, but says once that it cannot."""

    def __init__(self) -> None:
        self._refused = False

    def __call__(self, body: Any) -> object:
        prompt = body["messages"][-1]["content"]
        if "response_format" not in body:
            return "positive"
        if "battery" in prompt and not self._refused:
            self._refused = True
            return "I cannot say."
        values = {"positive": True, "reason": "it works", "label": "good"}
        fields = body["response_format"]["json_schema"]["schema"]["properties"]
        return {name: values[name] for name in fields}


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    with (
        tempfile.TemporaryDirectory(prefix="airquery-") as short,
        walkthrough.quick_commands(Path(short)) as environ,
    ):
        yield environ


@pytest.fixture
def place(tmp_path: Path, environ: dict[str, str]) -> Iterator[dict[str, str]]:
    """Make the endpoint file and the table that the pages speak of; yield the environment."""
    with EndpointServer(answer=Model()) as server:
        llm = {"task": "chat", "base_url": f"{server.url}/v1", "model": "test-model"}
        (tmp_path / "endpoints.yaml").write_text(yaml.safe_dump({"endpoints": {"llm": llm}}))
        with airquery.connect(tmp_path / "reviews.duckdb") as connection:
            connection.execute(
                "CREATE TABLE reviews AS SELECT unnest(range(4)) AS id, unnest(?) AS text", [TEXTS]
            )
        yield environ | {
            "AIRQUERY_ENDPOINTS": "endpoints.yaml",
            "AIRQUERY_HOME": "home",
            "LLM_URL": str(llm["base_url"]),
            "LLM_MODEL": str(llm["model"]),
        }


def test_every_page_is_run_or_says_why_not() -> None:
    assert {page.stem for page in HOW_TO.glob("*.md")} == RUN | set(NOT_RUN)
    assert {page for page in NOT_RUN if walkthrough.blocks(HOW_TO / f"{page}.md")} == set()


@pytest.mark.parametrize("page", sorted(RUN))
def test_the_commands_of_a_page_run_as_they_stand(
    place: dict[str, str], tmp_path: Path, page: str
) -> None:
    steps = walkthrough.blocks(HOW_TO / f"{page}.md")

    printed = walkthrough.run(steps, tmp_path, place, within_s=600)

    said = [
        (line, line in text)
        for step, text in zip(steps, printed, strict=True)
        for line in step.expected
    ]
    assert said == [(line, True) for line, _ in said] != []


def fenced(page: str, language: str) -> list[str]:
    text = (HOW_TO / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("vllm", ["vllm", "vllm-embeddings"]),
        ("databricks", ["churn", "databricks-llama"]),
        ("budget", ["llm"]),
    ],
)
def test_the_endpoints_of_a_page_can_be_used_once_their_keys_are_there(
    page: str, names: list[str]
) -> None:
    [text] = fenced(page, "yaml")
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)", text), "a-key-of-this-test")

    known = airquery.Registry.from_mapping(yaml.safe_load(text)["endpoints"], environ)

    assert sorted(known.names()) == names
    assert [known.get(name).name for name in names] == names


def test_the_function_answers_once(tmp_path: Path) -> None:
    [program] = fenced("custom-function", "python")

    said = subprocess.check_output(
        [sys.executable, "-c", program],
        text=True,
        env={**os.environ, "AIRQUERY_HOME": str(tmp_path)},
    )

    assert said == "['HELLO!!'] 1 0\n"
    assert f"`{said.strip()}`" in (HOW_TO / "custom-function.md").read_text(encoding="utf-8")
