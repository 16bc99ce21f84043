from __future__ import annotations

import functools
import logging
import re
import threading
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery_airflow import IngestOperator


REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "ingest.md"

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.operators.conftest import Execute, Rows


class Quiet(SimpleHTTPRequestHandler):
    """Serves the files of a folder."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for day in ("2026-10-03", "2026-10-04"):
        (tmp_path / f"{day}.csv").write_text(f"id,day\n1,{day}\n2,{day}\n")
    return tmp_path


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(folder))
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_files_of_a_day_become_its_partition(
    execute: Execute, rows: Rows, folder: Path
) -> None:
    task = IngestOperator(task_id="a", source=f"{folder}/{{{{ ds }}}}.csv", table="s.raw")

    execute(task, ds="2026-10-03")
    execute(task, ds="2026-10-04")

    assert rows("SELECT id, day::VARCHAR, partition_key FROM s.raw ORDER BY ALL") == [
        (1, "2026-10-03", "2026-10-03"),
        (1, "2026-10-04", "2026-10-04"),
        (2, "2026-10-03", "2026-10-03"),
        (2, "2026-10-04", "2026-10-04"),
    ]


def test_a_statement_chooses_and_may_read_other_tables(
    execute: Execute, rows: Rows, folder: Path
) -> None:
    source = str(folder / "*.csv")
    execute(IngestOperator(task_id="a", source=source, table="s.known", sql="SELECT 1 AS id"))
    execute(
        IngestOperator(
            task_id="b",
            source=source,
            table="s.new",
            sql="FROM source ANTI JOIN s.known USING (id) WHERE day = '{{ ds }}'",
        )
    )

    assert rows("SELECT id, day::VARCHAR FROM s.new") == [(2, "2026-10-03")]


def test_files_are_fetched_over_http(
    execute: Execute, rows: Rows, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = [f"{url}/2026-10-03.csv", f"{url}/2026-10-04.csv?version=2"]

    with caplog.at_level(logging.INFO):
        execute(IngestOperator(task_id="a", source=source, table="s.raw"))

    assert rows("SELECT count(*), count(DISTINCT day) FROM s.raw") == [(4, 2)]
    assert "Read 2 files." in caplog.messages


def test_a_file_that_is_not_on_the_server_fails_at_once(execute: Execute, url: str) -> None:
    task = IngestOperator(task_id="a", source=f"{url}/nowhere.csv", table="s.raw")

    with pytest.raises(AirflowFailException, match=r"/nowhere\.csv"):
        execute(task)


def test_a_server_that_is_down_is_left_to_airflows_retries(execute: Execute) -> None:
    task = IngestOperator(task_id="a", source="http://127.0.0.1:9/a.csv", table="s.raw")

    with pytest.raises(AirflowException, match=r"127\.0\.0\.1:9") as caught:
        execute(task)

    assert not isinstance(caught.value, AirflowFailException)


def test_a_file_that_is_late_is_left_to_airflows_retries(execute: Execute, folder: Path) -> None:
    task = IngestOperator(task_id="a", source=f"{folder}/{{{{ ds }}}}-*.csv", table="s.raw")

    with pytest.raises(AirflowException, match=r"No file matches .*2026-10-03-\*") as caught:
        execute(task)

    assert not isinstance(caught.value, AirflowFailException)


def test_a_broken_line_leaves_the_partition_as_it_was(
    execute: Execute, rows: Rows, folder: Path
) -> None:
    task = IngestOperator(task_id="a", source=str(folder / "{{ ds }}.csv"), table="s.raw")
    execute(task)
    (folder / "2026-10-03.csv").write_text("id,day\n1,2026-10-03,again\n")

    with pytest.raises(AirflowException, match=r"2026-10-03\.csv' cannot be read.*Line: 2"):
        execute(task)

    assert rows("SELECT count(*) FROM s.raw") == [(2,)]


def test_the_example_of_the_reference_makes_its_tasks() -> None:
    [program] = re.findall(r"```python\n(.*?)```", REFERENCE.read_text(), re.DOTALL)
    made: dict[str, Any] = {}

    exec(program, made)  # noqa: S102 - it is the reference's

    assert [made[name].table for name in ("orders", "tickets", "answers")] == [
        "shop.orders",
        "shop.tickets",
        "shop.answers",
    ]
