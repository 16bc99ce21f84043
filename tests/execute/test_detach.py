"""A statement that is run with `detach` goes once its batch jobs are submitted, and finds them again."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from airquery.connection import close_engines
from airquery.errors import JobsOut
from airquery.execute.budget import Budget
from airquery.execute.departure import QUIET_S, Departure, WaitedJob, WaitedJobs
from airquery.journal.sqlite_store import SqliteJournal
from airquery.testing import BatchScript, EndpointServer, Reply
from tests.execute.test_batch_jobs import asked, batched, rows_of, run_at, sizes


if TYPE_CHECKING:
    import airquery
    from airquery.endpoints.endpoint import Endpoint


def left_by(
    endpoint: Endpoint, settings: airquery.Settings, sql: str, *, budget: Budget | None = None
) -> JobsOut:
    with pytest.raises(JobsOut) as out:
        run_at(endpoint, settings, sql, detach=True, budget=budget)
    return out.value


def test_it_goes_once_its_job_is_submitted_and_a_later_process_reads_the_job(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    server.hold_batches()
    out = left_by(batched(server), settings, asked(3))
    close_engines()
    server.hold_batches(held=False)

    # What was waited for is over when the next one comes.
    run = run_at(batched(server), settings, asked(3))

    [job] = out.jobs
    assert (job.endpoint, job.batch, job.requests) == ("llm", "batch-0", 3)
    assert "in batch batch-0 of endpoint 'llm' (3 requests). Running it again" in str(out)
    assert rows_of(run) == ["row 0", "row 1", "row 2"]
    assert (sizes(server), run.stats.sent, run.notes) == ([3], 3, ())


def test_when_it_has_gone_no_claim_is_left_and_the_same_process_finds_the_job_too(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    endpoint = batched(server)
    server.hold_batches()
    first = left_by(endpoint, settings, asked(3))
    with closing(SqliteJournal(settings.journal_path())) as journal:
        claimed, jobs = journal.holders(), journal.jobs.jobs()
    second = left_by(endpoint, settings, asked(3))
    server.hold_batches(held=False)
    run = run_at(endpoint, settings, asked(3))

    assert (claimed, [job.batch for job in jobs]) == ([], ["batch-0"])
    assert first.jobs == second.jobs
    assert (sizes(server), run.stats.sent, run.notes) == ([3], 3, ())


def test_what_came_is_kept_and_what_goes_again_is_out_in_another_job(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    long = BatchScript(running=1_000_000)
    server.script_batches(BatchScript(running=0, ends="expired", answered=2), long)
    endpoint = batched(server)
    server.hold_batches()
    first = left_by(endpoint, settings, asked(5))
    server.hold_batches(held=False)
    second = left_by(endpoint, settings, asked(5))
    server.batches[1].looks = long.running
    run = run_at(endpoint, settings, asked(5))

    assert [[(job.batch, job.requests) for job in out.jobs] for out in (first, second)] == [
        [("batch-0", 5)],
        [("batch-1", 3)],
    ]
    assert rows_of(run) == [f"row {i}" for i in range(5)]
    assert (sizes(server), run.stats.sent, run.stats.from_journal) == ([5, 3], 3, 2)


def test_a_refused_row_of_a_job_that_was_left_fails_in_the_run_that_reads_it(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    server.fail_when(lambda body: "row 1" in str(body), Reply(status=400))
    endpoint = batched(server)
    server.hold_batches()
    left_by(endpoint, settings, asked(3, "failOnError => false"))
    server.hold_batches(held=False)

    run = run_at(endpoint, settings, asked(3, "failOnError => false"))

    assert [row["result"] for row in rows_of(run)] == ["row 0", None, "row 2"]
    assert (sizes(server), run.stats.failed) == ([3], 1)


def test_what_came_before_and_what_is_out_count_in_the_budget_of_a_run_that_may_go(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    long = BatchScript(running=1_000_000)
    server.script_batches(BatchScript(running=0, ends="expired", answered=2), long)
    endpoint, sql = batched(server), asked(5, "failOnError => false")
    budget = Budget(requests=5)
    server.hold_batches()
    spent = [left_by(endpoint, settings, sql, budget=budget).stats]
    server.hold_batches(held=False)
    # What goes again was counted when it was first sent.
    spent.append(left_by(endpoint, settings, sql, budget=budget).stats)
    more = asked(6, "failOnError => false")
    spent.append(left_by(endpoint, settings, more, budget=Budget(requests=3)).stats)
    server.batches[1].looks = long.running
    run = run_at(endpoint, settings, more, budget=Budget(requests=3), detach=True)

    assert [one and one.sent for one in spent] == [0, 2, 0]
    assert (sizes(server), run.outcome, run.stats.sent) == ([5, 3], "budget_stopped", 3)
    assert [row["result"] for row in rows_of(run)] == [*(f"row {i}" for i in range(5)), None]


@pytest.mark.parametrize("cache", ["refresh", "off"])
def test_what_the_journal_would_not_hand_to_the_next_run_is_waited_for(
    server: EndpointServer, settings: airquery.Settings, cache: str
) -> None:
    run = run_at(batched(server), settings, asked(3, f"cache => '{cache}'"), detach=True)

    assert (rows_of(run), sizes(server)) == (["row 0", "row 1", "row 2"], [3])


def test_without_a_batch_endpoint_nothing_is_left(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    run = run_at(server.endpoint("llm"), settings, asked(3), detach=True)

    assert rows_of(run) == ["row 0", "row 1", "row 2"]


def test_a_run_that_went_is_in_the_usage_by_that_name(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    endpoint = batched(server)
    server.hold_batches()
    left_by(endpoint, settings, asked(3))
    server.hold_batches(held=False)
    run_at(endpoint, settings, asked(3))

    run = run_at(endpoint, settings, "SELECT [outcome, sent::VARCHAR] AS a FROM airquery_usage()")

    assert rows_of(run) == [["jobs_out", "0"], ["complete", "3"]]


def test_it_goes_when_all_is_out_and_nothing_more_is_to_come() -> None:
    departure = Departure()
    assert departure.may_go(all_out=True, collected=True, requests=3, now=0.0)
    assert not departure.may_go(all_out=False, collected=True, requests=3, now=1.0)


def test_it_goes_once_it_is_quiet_where_nobody_knows_whether_more_is_to_come() -> None:
    departure = Departure()
    answers = [
        departure.may_go(all_out=all_out, collected=False, requests=requests, now=now)
        for now, requests, all_out in (
            (0.0, 3, True),
            (1.0, 5, True),
            (1.0 + QUIET_S, 5, False),
            (1.5 + QUIET_S, 5, True),
            (1.0 + 2 * QUIET_S, 5, True),
        )
    ]
    assert answers == [False, False, False, False, True]


def test_jobs_hold_requests_if_all_are_out_and_every_request_is_in_one() -> None:
    jobs = WaitedJobs()
    assert not jobs.hold({b"a"})

    def note(name: str, keys: tuple[bytes, ...], *, is_out: bool = True) -> None:
        jobs.note(WaitedJob(endpoint="llm", job=name, batch=name, done=0, keys=keys, is_out=is_out))

    note("one", (b"a", b"b"))
    note("two", (b"c",), is_out=False)
    assert not jobs.hold({b"a"})
    note("two", (b"c",))
    assert jobs.hold({b"a", b"c"})
    assert not jobs.hold({b"a", b"d"})
    assert not jobs.hold(set())
    jobs.put_off(b"d")
    assert jobs.hold({b"a", b"d"})
    assert jobs.counts() == ((0, 2), (0, 1))
    assert jobs.told() == (
        " Batch jobs stay at the provider (one, two), and running it again reads them."
    )
    jobs.drop("one")
    assert [one.batch for one in jobs.out()] == ["two"]
