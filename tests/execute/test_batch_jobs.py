"""A batch endpoint answers the same statement through its provider's batch API."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.cli.progress import progress_text
from airquery.connection import connect
from airquery.endpoints.endpoint import Batch, Limits, Price, Secret
from airquery.errors import EndpointRefused
from airquery.execute.budget import Budget
from airquery.journal.sqlite_store import SqliteJournal
from airquery.testing import BatchScript, EndpointServer, Reply


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Endpoint

# Looked at every few milliseconds, and submitted at once.
QUICK: dict[str, Any] = {"quiet_s": 0.05, "first_poll_s": 0.01, "longest_poll_s": 0.02}
KEPT = "failOnError => false"


def batched(server: EndpointServer, *, task: str = "chat", **overrides: Any) -> Endpoint:
    batch = Batch(**{**QUICK, **overrides.pop("batch", {})})
    return server.endpoint("llm", task, batch=batch, **overrides)  # type: ignore[arg-type]


def asked(rows: int, *arguments: str) -> str:
    listed = ", ".join(["'llm'", "'row ' || i", *arguments])
    return f"SELECT i, ai_query({listed}) AS a FROM range({rows}) AS t(i) ORDER BY i"


def rows_of(run: airquery.Run) -> list[Any]:
    assert run.table is not None
    return [row["a"] for row in run.table.to_pylist()]


def run_at(endpoint: Endpoint, settings: airquery.Settings, sql: str, **more: Any) -> airquery.Run:
    registry = airquery.Registry.from_mapping({"llm": endpoint})
    with connect(registry=registry, settings=settings) as connection:
        return airquery.run(connection, sql, **more)


def sizes(server: EndpointServer) -> list[int]:
    return [len(one.bodies) for one in server.batches]


@pytest.mark.parametrize(
    "more",
    [{}, {"api": "responses"}, {"provider": "anthropic"}],
    ids=["chat", "responses", "anthropic"],
)
def test_a_statement_is_answered_by_one_batch_whatever_the_order_of_its_output(
    server: EndpointServer, settings: airquery.Settings, more: dict[str, Any]
) -> None:
    endpoint = batched(server, **more)

    run = run_at(endpoint, settings, asked(30))
    again = run_at(endpoint, settings, asked(30))

    assert rows_of(run) == rows_of(again) == [f"row {i}" for i in range(30)]
    assert (sizes(server), server.count) == ([30], 0)
    assert (run.stats.sent, again.stats.from_journal) == (30, 30)


def test_texts_to_embed_are_one_request_each(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    run = run_at(batched(server, task="embeddings"), settings, asked(5))

    assert [len(vector) for vector in rows_of(run)] == [8] * 5
    assert sizes(server) == [5]


def test_a_key_that_an_output_repeats_is_hidden_before_it_is_kept(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    key = "sk-0123456789-abcdef"
    run = run_at(
        batched(server, api_key=Secret(key)),
        settings,
        f"SELECT ai_query('llm', 'say {key}') AS a FROM range(2)",
    )

    assert rows_of(run) == ["say ***", "say ***"]
    with closing(SqliteJournal(settings.journal_path())) as journal:
        assert [key.encode() in record.body for record in journal.records()] == [False]


def test_jobs_are_cut_where_the_endpoint_says(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    run = run_at(batched(server, batch={"max_requests": 10}), settings, asked(25))
    by_size = run_at(batched(server, revision="2", batch={"max_bytes": 700}), settings, asked(9))

    assert rows_of(run) == [f"row {i}" for i in range(25)]
    assert rows_of(by_size) == [f"row {i}" for i in range(9)]
    # Jobs are submitted beside each other.
    assert (sorted(sizes(server)[:3]), sum(sizes(server)[3:])) == ([5, 10, 10], 9)
    assert len(sizes(server)) > 4


def test_a_job_is_larger_than_what_is_read_ahead_elsewhere(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    run = run_at(batched(server, batch={"quiet_s": 60.0}), settings, asked(4200))

    assert run.stats.sent == 4200
    assert sizes(server) == [4200]


def test_a_refused_line_fails_its_row_and_one_that_may_pass_goes_into_the_next_job(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    server.fail_when(lambda body: "row 3" in str(body), Reply(status=400))
    server.script(Reply(status=500), Reply(status=429), Reply.drop())

    run = run_at(batched(server), settings, asked(8, KEPT))

    rows = rows_of(run)
    assert [row["result"] for row in rows] == [None if i == 3 else f"row {i}" for i in range(8)]
    assert (
        "HTTP 400 and said: invalid_request_error: Scripted failure 400." in rows[3]["errorMessage"]
    )
    assert (sizes(server), run.stats.retries, run.stats.failed) == ([8, 3], 3, 1)


def test_a_line_that_never_passes_ends_by_its_own_name(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    server.fail_when(lambda body: "row 1" in str(body), Reply(status=503))
    endpoint = batched(server, limits=Limits(max_attempts=2))

    run = run_at(endpoint, settings, asked(3, KEPT))

    assert (sizes(server), run.stats.failed) == ([3, 1], 1)
    assert [(one.http_status, one.attempts) for one in run.failures] == [(503, 2)]


@pytest.mark.parametrize("more", [{}, {"provider": "anthropic"}], ids=["openai", "anthropic"])
def test_what_an_expired_batch_answered_counts_and_the_rest_goes_again(
    server: EndpointServer, settings: airquery.Settings, more: dict[str, Any]
) -> None:
    server.script_batches(BatchScript(ends="expired", answered=6))

    run = run_at(batched(server, **more), settings, asked(10))

    assert rows_of(run) == [f"row {i}" for i in range(10)]
    assert (sizes(server), run.stats.sent, run.stats.retries) == ([10, 4], 10, 4)


def test_what_a_cancelled_batch_did_not_answer_fails_and_says_so(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    server.script_batches(BatchScript(ends="cancelled", answered=2))
    endpoint = batched(server)

    run = run_at(endpoint, settings, asked(3, KEPT))
    again = run_at(endpoint, settings, asked(3))

    [failure] = run.failures
    assert "batch batch-0 was cancelled at the provider" in failure.message
    assert (run.stats.failed, again.stats.sent, sizes(server)) == (1, 1, [3, 1])


def test_a_batch_that_is_refused_for_one_line_goes_again_without_it(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    fault = {"code": "invalid_json_line", "message": "Not good.", "line": 2}
    server.script_batches(BatchScript(ends="failed", faults=[fault]))

    run = run_at(batched(server), settings, asked(4, KEPT))

    [failure] = run.failures
    assert failure.message == "Endpoint 'llm' refused batch batch-0: invalid_json_line: Not good."
    assert (sizes(server), run.stats.failed) == ([4, 3], 1)


def test_a_batch_that_is_refused_as_a_whole_goes_again_only_if_that_may_pass(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    full = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached."}
    wrong = {"code": "model_not_found", "message": "No such model."}
    server.script_batches(
        BatchScript(ends="failed", faults=[full]), BatchScript(ends="failed", faults=[wrong])
    )

    run = run_at(batched(server), settings, asked(4, KEPT))

    assert {one.message for one in run.failures} == {
        "Endpoint 'llm' refused batch batch-1: model_not_found: No such model."
    }
    assert (sizes(server), len(run.failures)) == ([4, 4], 4)


def test_a_batch_whose_creation_was_not_confirmed_is_found_and_not_made_twice(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    server.script_batches(
        BatchScript(), BatchScript(refusal=Reply(status=429)), BatchScript(lost=Reply.drop())
    )

    first = run_at(batched(server), settings, asked(2))
    run = run_at(batched(server), settings, asked(6))

    assert rows_of(run) == [f"row {i}" for i in range(6)]
    assert (first.stats.sent, run.stats.sent, sizes(server)) == (2, 4, [2, 4])


def test_an_anthropic_batch_without_a_name_is_known_by_what_it_brings(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    endpoint = batched(server, provider="anthropic")
    # Somebody else's, as large as ours will be.
    run_at(endpoint, settings, asked(4).replace("row", "other"))
    server.script_batches(BatchScript(refusal=Reply(status=500)))

    run = run_at(endpoint, settings, asked(4))

    assert rows_of(run) == [f"row {i}" for i in range(4)]
    assert sizes(server) == [4, 4]


def test_a_budget_bounds_what_is_submitted(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    run = run_at(batched(server), settings, asked(20, KEPT), budget=Budget(requests=7))

    assert (sizes(server), run.stats.sent, run.outcome) == ([7], 7, "budget_stopped")
    assert {one.condition for one in run.failures} == {"AI_FUNCTION_BUDGET_EXCEEDED"}


def test_batches_cost_less_before_during_and_after(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    price = Price(input_per_million=1e6, output_per_million=2e6)
    bounded = "modelParameters => {'max_tokens': 10}"
    online = server.endpoint("llm", price=price)
    endpoint = batched(server, price=price, batch={"discount": 0.25})
    registry = airquery.Registry.from_mapping({"llm": online})
    with connect(registry=registry, settings=settings) as connection:
        [listed] = airquery.plan(connection, asked(4, bounded)).endpoints
    registry = airquery.Registry.from_mapping({"llm": endpoint})
    with connect(registry=registry, settings=settings) as connection:
        [expected] = airquery.plan(connection, asked(4, bounded)).endpoints
        run = airquery.run(connection, asked(4, bounded), budget=Budget(money=1000.0))
        [(used,)] = connection.sql("SELECT price FROM airquery_usage()").fetchall()

    assert listed.price is not None
    assert expected.price == airquery.Span(
        low=listed.price.low * 0.75, high=(listed.price.high or 0.0) * 0.75
    )
    tokens = run.stats.prompt_tokens, run.stats.completion_tokens
    assert run.stats.price == used == pytest.approx(0.75 * (tokens[0] + 2 * tokens[1]))


def test_an_endpoint_without_a_batch_api_is_a_failure_that_says_so(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    run = run_at(batched(server, task="completions"), settings, asked(2, KEPT))

    assert {one.message for one in run.failures} == {
        (
            "Endpoint 'llm' (Python): provider 'openai' has no batch API for task 'completions'. "
            "Leave batch out."
        )
    }


def test_a_batch_that_somebody_cancels_at_the_provider_ends(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    def cancel(stats: airquery.RunStats) -> None:
        if stats.batch_jobs and server.batches and not server.batches[0].cancelled:
            with closing(HTTPConnection(server.url.removeprefix("http://"))) as connection:
                connection.request("POST", f"/v1/batches/{server.batches[0].id}/cancel")
                assert connection.getresponse().status == 200

    server.hold_batches()

    run = run_at(batched(server), settings, asked(2, KEPT), on_progress=cancel)

    assert (run.stats.failed, run.outcome, sizes(server)) == (2, "partial", [2])


def test_without_the_journal_nothing_is_remembered_of_a_job(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    first = run_at(batched(server), settings, asked(3, "cache => 'off'"))
    second = run_at(batched(server), settings, asked(3, "cache => 'refresh'"))

    assert rows_of(first) == rows_of(second) == ["row 0", "row 1", "row 2"]
    assert sizes(server) == [3, 3]
    assert (first.stats.sent, second.stats.sent) == (3, 3)


def test_progress_says_how_far_the_jobs_are() -> None:
    stats = airquery.RunStats(requests=9, batch_jobs=2, batch_requests=9, batch_done=4, seconds=1.0)

    assert progress_text(stats) == (
        "0/9 answered, 0 from journal, 0 failed, 0.0/s, 0+0 tokens, waiting for 2 batch jobs (4/9 done)"
    )


def test_a_refused_key_ends_the_statement_before_anything_is_submitted(
    settings: airquery.Settings,
) -> None:
    with EndpointServer(api_key="right") as server:
        endpoint = batched(server, api_key=Secret("wrong"))

        with pytest.raises(EndpointRefused, match="The key is not known"):
            run_at(endpoint, settings, asked(3))

        assert server.batches == ()
    with closing(SqliteJournal(settings.home / "journal.db")) as journal:
        assert journal.jobs.jobs(endpoint.base_url) == []


def test_a_server_without_a_batch_api_is_told_by_its_404(settings: airquery.Settings) -> None:
    with EndpointServer(batch_api=False) as server:
        run = run_at(batched(server), settings, asked(2, KEPT))

    assert {(one.http_status, one.retryable) for one in run.failures} == {(404, False)}
    assert len(run.failures) == 2


def test_a_row_that_has_no_form_fails_beside_the_others(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    sql = """
        SELECT ai_query('llm', CASE i WHEN 0 THEN '{"a": 1}'::JSON ELSE to_json('row ' || i) END,
            failOnError => false) AS a
        FROM range(3) AS t(i)
    """

    run = run_at(batched(server, task="embeddings"), settings, sql)

    assert [row["result"] is None for row in rows_of(run)] == [True, False, False]
    assert sizes(server) == [2]
