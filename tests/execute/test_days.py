"""A day's budget holds for all who name it and for all who ask its endpoint, in every process."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.connection import connect
from airquery.endpoints.endpoint import Limits, PerDay, Price
from airquery.errors import InvalidSetting
from airquery.execute.budget import Account, Amount, Budget, Spending
from airquery.execute.days import REFRESH_S, Days
from airquery.execute.in_flight import InFlight
from airquery.execute.run import Engine
from airquery.execute.statement import Statement
from airquery.journal.spent import Spent, utc_day
from airquery.journal.sqlite_store import SqliteJournal
from airquery.request import Request
from airquery.testing import EndpointServer, FakeClock, Reply


if TYPE_CHECKING:
    from pathlib import Path

    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.answers import Result


PRICED = Price(input_per_million=1e6, output_per_million=1e6)
DAY_S = 86_400.0
NOON = 1_795_867_200.0
TODAY, TOMORROW = date(2026, 11, 28), date(2026, 11, 29)
LLM = "endpoint:llm"


def registry_at(server: EndpointServer, **overrides: Any) -> airquery.Registry:
    fields: dict[str, Any] = {"price": PRICED, "limits": Limits(concurrency=4), **overrides}
    return airquery.Registry.from_mapping({"llm": server.endpoint("llm", **fields)})


def asked(rows: int, *, first: int = 0, arguments: str = "failOnError => false") -> str:
    return (
        f"SELECT ai_query('llm', 'row ' || (i + {first}), {arguments}) AS a "
        f"FROM range({rows}) AS t(i)"
    )


def spent_today(settings: airquery.Settings) -> list[Spent]:
    airquery.connection.close_engines()
    path = settings.home / "journal.db"
    with closing(SqliteJournal(path)) as journal:
        return journal.spent(utc_day(airquery.clock.SystemClock().time()))


def test_runs_that_name_a_day_share_its_budget_and_are_told_how_to_go_on(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    daily = Budget(requests=7, per_day="reviews")
    with connect(registry=registry_at(server), settings=settings) as connection:
        first = airquery.run(connection, asked(5), budget=daily)
        second = airquery.run(connection, asked(5, first=5), budget=daily)
        other = airquery.run(connection, asked(3, first=5), budget=Budget(requests=7, per_day="x"))

    assert [run.outcome for run in (first, second, other)] == [
        "complete",
        "budget_stopped",
        "complete",
    ]
    assert (first.stats.sent, second.stats.sent, server.count) == (5, 2, 8)
    message = second.failures[-1].message
    assert message.startswith(
        "The request was not sent: it does not fit the budget of 7 requests a day of 'reviews': on "
    )
    assert "it has spent 7 requests, 28 tokens, 28 USD. The day ends at 20" in message
    assert message.endswith(
        " 00:00 UTC. Run it again after that, or with a larger budget: what was answered is kept and "
        "not paid again."
    )


def test_an_endpoints_own_budget_holds_for_whoever_asks(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    registry = registry_at(server, per_day=PerDay(tokens=30))
    arguments = "failOnError => false, modelParameters => {'max_tokens': 1}"
    with connect(registry=registry, settings=settings) as connection:
        run = airquery.run(connection, asked(20, arguments=arguments))
        inline = connection.sql(asked(5, first=30, arguments=arguments)).fetchall()

    used = run.stats.prompt_tokens + run.stats.completion_tokens
    assert run.outcome == "budget_stopped"
    assert 24 <= used <= 30
    assert server.count == run.stats.sent
    assert all("a day of 'endpoint:llm'" in row[0]["errorMessage"] for row in inline)


def test_the_budget_of_a_run_and_that_of_the_day_both_hold(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    both = [Budget(requests=3), Budget(money=20.0, per_day="dag:reviews")]
    with connect(registry=registry_at(server), settings=settings) as connection:
        runs = [airquery.run(connection, asked(9, first=9 * n), budget=both) for n in range(3)]

    # Each costs 4, and is expected to cost 7.
    assert [run.stats.sent for run in runs] == [3, 1, 0]
    assert server.count == 4


def test_everything_that_is_sent_is_counted_failures_as_well_and_the_journals_answers_not(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    server.fail_when(lambda body: "row 3" in str(body), Reply(status=400))
    with connect(registry=registry_at(server), settings=settings) as connection:
        for _ in range(2):
            airquery.run(connection, asked(4), budget=Budget(per_day="dag:reviews"))
        airquery.run(connection, asked(1, arguments="cache => 'off'"))

    # The row that fails is asked twice.
    assert spent_today(settings) == [
        Spent("dag:reviews", "USD", 5, 12, 12.0),
        Spent(LLM, "USD", 6, 16, 16.0),
    ]


PROCESS = """
import json, sys
import airquery
from airquery.endpoints.endpoint import Endpoint, PerDay
from airquery.execute.budget import Budget
url, home, first = sys.argv[1:]
endpoint = Endpoint(name="llm", task="chat", base_url=url, model="m", per_day=PerDay(requests=12))
settings = airquery.Settings.read(home=home)
connection = airquery.connect(
    registry=airquery.Registry.from_mapping({"llm": endpoint}), settings=settings
)
run = airquery.run(connection, "SELECT ai_query('llm', 'row ' || (i + " + first + "),"
    " failOnError => false) AS a FROM range(8) AS t(i)")
print(json.dumps([run.stats.sent, run.outcome]))
"""


def test_another_process_goes_on_where_the_first_one_stopped(
    server: EndpointServer, tmp_path: Path
) -> None:
    def ran(first: int) -> object:
        command = [sys.executable, "-c", PROCESS, f"{server.url}/v1", str(tmp_path), str(first)]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    assert [ran(0), ran(8)] == [[8, "complete"], [4, "budget_stopped"]]
    assert server.count == 12


def ask_one(engine: Engine, endpoint: Endpoint, text: str) -> Result:
    statement = Statement()
    request = Request(endpoint=endpoint, input=text)
    engine.ask([request], statement, strict=False)
    for _ in range(100):
        if statement.wait_for({request.key}, timeout_s=0.1):
            break
    result = statement.known(request.key)
    assert result is not None
    return result


def test_what_others_spend_meanwhile_is_seen_and_midnight_begins_a_new_day(
    server: EndpointServer, tmp_path: Path
) -> None:
    clock = FakeClock(time=NOON)
    endpoint = server.endpoint("llm", per_day=PerDay(requests=5))
    engine = Engine(SqliteJournal(tmp_path / "journal.db"), clock=clock)
    ask_one(engine, endpoint, "first")
    with closing(SqliteJournal(tmp_path / "journal.db")) as other:
        other.spend(TODAY, [Spent(LLM, "USD", requests=4)], alone=True)
    sent = 1
    for number in range(20):
        clock.advance(REFRESH_S)
        if ask_one(engine, endpoint, f"row {number}").attempts == 0:
            break
        sent += 1
    before_midnight = ask_one(engine, endpoint, "late")
    clock.advance(DAY_S / 2)
    after_midnight = ask_one(engine, endpoint, "early")
    engine.close()

    # The figures are read beside what is asked, so that a few may pass until they are there.
    assert sent == server.count - 1 <= 5
    assert "on 2026-11-28 it has spent" in str(before_midnight.outcome)
    assert (before_midnight.attempts, after_midnight.attempts) == (0, 1)
    with closing(SqliteJournal(tmp_path / "journal.db")) as journal:
        assert journal.spent(TOMORROW) == [Spent(LLM, "USD", 1, 2)]


def test_a_day_knows_what_it_has_not_read_and_reads_once_a_second() -> None:
    days, statement = Days(), Statement()
    statement.per_day = (Budget(requests=2, per_day="a"), Budget(per_day="only counts"))

    assert not days.stale(0.0, TODAY)
    assert days.unread(statement, [EndpointServer().endpoint("llm")]) == {"a"}
    days.learn(TODAY, [Spent("a", "EUR", 1, 3, 0.5), Spent("b", "USD", 9)], {"a"})
    assert days.unread(statement, [EndpointServer().endpoint("llm")]) == set()
    assert days.account("a", TODAY) == Account(
        elsewhere=Amount(requests=1, tokens=3, money=0.5), currency="EUR", day=TODAY
    )
    assert [days.stale(now, TODAY) for now in (0.0, 0.9, 1.0, 1.5)] == [True, False, True, False]
    assert days.stale(1.6, TOMORROW)
    assert days.account("a", TOMORROW) == Account(day=TOMORROW)


def test_money_of_another_currency_is_not_added_to_a_days() -> None:
    account = Account()
    for currency in ("EUR", "USD", "EUR"):
        account.add(Amount(requests=1, money=1.0), currency)

    assert (account.currency, account.spent) == ("EUR", Amount(requests=3, money=2.0))


def test_what_is_in_flight_at_midnight_stays_reserved() -> None:
    spending = Spending(Budget(requests=1, per_day="a"), Account(day=TODAY))
    request = Request(endpoint=EndpointServer().endpoint("llm"), input="")
    amount = spending.expected(request)
    spending.reserve(request, amount)
    spending.account.begin(TOMORROW)

    assert spending.verdict(request, amount) == "wait"
    spending.account.settle(amount, Amount(), output_tokens=None)
    assert spending.verdict(request, amount) == "send"


def test_what_is_given_up_leaves_its_room_to_others() -> None:
    in_flight = InFlight()
    endpoint = EndpointServer().endpoint("llm", per_day=PerDay(requests=1))
    requests = [Request(endpoint=endpoint, input=text) for text in ("first", "second")]
    gone, other = Statement(), Statement()
    [first] = in_flight.join(requests[:1], gone, "reuse").values()
    [second] = in_flight.join(requests[1:], other, "reuse").values()

    assert [in_flight.admit(one, TODAY) for one in (first, second)] == ["send", "wait"]
    assert in_flight.leave(gone) == [first]
    assert in_flight.drop_unwanted([first])
    assert in_flight.admit(second, TODAY) == "send"


@pytest.mark.parametrize(
    ("budgets", "message"),
    [
        ([Budget(requests=1), Budget(tokens=1)], "two budgets for the run"),
        ([Budget(per_day="a"), Budget(per_day="a", tokens=1)], "two budgets a day of 'a'"),
        ([Budget(per_day="endpoint:llm", tokens=1)], "budget: {per_day: ...}' of the endpoint"),
    ],
)
def test_budgets_that_contradict_are_refused(
    budgets: list[Budget], message: str, settings: airquery.Settings, server: EndpointServer
) -> None:
    with (
        connect(registry=registry_at(server), settings=settings) as connection,
        pytest.raises(InvalidSetting, match=message),
    ):
        airquery.run(connection, "SELECT 1", budget=budgets)


@pytest.mark.parametrize("name", ["", " ", "a\nb"])
def test_a_day_without_a_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidSetting, match="is no name"):
        Budget(requests=1, per_day=name)
