"""The controller against simulated endpoints: what it finds, what it costs, and what it leaves alone."""

from __future__ import annotations

import pytest

from airquery.execute.concurrency import FEWEST_TO_TELL, LONGEST_PAUSE_S, START, Concurrency
from tests.execute.simulated_endpoint import (
    MEAN_S,
    Client,
    Endpoint,
    Simulation,
    one_client,
    shares,
)


def known(capacity: int, rows: int, **fields: object) -> float:
    """Return how long most of it takes who knows what the endpoint takes."""
    endpoint = Endpoint(lambda _: capacity, **fields)  # type: ignore[arg-type]
    return most_of(one_client(endpoint, Concurrency(told=capacity), rows)[0])


def most_of(client: Client) -> float:
    """Return when nine tenths were answered: how long the last take is luck."""
    return client.answers[9 * len(client.answers) // 10]


@pytest.mark.parametrize(("capacity", "rows", "refused"), [(256, 8000, 0.002), (64, 3000, 0.01)])
def test_told_nothing_it_soon_finds_what_an_endpoint_takes(
    capacity: int, rows: int, refused: float
) -> None:
    client, _ = one_client(Endpoint(lambda _: capacity), Concurrency(), rows)

    assert client.answered == rows
    # The search costs the time of some answers, whatever the number of rows.
    assert most_of(client) < known(capacity, rows) * 1.04 + 0.7
    assert client.refused < refused * rows


@pytest.mark.parametrize("capacity", [64, 256])
def test_told_twice_too_much_it_comes_down_at_once(capacity: int) -> None:
    client, _ = one_client(Endpoint(lambda _: capacity), Concurrency(told=2 * capacity), 3000)

    assert client.answered == 3000
    assert most_of(client) < 1.05 * known(capacity, 3000)
    assert client.refused < 60


def test_what_it_is_told_it_never_exceeds() -> None:
    simulation = Simulation(Endpoint(), [Client(Concurrency(told=10), 500)], seed=1)
    simulation.run()

    assert simulation.most_out == 10


@pytest.mark.parametrize("slots", [2, 48])
def test_where_more_brings_nothing_it_stops_growing(slots: int) -> None:
    controller = Concurrency()
    client = Client(controller, 1_000_000)
    Simulation(Endpoint(slots=slots), [client], seed=1).run(30.0)

    assert controller.limit < 8 * max(slots, FEWEST_TO_TELL)
    assert client.answered > 0.9 * 30.0 * slots / MEAN_S


def test_it_does_not_grow_while_answers_are_slow_for_their_timeout() -> None:
    controller = Concurrency(timeout_s=0.2)
    one_client(Endpoint(), controller, 500)

    # Only what took less than a quarter of that let it grow.
    assert controller.limit < 4 * START


def test_slow_answers_are_no_overload() -> None:
    controller = Concurrency(told=50)
    for i in range(1000):
        controller.answered(float(i), sent_at=i - 100.0, in_flight=49)

    assert controller.limit == 50


def test_a_few_faults_change_nothing() -> None:
    client, _ = one_client(Endpoint(lambda _: 64, fault_share=0.02), Concurrency(told=64), 2000)

    assert client.faults > 20
    assert client.controller.limit >= 60
    assert most_of(client) < 1.1 * known(64, 2000)


def test_many_faults_are_overload() -> None:
    controller = Concurrency(told=128)
    Simulation(Endpoint(fault_share=0.5), [Client(controller, 20_000)], seed=1).run(3.0)

    assert controller.limit < 64


@pytest.mark.parametrize("retry_after_s", [1.0, 20.0, None])
def test_an_endpoint_that_refuses_everything_is_asked_now_and_then(
    retry_after_s: float | None,
) -> None:
    client = Client(Concurrency(), 2000)
    Simulation(Endpoint(lambda _: 0, retry_after_s=retry_after_s), [client], seed=1).run(300.0)

    assert client.answered == 0
    assert client.sent < 300 / (retry_after_s or LONGEST_PAUSE_S) + 2 * START


def test_after_a_pause_one_request_tries_it() -> None:
    controller = Concurrency()
    controller.rejected(10.0, sent_at=9.9, in_flight=0, retry_after_s=7.0)

    assert (controller.limit, controller.paused_until) == (1, 17.0)


@pytest.mark.parametrize(("before", "after"), [(256, 64), (64, 256)])
def test_it_follows_an_endpoint_whose_capacity_changes(before: int, after: int) -> None:
    client = Client(Concurrency(), 1_000_000)
    Simulation(Endpoint(lambda now: before if now < 10.0 else after), [client], seed=1).run(25.0)

    late = sum(at > 17.0 for at in client.answers)
    assert late > 0.9 * 8.0 * after / MEAN_S
    assert client.refused < 0.02 * client.sent


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("begins", [[0.0, 0.17, 0.33, 0.5], [0.0, 1.7, 3.3, 5.0]])
def test_four_clients_come_to_equal_shares_and_waste_little(begins: list[float], seed: int) -> None:
    found = shares(begins, capacity=64, until=20.0, seed=seed)

    assert sum(found) / 4 > 0.9
    assert max(found) < 2.0
    assert min(found) > 0.5
