"""The commands of the tutorial run as they stand, against a scripted endpoint where it has a model."""

from __future__ import annotations

import tempfile
from pathlib import Path

from airquery.testing import EndpointServer
from tests.docs import walkthrough


TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


def test_the_tutorial_runs_as_it_stands(tmp_path: Path) -> None:
    steps = walkthrough.blocks(TUTORIAL)
    clone = tmp_path / "airquery"
    clone.mkdir()

    with (
        EndpointServer() as server,
        tempfile.TemporaryDirectory(prefix="airquery-") as short,
        walkthrough.quick_commands(Path(short)) as environ,
    ):
        model = {"LLM_URL": f"{server.url}/v1", "LLM_MODEL": "test-model"}
        quick = [step for step in steps if not step.minutes]
        walkthrough.run(quick, clone, environ | model, within_s=600)

        assert server.count == 10
    assert (tmp_path / "support/dags/support_tickets.py").is_file()


def test_the_tutorial_says_how_long_it_took_as_it_was_measured() -> None:
    text = TUTORIAL.read_text(encoding="utf-8")

    assert text.count("<!-- measured -->") == text.count("<!-- /measured -->") == 1
