"""A run spends no more than its budget, keeps what it paid for, and says what it did not ask."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

import airquery
from airquery.connection import connect
from airquery.endpoints.endpoint import Endpoint, Limits, Price
from airquery.errors import BudgetExceeded, InvalidSetting
from airquery.execute.budget import Amount, Budget, Spending
from airquery.request import Request
from airquery.testing import EndpointServer, Reply


KEPT = "failOnError => false"
BOUNDED = "modelParameters => {'max_tokens': 10}"
EXCEEDED = "AI_FUNCTION_BUDGET_EXCEEDED"


NOT_SENT = (
    "[AI_FUNCTION_BUDGET_EXCEEDED] The request was not sent: it does not fit the budget of 7 "
    "requests. Run it again with a larger budget: what was answered is kept and not paid again. "
    "SQLSTATE: 54000"
)
PRICED = Price(input_per_million=1e6, output_per_million=1e6)


def registry_at(server: EndpointServer) -> airquery.Registry:
    endpoint = server.endpoint("llm", price=PRICED, limits=Limits(concurrency=4))
    return airquery.Registry.from_mapping({"llm": endpoint})


def asked(rows: int, *arguments: str) -> str:
    listed = ", ".join(["'llm'", "'row ' || i", *arguments])
    return f"SELECT i, ai_query({listed}) AS a FROM range({rows}) AS t(i) ORDER BY i"


def answers_of(run: airquery.Run) -> list[str | None]:
    assert run.table is not None
    return [row["a"]["result"] for row in run.table.to_pylist()]


def test_requests_beyond_the_budget_are_not_sent_and_say_how_to_go_on(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    with connect(registry=registry_at(server), settings=settings) as connection:
        run = airquery.run(connection, asked(20, KEPT), budget=Budget(requests=7))

    assert run.table is not None
    rows = [row["a"] for row in run.table.to_pylist()]
    messages = {row["errorMessage"] for row in rows if row["result"] is None}
    assert (server.count, run.stats.sent, run.outcome) == (7, 7, "budget_stopped")
    assert sum(row["result"] is not None for row in rows) == 7
    assert len(run.failures) == 13
    assert {(one.condition, one.retryable) for one in run.failures} == {(EXCEEDED, False)}
    assert messages == {NOT_SENT}


def test_running_again_with_more_budget_pays_only_for_the_rest(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    with connect(registry=registry_at(server), settings=settings) as connection:
        first = airquery.run(connection, asked(20, KEPT), budget=Budget(requests=7))
        second = airquery.run(connection, asked(20, KEPT), budget=Budget(requests=13))
        third = airquery.run(connection, asked(20, KEPT), budget=Budget(requests=0))

    assert [run.outcome for run in (first, second, third)] == [
        "budget_stopped",
        "complete",
        "complete",
    ]
    assert (second.stats.sent, second.stats.from_journal, server.count) == (13, 7, 20)
    assert answers_of(third) == [f"row {i}" for i in range(20)]


@pytest.mark.parametrize("budget", [Budget(tokens=60), Budget(money=60.0)])
def test_what_is_reserved_for_an_answer_is_given_back_when_it_was_shorter(
    budget: Budget, settings: airquery.Settings
) -> None:
    # A request is expected to take 5 tokens and 10 for its answer; it takes 4 in all.
    with (
        EndpointServer(latency_s=0.005) as server,
        connect(registry=registry_at(server), settings=settings) as connection,
    ):
        run = airquery.run(connection, asked(40, KEPT, BOUNDED), budget=budget)

        # Those that came last had to have room for all that they might have cost.
        assert server.count == run.stats.sent == 12
        assert server.in_flight_max <= 4
    assert run.stats.prompt_tokens + run.stats.completion_tokens == 48
    assert run.stats.price == pytest.approx(48.0)
    assert run.outcome == "budget_stopped"


def test_without_a_bound_on_answers_it_overshoots_by_what_is_in_flight_at_most(
    settings: airquery.Settings,
) -> None:
    long = " ".join(["word"] * 50)
    with (
        EndpointServer(answer=lambda _: long, latency_s=0.01) as server,
        connect(registry=registry_at(server), settings=settings) as connection,
    ):
        run = airquery.run(connection, asked(200, KEPT), budget=Budget(tokens=100))
        each = (run.stats.prompt_tokens + run.stats.completion_tokens) / run.stats.sent

        assert each > 50
        assert server.count <= 4
    assert run.outcome == "budget_stopped"


def test_a_budget_that_has_room_changes_nothing(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    with connect(registry=registry_at(server), settings=settings) as connection:
        run = airquery.run(
            connection,
            asked(50, KEPT, BOUNDED),
            budget=Budget(requests=50, tokens=10_000, money=10_000.0),
        )

    assert (run.outcome, run.stats.sent, run.failures) == ("complete", 50, ())


def test_a_failed_row_makes_a_run_partial(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    server.fail_when(lambda body: "row 3" in str(body), Reply(status=400))
    with connect(registry=registry_at(server), settings=settings) as connection:
        run = airquery.run(connection, asked(5, KEPT), budget=Budget(requests=5))

    assert (run.outcome, run.stats.failed, server.count) == ("partial", 1, 5)


def test_under_fail_on_error_the_statement_stops_and_what_was_paid_is_kept(
    settings: airquery.Settings,
) -> None:
    with (
        EndpointServer(latency_s=0.02) as server,
        connect(registry=registry_at(server), settings=settings) as connection,
    ):
        with pytest.raises(BudgetExceeded, match=r"larger budget.*failOnError => false"):
            airquery.run(connection, f"CREATE TABLE made AS {asked(20)}", budget=Budget(requests=7))
        made = connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall()
        again = airquery.run(connection, asked(20))

        assert server.count == 20
    assert made == [(0,)]
    assert (again.stats.from_journal, again.stats.sent) == (7, 13)


def test_a_retried_request_counts_once(server: EndpointServer, settings: airquery.Settings) -> None:
    server.script(*[Reply(status=429, headers={"Retry-After": "0"})] * 3)
    with connect(registry=registry_at(server), settings=settings) as connection:
        run = airquery.run(connection, asked(5, KEPT), budget=Budget(requests=5))

    assert (run.outcome, run.stats.sent, run.stats.retries, server.count) == ("complete", 5, 3, 8)


def test_texts_that_share_a_request_are_counted_one_by_one(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    registry = airquery.Registry.from_mapping({"v": server.endpoint("v", "embeddings")})
    with connect(registry=registry, settings=settings) as connection:
        run = airquery.run(
            connection,
            "SELECT ai_query('v', 'row ' || i, failOnError => false) AS a FROM range(20) AS t(i)",
            budget=Budget(requests=7),
        )

    assert (run.stats.sent, run.outcome) == (7, "budget_stopped")


def test_what_another_run_pays_for_is_had_without_a_budget_for_it(
    settings: airquery.Settings,
) -> None:
    with (
        EndpointServer(latency_s=0.01) as server,
        connect(registry=registry_at(server), settings=settings) as connection,
    ):
        airquery.run(connection, asked(20, KEPT))
        run = airquery.run(connection.cursor(), asked(20, KEPT), budget=Budget(requests=0))

        assert server.count == 20
    assert (run.outcome, run.stats.from_journal) == ("complete", 20)


def test_two_endpoints_share_one_budget_and_neither_waits_for_ever(
    settings: airquery.Settings,
) -> None:
    with EndpointServer(latency_s=0.01) as server:
        registry = airquery.Registry.from_mapping(
            {n: server.endpoint(n, model=n, limits=Limits(concurrency=3)) for n in ("one", "two")}
        )
        with connect(registry=registry, settings=settings) as connection:
            one, two = (
                f"ai_query('{name}', 'row ' || i, {KEPT}, {BOUNDED}).result"
                for name in ("one", "two")
            )
            run = airquery.run(
                connection,
                f"SELECT {one} AS a, {two} AS b FROM range(30) AS t(i)",
                budget=Budget(tokens=80),
            )

    assert run.outcome == "budget_stopped"
    assert run.stats.answered == run.stats.requests == 60
    # An answer takes 4 tokens, and the last one needed room for 16.
    assert 60 <= run.stats.prompt_tokens + run.stats.completion_tokens <= 80


def test_an_answer_that_does_not_tell_its_tokens_costs_what_was_expected(
    settings: airquery.Settings,
) -> None:
    with EndpointServer() as server:
        registry = airquery.Registry.from_mapping({"m": server.endpoint("m", "custom")})
        with connect(registry=registry, settings=settings) as connection:
            run = airquery.run(
                connection,
                "SELECT ai_query('m', {'a': 'row ' || i}, returnType => 'STRUCT<a: STRING>',"
                " failOnError => false) AS a FROM range(20) AS t(i)",
                budget=Budget(tokens=30),
            )

        # Each is taken to be five tokens.
        assert server.count == run.stats.sent == 6
    assert run.outcome == "budget_stopped"


def test_a_budget_below_nothing_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="A budget of -1 tokens is none"):
        Budget(tokens=-1)


def test_money_of_two_currencies_is_not_added(server: EndpointServer) -> None:
    dollars, euros = (
        server.endpoint(name, price=Price(input_per_million=1.0, currency=name))
        for name in ("USD", "EUR")
    )
    spending = Spending(Budget(money=5.0))
    first, second = (Request(endpoint=one, input="hello") for one in (dollars, euros))
    spending.reserve(first, spending.expected(first))

    verdicts = [spending.verdict(one, spending.expected(one)) for one in (first, second)]

    assert verdicts == ["send", "refuse"]
    assert "spent in USD, and its endpoint's price is in EUR" in spending.refusal(second).message


@given(
    most=st.integers(0, 500),
    steps=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 100)), max_size=60),
    in_flight=st.integers(1, 5),
)
def test_spending_exceeds_the_budget_by_less_than_what_was_in_flight_beyond_its_reservation(
    most: int, steps: list[tuple[int, int]], in_flight: int
) -> None:
    spending = Spending(Budget(tokens=most))
    endpoint = Endpoint(name="llm", task="chat", base_url="http://127.0.0.1:1/v1")
    request = Request(endpoint=endpoint, input="")
    flying: list[tuple[Amount, Amount]] = []
    beyond = 0
    for expected, used in steps:
        amount = Amount(requests=1, tokens=expected)
        if spending.verdict(request, amount) == "send":
            spending.reserve(request, amount)
            flying.append((amount, Amount(requests=1, tokens=used)))
            beyond += max(0, used - expected)
        if len(flying) == in_flight:
            spending.account.settle(*flying.pop(0), output_tokens=None)
    for reserved, paid in flying:
        spending.account.settle(reserved, paid, output_tokens=None)

    assert spending.account.reserved == Amount()
    assert spending.account.spent.tokens <= most + beyond
