"""What only a wrong model, path or permission explains stops a statement, and one row's 404 never."""

from __future__ import annotations

import pytest

import airquery
from airquery.answer import Answer, Failure
from airquery.connection import connect
from airquery.endpoints.endpoint import Limits
from airquery.errors import EndpointRefused
from airquery.execute.breaker import ALIKE, Breaker
from airquery.testing import EndpointServer, Reply
from tests.conftest import registry_of


ANSWER = Answer(value="yes")


def failure(status: int | None) -> Failure:
    return Failure(condition="AI_FUNCTION_HTTP_REQUEST_ERROR", message="No.", http_status=status)


def asked(rows: int) -> str:
    return (
        "SELECT ai_query('llm', 'row ' || i, failOnError => false) AS a "
        f"FROM range({rows}) AS t(i) ORDER BY i"
    )


@pytest.mark.parametrize("status", [403, 404])
def test_it_opens_with_the_last_of_so_many_that_ended_alike(status: int) -> None:
    breaker = Breaker()

    verdicts = [breaker.ended(failure(status)) for _ in range(ALIKE + 1)]

    assert verdicts == [False] * (ALIKE - 1) + [True, True]


def test_one_answer_keeps_it_closed_for_good() -> None:
    breaker = Breaker()
    before = [breaker.ended(failure(404)) for _ in range(ALIKE - 1)]
    breaker.ended(ANSWER)

    after = [breaker.ended(failure(404)) for _ in range(100)]

    assert not any((*before, *after))


@pytest.mark.parametrize("other", [None, 400, 403, 503])
def test_another_failure_between_begins_the_count_anew(other: int | None) -> None:
    breaker = Breaker()
    for _ in range(ALIKE - 1):
        breaker.ended(failure(404))
    breaker.ended(failure(other))

    again = [breaker.ended(failure(404)) for _ in range(ALIKE)]

    assert again == [False] * (ALIKE - 1) + [True]


@pytest.mark.parametrize("status", [None, 400, 422, 500])
def test_what_is_a_matter_of_rows_never_opens_it(status: int | None) -> None:
    breaker = Breaker()

    assert not any(breaker.ended(failure(status)) for _ in range(100))


@pytest.mark.parametrize("status", [403, 404])
def test_ten_thousand_rows_send_a_few_requests_and_the_error_says_what_to_check(
    settings: airquery.Settings, status: int
) -> None:
    with EndpointServer(latency_s=0.005) as server:
        server.fail_when(lambda _: True, Reply(status=status))
        registry = registry_of(server, limits=Limits(concurrency=8))
        connection = connect(registry=registry, settings=settings)
        with pytest.raises(EndpointRefused) as refused:
            airquery.run(connection, asked(10_000))
        connection.close()

        assert server.count <= ALIKE + 8
    assert refused.value.failure.http_status == status
    assert (
        "The first 8 requests of this statement all ended so. Check the endpoint's model name, "
        "base_url and what its key may do: airquery endpoints test llm SQLSTATE: 08000 Every further "
        "request would end the same, so no more were sent."
    ) in str(refused.value)


def test_after_one_answer_every_row_has_its_own_404(settings: airquery.Settings) -> None:
    with EndpointServer() as server:
        server.script(Reply())
        server.fail_when(lambda _: server.count > 1, Reply(status=404))
        registry = registry_of(server, limits=Limits(concurrency=1))
        with connect(registry=registry, settings=settings) as connection:
            run = airquery.run(connection, asked(30))

        assert server.count == 30
    assert (run.outcome, run.stats.failed) == ("partial", 29)


def test_fewer_rows_than_are_needed_to_tell_keep_their_messages(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    server.fail_when(lambda _: True, Reply(status=404))
    with connect(registry=registry_of(server), settings=settings) as connection:
        run = airquery.run(connection, asked(ALIKE - 1))

    assert (run.outcome, run.stats.failed) == ("partial", ALIKE - 1)


def test_once_it_is_mended_the_next_statement_is_asked(settings: airquery.Settings) -> None:
    wrong = [True]
    with EndpointServer() as server:
        server.fail_when(lambda _: wrong[0], Reply(status=404))
        with connect(registry=registry_of(server), settings=settings) as connection:
            with pytest.raises(EndpointRefused):
                airquery.run(connection, asked(100))
            wrong[0] = False
            # Not the same rows: some of those may still be on the wire.
            run = airquery.run(connection, asked(100).replace("row", "line"))

    assert (run.outcome, run.stats.sent) == ("complete", 100)


def test_texts_that_share_a_request_count_as_one(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    server.script(Reply(status=404))
    with connect(registry=registry_of(server), settings=settings) as connection:
        run = airquery.run(
            connection,
            "SELECT ai_query('vectors', 'row ' || i, failOnError => false) AS a"
            " FROM range(96) AS t(i)",
        )

    assert (run.outcome, run.stats.failed) == ("partial", 32)
