"""`airquery report`: a run by its id, the last one, or all of a DAG run, in the form that is wanted."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.records import records_of
from airquery.testing import Reply
from tests.records.samples import ATTEMPT, RUN, attempt, run


if TYPE_CHECKING:
    from pathlib import Path

    from airquery.records import Records
    from airquery.testing import EndpointServer
    from tests.cli.conftest import Command


ASK = "SELECT ai_query('llm', 'row ' || i, failOnError => false) AS a FROM range(3) AS t(i)"


@pytest.fixture
def records(folder: Path) -> Records:
    return records_of(airquery.Settings.read(home=folder / "home"))


@pytest.mark.usefixtures("endpoints")
def test_a_run_names_itself_and_is_reported_by_that_name(
    command: Command, server: EndpointServer
) -> None:
    server.fail_when(lambda body: "row 1" in str(body), Reply(status=400, body="\x1b[31mNo."))
    ended = command("sql", ASK)
    named = re.search(r"run (\w{12}): `airquery report \1`", ended.err)
    assert named is not None

    said = command("report", named.group(1))

    assert (said.code, said.err) == (0, "")
    assert said.out == command("report").out
    assert said.out.startswith(f"Run {named.group(1)}\n")
    assert re.search(r"Requests +3 +3 sent", said.out)
    assert re.search(r"AI_FUNCTION_HTTP_REQUEST_ERROR +█+·+ +1 \(33.3 %\)", said.out)
    assert "No." in said.out
    assert "\x1b" not in said.out


@pytest.mark.usefixtures("endpoints")
def test_a_run_that_failed_is_the_last_one_although_its_one_line_does_not_name_it(
    command: Command, server: EndpointServer
) -> None:
    server.fail_when(lambda _: True, Reply(status=400, body="No."))
    ended = command("sql", "SELECT ai_query('llm', 'row')")

    assert len(ended.err.splitlines()) == 1
    assert "aborted" in command("report").out


@pytest.mark.usefixtures("endpoints")
def test_a_run_is_not_named_where_nothing_was_asked_or_all_is_to_be_quiet(
    command: Command,
) -> None:
    assert "airquery report" not in command("sql", "--quiet", ASK).err
    assert "airquery report" not in command("sql", "SELECT 1").err


def test_a_dag_run_is_reported_with_its_tasks(command: Command, records: Records) -> None:
    records.add_run(RUN)
    records.add_task(ATTEMPT)
    records.add_task(replace(attempt(2, task_id="check"), state="failed", error="It is so."))

    said = command("report", "--dag", "d", "--dag-run", "r").out
    one = command("report", "--dag", "d", "--dag-run", "r", "--task", "check").out

    assert said.startswith("d, run r\n")
    for words in ("Quarantine: a.c, by ask", "It is so.", "1 done, 1 failed", "<b>"):
        assert words in said
    assert one.startswith("d, run r, task check\n")
    assert "Validation\nnone: no task checked expectations." in one


def test_a_report_is_a_file_in_the_form_that_its_name_says(
    command: Command, records: Records, folder: Path
) -> None:
    records.add_run(RUN)
    dag_run = ("--dag", "d", "--dag-run", "r")

    for name in ("run.html", "run.json", "run.csv", "run.txt"):
        ended = command("report", *dag_run, "-o", name)
        assert (ended.code, ended.out, ended.err) == (0, "", f"wrote {name}\n")

    assert (folder / "run.html").read_text().startswith("<!doctype html>")
    assert (folder / "run.txt").read_text() == command("report", *dag_run).out
    found = json.loads((folder / "run.json").read_text())
    assert (found["tasks"], found["runs"][0]["id"]) == ([], RUN.id)
    [row] = csv.DictReader(io.StringIO((folder / "run.csv").read_text()))
    assert (row["run"], row["task_id"], row["price"]) == (RUN.id, "ask", "0.25")
    assert json.loads(command("report", "--format", "json").out)["runs"] == found["runs"]


def test_the_last_runs_are_listed_the_newest_first(command: Command, records: Records) -> None:
    for number in (1, 2):
        records.add_run(replace(run(number), id=f"{number}" * 32))

    lines = [line for line in command("report", "--list").out.splitlines() if "partial" in line]

    assert [re.findall(r"\w+", line)[0] for line in lines] == ["2" * 12, "1" * 12]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 1, "There is no run: only what asked something is kept."),
        (["abc"], 1, "There is no run whose id begins with 'abc'"),
        (["--dag", "d"], 2, "A DAG run is named by both --dag and --dag-run."),
        (["--dag", "d", "--dag-run", "x"], 1, "There is no record of the run 'x' of DAG 'd'."),
    ],
)
def test_what_is_not_there_is_said_with_where_to_look(
    command: Command, arguments: list[str], code: int, said: str
) -> None:
    ended = command("report", *arguments)

    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


def test_an_id_that_several_runs_share_is_refused(command: Command, records: Records) -> None:
    for number in (1, 2):
        records.add_run(run(number))

    ended = command("report", "0000")

    assert (ended.code, ended.out) == (1, "")
    assert "'0000' begins the id of several runs" in ended.err
