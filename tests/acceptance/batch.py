"""Ask a server that speaks OpenAI's batch API, and is nobody's of this project, through batch jobs.

Not part of `make test`. Start a server, for example `llmock serve --port 8000` (llmock 0.2.2), or
`llmock -p 8000 -f FOLDER` of @copilotkit/aimock 1.43.0 with a fixture that answers "Say", and name it:

    make test-batch ARGS='--base-url http://127.0.0.1:8000/v1 --model gpt-4o-mini'

A process is killed once it has submitted its job. The same statement is then run again: it has to
have every row, without a second batch, and a third time it has to cost nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from urllib.request import Request, urlopen

import airquery
from airquery.endpoints.endpoint import Batch, Endpoint, Secret
from airquery.journal.sqlite_store import SqliteJournal


SUBMITTED_WITHIN_S = 60


def main() -> int:
    """Run the acceptance; 0 if all holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--model", default="gpt-4o-mini")
    parser.add_argument("--task", default="chat", choices=["chat", "embeddings"])
    parser.add_argument("--api-key", default="sk-test")
    parser.add_argument("--rows", type=int, default=50)
    parser.add_argument("--home", type=Path, help="Run the statement once, with its state here.")
    given = parser.parse_args()
    if given.home is not None:
        ask(given, given.home)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return accept(given, Path(folder))


def accept(given: argparse.Namespace, home: Path) -> int:
    """Kill a run that has submitted its job, run it twice more, and say what held."""
    before = batches(given)
    killed = subprocess.Popen([sys.executable, __file__, *sys.argv[1:], "--home", str(home)])
    deadline = time.monotonic() + SUBMITTED_WITHIN_S
    while not submitted(given, home) and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    began = time.monotonic()
    again = ask(given, home)
    took = time.monotonic() - began
    third = ask(given, home)
    made = batches(given) - before
    claims = {
        "no row failed": again.stats.failed == third.stats.failed == 0,
        "every row has an answer": filled(again) == filled(third) == given.rows,
        "one batch was made": made == 1,
        "the third run cost nothing": (third.stats.sent, third.stats.from_journal)
        == (0, given.rows),
    }
    sys.stdout.write(f"{given.rows} rows in {took:.1f} s after the kill, {made} batches\n")
    for claim, holds in claims.items():
        sys.stdout.write(f"{'ok    ' if holds else 'FAILED'}  {claim}\n")
    for failure in again.failures[:3]:
        sys.stdout.write(f"{failure}\n")
    return 0 if all(claims.values()) else 1


def ask(given: argparse.Namespace, home: Path) -> airquery.Run:
    """Run the statement."""
    endpoint = Endpoint(
        name="peer",
        task=given.task,
        base_url=given.base_url,
        model=given.model,
        api_key=Secret(given.api_key),
        batch=Batch(quiet_s=0.2, first_poll_s=0.5, longest_poll_s=2.0),
    )
    registry = airquery.Registry.from_mapping({"peer": endpoint})
    settings = airquery.Settings.read(home=home)
    sql = (
        "SELECT ai_query('peer', 'Say the number ' || i, failOnError => false) AS a "
        f"FROM range({given.rows}) AS t(i)"
    )
    with closing(airquery.connect(registry=registry, settings=settings)) as connection:
        return airquery.run(connection, sql)


def submitted(given: argparse.Namespace, home: Path) -> bool:
    """Tell whether the journal knows a job that the server has a name for."""
    path = home / "journal.db"
    if not path.exists():
        return False
    with closing(SqliteJournal(path)) as journal:
        jobs = journal.jobs.jobs(given.base_url.rstrip("/"))
    return any(job.batch is not None for job in jobs)


def batches(given: argparse.Namespace) -> int:
    """Count the batches that the server lists."""
    headers = {"Authorization": f"Bearer {given.api_key}"}
    request = Request(f"{given.base_url}/batches?limit=100", headers=headers)  # noqa: S310
    with urlopen(request, timeout=30) as reply:  # noqa: S310  (what the caller named)
        return len(json.load(reply)["data"])


def filled(run: airquery.Run) -> int:
    """Count the rows with an answer."""
    rows = [] if run.table is None else run.table.to_pylist()
    return sum(row["a"]["result"] is not None for row in rows)


if __name__ == "__main__":
    sys.exit(main())
