"""A batch job outlives its process: whoever asks the same again reads it, and pays nothing twice."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.answer import Answer
from airquery.connection import connect
from airquery.endpoints.endpoint import Batch, Limits
from airquery.errors import Cancelled
from airquery.execute.run import Engine
from airquery.execute.statement import Statement
from airquery.journal.jobs import BatchJob
from airquery.journal.sqlite_store import SqliteJournal
from airquery.request import Request
from airquery.testing import BatchScript, EndpointServer, Reply


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airquery.endpoints.endpoint import Endpoint

QUICK = Batch(quiet_s=0.05, first_poll_s=0.01, longest_poll_s=0.02)
PROGRAM = """
import sys
import airquery
from airquery.endpoints.endpoint import Batch, Endpoint
url, home = sys.argv[1:]
batch = Batch(quiet_s=0.05, first_poll_s=0.01, longest_poll_s=0.02)
endpoint = Endpoint(name="llm", task="chat", base_url=url, model="m", batch=batch)
connection = airquery.connect(
    registry=airquery.Registry.from_mapping({"llm": endpoint}),
    settings=airquery.Settings.read(home=home),
)
sql = "SELECT ai_query('llm', 'row ' || i) AS a FROM range(40) AS t(i) ORDER BY i"
run = airquery.run(connection, sql)
print(sorted({row["a"] == f"row {i}" for i, row in enumerate(run.table.to_pylist())}))
"""


def start(server: EndpointServer, home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, f"{server.url}/v1", str(home)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def jobs_in(home: Path, server: EndpointServer) -> list[BatchJob]:
    with closing(SqliteJournal(home / "journal.db")) as journal:
        return journal.jobs.jobs(f"{server.url}/v1")


def test_after_kill_9_while_it_waited_nothing_is_submitted_again(
    server: EndpointServer, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    server.hold_batches()
    stopped = start(server, home)
    wait_until(lambda: any(one.looked_at for one in server.batches))
    stopped.kill()
    stopped.communicate(timeout=60)
    left = jobs_in(home, server)
    server.hold_batches(held=False)

    output, _ = start(server, home).communicate(timeout=60)

    assert output == "[True]\n"
    assert [len(one.bodies) for one in server.batches] == [40]
    assert [(job.batch, len(job.keys)) for job in left] == [("batch-0", 40)]
    assert jobs_in(home, server) == []


@pytest.fixture
def endpoint(server: EndpointServer) -> Endpoint:
    return server.endpoint("llm", batch=QUICK)


def engine_at(path: Path) -> Engine:
    return Engine(SqliteJournal(path / "journal.db"))


def asks(endpoint: Endpoint, *numbers: int) -> list[Request]:
    return [Request(endpoint=endpoint, input=f"row {number}") for number in numbers]


def begun(engine: Engine, requests: list[Request]) -> Statement:
    statement = Statement(collected=True)
    engine.ask(requests, statement, strict=False)
    return statement


def answers(statement: Statement, requests: list[Request]) -> list[object]:
    for _ in range(300):
        if statement.wait_for({one.key for one in requests}, timeout_s=0.1):
            break
    ended = [statement.known(one.key) for one in requests]
    return [
        one.outcome.value if one is not None and isinstance(one.outcome, Answer) else one
        for one in ended
    ]


def test_answers_that_nobody_asks_now_are_kept_all_the_same(
    server: EndpointServer, endpoint: Endpoint, tmp_path: Path
) -> None:
    server.hold_batches()
    first = engine_at(tmp_path)
    begun(first, asks(endpoint, 1, 2, 3))
    wait_until(lambda: len(server.batches) == 1)
    first.close()
    server.hold_batches(held=False)
    again = engine_at(tmp_path)

    one = answers(begun(again, asks(endpoint, 2)), asks(endpoint, 2))
    wait_until(lambda: jobs_in(tmp_path, server) == [])
    rest = begun(again, asks(endpoint, 1, 3))

    assert one == ["row 2"]
    assert answers(rest, asks(endpoint, 1, 3)) == ["row 1", "row 3"]
    assert rest.stats().from_journal == 2
    assert len(server.batches) == 1
    again.close()


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_batch_that_was_made_but_never_confirmed_is_found_in_the_list(
    server: EndpointServer, tmp_path: Path, provider: str
) -> None:
    endpoint = server.endpoint("llm", batch=QUICK, provider=provider)
    server.hold_batches()
    first = engine_at(tmp_path)
    begun(first, asks(endpoint, 1, 2))
    wait_until(lambda: len(server.batches) == 1)
    first.close()
    others = engine_at(tmp_path / "other")
    for number in (10, 20, 30):
        begun(others, asks(endpoint, number))
        wait_until(lambda number=number: len(server.batches) == number // 10 + 1)  # type: ignore[misc]
    others.close()
    # As if the process had ended before it heard the batch's name.
    with closing(SqliteJournal(tmp_path / "journal.db")) as journal:
        [known] = journal.jobs.jobs(endpoint.base_url)
        journal.jobs.remember(
            BatchJob(
                id=known.id, address=known.address, created_at=known.created_at, keys=known.keys
            )
        )
    server.hold_batches(held=False)
    again = engine_at(tmp_path)

    assert answers(begun(again, asks(endpoint, 1, 2)), asks(endpoint, 1, 2)) == ["row 1", "row 2"]
    assert len(server.batches) == 4
    again.close()


def test_a_job_that_never_came_to_its_provider_is_submitted_anew(
    server: EndpointServer, endpoint: Endpoint, tmp_path: Path
) -> None:
    requests = asks(endpoint, 1, 2)
    with closing(SqliteJournal(tmp_path / "journal.db")) as journal:
        keys = tuple(one.key for one in requests)
        journal.jobs.remember(
            BatchJob(id="lost", address=endpoint.base_url, created_at=1.0, keys=keys)
        )
    engine = engine_at(tmp_path)

    assert answers(begun(engine, requests), requests) == ["row 1", "row 2"]
    wait_until(lambda: jobs_in(tmp_path, server) == [])
    assert [len(one.bodies) for one in server.batches] == [2]
    engine.close()


def test_a_job_that_the_provider_does_not_know_any_more_is_told_once(
    server: EndpointServer, endpoint: Endpoint, tmp_path: Path
) -> None:
    requests = asks(endpoint, 1)
    with closing(SqliteJournal(tmp_path / "journal.db")) as journal:
        job = BatchJob(
            id="j",
            address=endpoint.base_url,
            created_at=1.0,
            keys=(requests[0].key,),
            batch="batch-of-old",
        )
        journal.jobs.remember(job)
    engine = engine_at(tmp_path)

    statement = begun(engine, requests)
    answers(statement, requests)
    [failure] = statement.failures()

    assert "does not know batch batch-of-old any more" in failure.message
    assert (failure.retryable, server.batches) == (False, ())
    assert answers(begun(engine, requests), requests) == ["row 1"]
    engine.close()


def test_of_two_processes_one_submits_and_both_have_the_answers(
    server: EndpointServer, endpoint: Endpoint, tmp_path: Path
) -> None:
    server.hold_batches()
    one, other = engine_at(tmp_path), engine_at(tmp_path)
    requests = asks(endpoint, *range(20))
    first, second = begun(one, requests), begun(other, requests)
    wait_until(lambda: len(server.batches) == 1)
    server.hold_batches(held=False)

    assert answers(first, requests) == answers(second, requests)
    assert answers(first, requests) == [f"row {n}" for n in range(20)]
    assert [len(batch.bodies) for batch in server.batches] == [20]
    assert second.stats().from_journal == 20
    one.close()
    other.close()


def test_a_cancelled_statement_stops_at_once_and_says_that_its_job_goes_on(
    server: EndpointServer, endpoint: Endpoint, settings: airquery.Settings
) -> None:
    registry = airquery.Registry.from_mapping({"llm": endpoint})
    sql = "SELECT ai_query('llm', 'row ' || i) AS a FROM range(20) AS t(i)"
    server.hold_batches()
    cancel, moments = airquery.Cancel(), list[float]()
    seen: list[airquery.RunStats] = []

    def stop() -> None:
        wait_until(lambda: any(one.batch_jobs for one in seen))
        moments.append(time.monotonic())
        cancel.set()

    threading.Thread(target=stop, daemon=True).start()
    with connect(registry=registry, settings=settings) as connection:
        with pytest.raises(Cancelled, match=r"Batch jobs stay at the provider \([0-9a-f]{32}\)"):
            airquery.run(connection, sql, cancel=cancel, on_progress=seen.append)
        took = time.monotonic() - moments[0]
        server.hold_batches(held=False)
        run = airquery.run(connection, sql)

    assert took < 3
    assert (seen[-1].batch_jobs, seen[-1].batch_requests) == (1, 20)
    assert (run.stats.requests, run.stats.failed, len(server.batches)) == (20, 0, 1)


def test_an_endpoint_that_is_away_for_a_while_is_asked_on(
    server: EndpointServer, endpoint: Endpoint, tmp_path: Path
) -> None:
    trouble = [Reply(status=503), Reply.drop(), Reply(body="<html>a proxy's page</html>")]
    server.script_batches(
        BatchScript(refusal=Reply(status=503)),
        BatchScript(
            trouble=trouble, output_trouble=[Reply(status=500), Reply(body=b""), Reply.drop()]
        ),
    )
    engine = engine_at(tmp_path)
    requests = asks(endpoint, 1, 2)

    assert answers(begun(engine, requests), requests) == ["row 1", "row 2"]
    assert [len(one.bodies) for one in server.batches] == [2]
    engine.close()


def test_when_a_provider_stays_away_rows_fail_and_the_job_is_read_by_the_next_run(
    server: EndpointServer, tmp_path: Path
) -> None:
    endpoint = server.endpoint("llm", batch=QUICK, limits=Limits(deadline_s=0.1))
    server.script_batches(BatchScript(trouble=[Reply(status=503)] * 200))
    engine = engine_at(tmp_path)
    requests = asks(endpoint, 1, 2)

    first = begun(engine, requests)
    answers(first, requests)
    left = jobs_in(tmp_path, server)
    server.batches[0].trouble.clear()

    assert {one.http_status for one in first.failures()} == {503}
    assert [job.batch for job in left] == ["batch-0"]
    assert answers(begun(engine, requests), requests) == ["row 1", "row 2"]
    assert len(server.batches) == 1
    engine.close()


def test_an_output_that_cannot_be_read_leaves_its_job_to_the_next_run(
    server: EndpointServer, endpoint: Endpoint, tmp_path: Path
) -> None:
    server.script_batches(BatchScript(output_trouble=[Reply(status=403)]))
    engine = engine_at(tmp_path)
    requests = asks(endpoint, 1, 2)

    first = begun(engine, requests)
    answers(first, requests)

    assert {one.http_status for one in first.failures()} == {403}
    assert [job.batch for job in jobs_in(tmp_path, server)] == ["batch-0"]
    assert answers(begun(engine, requests), requests) == ["row 1", "row 2"]
    assert len(server.batches) == 1
    engine.close()


def test_who_comes_while_a_job_is_being_read_has_its_answer_from_there(
    server: EndpointServer, endpoint: Endpoint, tmp_path: Path
) -> None:
    server.hold_batches()
    server.script_batches(BatchScript(output_after_s=0.4))
    first = engine_at(tmp_path)
    begun(first, asks(endpoint, 1, 2))
    wait_until(lambda: len(server.batches) == 1)
    first.close()
    server.hold_batches(held=False)
    engine = engine_at(tmp_path)

    one = begun(engine, asks(endpoint, 1))
    wait_until(lambda: server.batches[0].reading)
    other = begun(engine, asks(endpoint, 2))

    assert answers(other, asks(endpoint, 2)) == ["row 2"]
    assert answers(one, asks(endpoint, 1)) == ["row 1"]
    assert len(server.batches) == 1
    engine.close()


def test_a_batch_as_large_that_was_somebody_elses_is_let_go(
    server: EndpointServer, tmp_path: Path
) -> None:
    endpoint = server.endpoint("llm", batch=QUICK, provider="anthropic")
    others = engine_at(tmp_path / "other")
    answers(begun(others, asks(endpoint, 7)), asks(endpoint, 7))
    others.close()
    requests = asks(endpoint, 1)
    with closing(SqliteJournal(tmp_path / "journal.db")) as journal:
        job = BatchJob(
            id="j", address=endpoint.base_url, created_at=time.time(), keys=(requests[0].key,)
        )
        journal.jobs.remember(job)
    engine = engine_at(tmp_path)

    assert answers(begun(engine, requests), requests) == ["row 1"]
    assert [len(one.bodies) for one in server.batches] == [1, 1]
    engine.close()


def test_what_nobody_wants_any_more_is_not_submitted(
    server: EndpointServer, tmp_path: Path
) -> None:
    endpoint = server.endpoint("llm", batch=QUICK)
    engine = engine_at(tmp_path)
    unwanted = Statement()
    engine.ask(asks(endpoint, 1, 2), unwanted, strict=False)
    engine.release(unwanted)

    requests = asks(endpoint, 3)
    assert answers(begun(engine, requests), requests) == ["row 3"]
    assert [len(one.bodies) for one in server.batches] == [1]
    engine.close()


REFUSE = "CREATE TRIGGER refuse BEFORE {event} ON batch_job BEGIN SELECT RAISE(ABORT, 'no'); END"


@pytest.mark.parametrize("sabotage", [REFUSE.format(event="INSERT"), "DROP TABLE batch_job"])
def test_nothing_is_submitted_that_the_journal_cannot_remember(
    server: EndpointServer, endpoint: Endpoint, tmp_path: Path, sabotage: str
) -> None:
    engine = engine_at(tmp_path)
    sabotaged(tmp_path, sabotage)
    requests = asks(endpoint, 1)
    statement = begun(engine, requests)
    answers(statement, requests)

    [failure] = statement.failures()
    assert "The journal" in failure.message
    assert server.batches == ()
    engine.close()


def test_a_job_whose_name_could_not_be_kept_still_brings_its_answers(
    server: EndpointServer, endpoint: Endpoint, tmp_path: Path
) -> None:
    engine = engine_at(tmp_path)
    sabotaged(tmp_path, REFUSE.format(event="UPDATE"))
    requests = asks(endpoint, 1, 2)

    assert answers(begun(engine, requests), requests) == ["row 1", "row 2"]
    wait_until(lambda: jobs_in(tmp_path, server) == [])
    engine.close()


def sabotaged(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "journal.db", isolation_level=None)) as database:
        database.execute(statement)


def test_a_server_that_lists_no_batches_cannot_say_whether_a_job_came(tmp_path: Path) -> None:
    with EndpointServer(batch_api=False) as server:
        endpoint = server.endpoint("llm", batch=QUICK)
        requests = asks(endpoint, 1)
        with closing(SqliteJournal(tmp_path / "journal.db")) as journal:
            job = BatchJob(
                id="j", address=endpoint.base_url, created_at=1.0, keys=(requests[0].key,)
            )
            journal.jobs.remember(job)
        engine = engine_at(tmp_path)
        statement = begun(engine, requests)
        answers(statement, requests)
        engine.close()

        [failure] = statement.failures()
        assert "does not know batch of job j any more" in failure.message
        assert jobs_in(tmp_path, server) == []


def test_what_was_answered_and_cannot_be_read_is_not_paid_again(
    server: EndpointServer, tmp_path: Path
) -> None:
    endpoint = server.endpoint("llm", batch=QUICK, limits=Limits(deadline_s=0.05))
    server.script_batches(BatchScript(output_trouble=[Reply(body=b"not a line\n")] * 200))
    engine = engine_at(tmp_path)
    requests = asks(endpoint, 1, 2)

    first = begun(engine, requests)
    answers(first, requests)
    server.batches[0].output_trouble.clear()

    assert {one.message for one in first.failures()} == {
        (
            "Endpoint 'llm': the output of batch batch-0 holds less than the 2 answers that it has. "
            "Run it again: that reads it again."
        )
    }
    assert answers(begun(engine, requests), requests) == ["row 1", "row 2"]
    assert len(server.batches) == 1
    engine.close()
