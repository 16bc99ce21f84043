"""An endpoint and its clients, simulated on a clock of their own, for what decides and has no clock.

A client does what a lane does: it starts requests in bursts, looks at replies in between, and puts
a refused request aside for as long as the refusal says. `python -m tests.execute.simulated_endpoint`
prints what the controller makes of each kind of endpoint.
"""

from __future__ import annotations

import heapq
import math
import random
import sys
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from airquery.execute.concurrency import Concurrency


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEDIAN_S: Final = 0.2
SIGMA: Final = 0.6
BURST: Final = 16
# From the client to the server and back.
NETWORK_S: Final = 0.002
MEAN_S: Final = MEDIAN_S * math.exp(SIGMA**2 / 2)


@dataclass
class Endpoint:
    """What it takes: `capacity` at once, `slots` of which are worked on, `per_minute` in all."""

    capacity: Callable[[float], int] = lambda _: 1_000_000
    slots: int = 1_000_000
    fault_share: float = 0.0
    per_minute: int | None = None
    retry_after_s: float | None = 1.0
    inside: int = 0
    free_at: list[float] = field(default_factory=list)
    let_in: deque[float] = field(default_factory=deque)

    def refuses(self, now: float) -> bool:
        while self.let_in and self.let_in[0] <= now - 60:
            self.let_in.popleft()
        full = self.per_minute is not None and len(self.let_in) >= self.per_minute
        return full or self.inside >= self.capacity(now)

    def done_at(self, now: float, latency_s: float) -> float:
        """Take a request, and say when its answer is ready."""
        self.inside += 1
        self.let_in.append(now)
        if len(self.free_at) < self.slots:
            heapq.heappush(self.free_at, now + latency_s)
            return now + latency_s
        begin = max(now, heapq.heappop(self.free_at))
        heapq.heappush(self.free_at, begin + latency_s)
        return begin + latency_s


@dataclass
class Client:
    """One process with `rows` to ask from the moment `begins`."""

    controller: Concurrency
    rows: int
    begins: float = 0.0
    sent: int = 0
    refused: int = 0
    faults: int = 0
    answered: int = 0
    out: int = 0
    waiting: int = 0
    ended_at: float = 0.0
    answers: list[float] = field(default_factory=list)


class Simulation:
    """Lets clients ask an endpoint until all rows are answered, or until a moment."""

    def __init__(self, endpoint: Endpoint, clients: list[Client], *, seed: int) -> None:
        self.endpoint = endpoint
        self.clients = clients
        self.now = 0.0
        self.most_out = 0
        self._dice = random.Random(seed)  # noqa: S311
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = 0
        for client in clients:
            client.waiting = client.rows
            self._at(client.begins, partial(self._pump, client))

    def run(self, until: float = math.inf) -> float:
        """Return the moment at which it ended."""
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()
            self.most_out = max(self.most_out, self.clients[0].out)
        return self.now

    def _at(self, moment: float, event: Callable[[], None]) -> None:
        self._numbers += 1
        heapq.heappush(self._events, (moment, self._numbers, event))

    def _pump(self, client: Client) -> None:
        controller, started = client.controller, 0
        while client.waiting and client.out < controller.limit:
            if controller.paused_until > self.now:
                self._at(controller.paused_until, lambda: self._pump(client))
                return
            if started == BURST:
                self._at(self.now + NETWORK_S, lambda: self._pump(client))
                return
            client.waiting -= 1
            client.out += 1
            client.sent += 1
            started += 1
            sent_at = self.now
            self._at(self.now + NETWORK_S / 2, partial(self._arrive, client, sent_at))

    def _arrive(self, client: Client, sent_at: float) -> None:
        endpoint = self.endpoint
        if endpoint.refuses(self.now):
            self._at(self.now + NETWORK_S / 2, lambda: self._refuse(client, sent_at))
            return
        latency_s = MEDIAN_S * math.exp(self._dice.gauss(0, SIGMA))
        fault = self._dice.random() < endpoint.fault_share
        done = endpoint.done_at(self.now, 0.01 if fault else latency_s)
        self._at(done + NETWORK_S / 2, lambda: self._reply(client, sent_at, fault=fault))

    def _refuse(self, client: Client, sent_at: float) -> None:
        client.out -= 1
        client.refused += 1
        wait_s = self.endpoint.retry_after_s
        client.controller.rejected(
            self.now, sent_at=sent_at, in_flight=client.out, retry_after_s=wait_s
        )
        self._again(client, (0.5 if wait_s is None else wait_s) * (1 + self._dice.random() / 10))

    def _reply(self, client: Client, sent_at: float, *, fault: bool) -> None:
        self.endpoint.inside -= 1
        client.out -= 1
        if fault:
            client.faults += 1
            client.controller.faulted(self.now, sent_at=sent_at, in_flight=client.out)
            self._again(client, 0.5)
            return
        client.answered += 1
        client.answers.append(self.now)
        client.ended_at = self.now
        wanted = client.waiting >= client.controller.limit
        client.controller.answered(self.now, sent_at=sent_at, in_flight=client.out if wanted else 0)
        self._pump(client)

    def _again(self, client: Client, wait_s: float) -> None:
        def ready() -> None:
            client.waiting += 1
            self._pump(client)

        self._at(self.now + wait_s, ready)
        self._pump(client)


def one_client(
    endpoint: Endpoint, controller: Concurrency, rows: int, *, seed: int = 1
) -> tuple[Client, float]:
    """Return a client when all its rows are answered, and how long that took."""
    client = Client(controller, rows)
    seconds = Simulation(endpoint, [client], seed=seed).run()
    return client, seconds


def shares(begins: list[float], *, capacity: int, until: float, seed: int) -> list[float]:
    """Return the throughput of clients that never run out of rows, each over its fair share.

    The first three seconds after the last one came are not counted.
    """
    clients = [Client(Concurrency(), 1_000_000, begins=at) for at in begins]
    Simulation(Endpoint(lambda _: capacity), clients, seed=seed).run(until)
    since = max(begins) + 3.0
    fair = (until - since) * capacity / (MEAN_S + NETWORK_S) / len(clients)
    return [sum(at > since for at in client.answers) / fair for client in clients]


def _table() -> Iterator[str]:
    yield (f"{'endpoint':24} {'client':10} {'ratio':>6} {'requests/row':>12} {'limit':>6}")
    kinds: list[tuple[str, Callable[[], Endpoint], int, int]] = [
        ("256 at once", lambda: Endpoint(lambda _: 256), 20_000, 256),
        ("64 at once", lambda: Endpoint(lambda _: 64), 5_000, 64),
        ("8 at once", lambda: Endpoint(lambda _: 8), 1_000, 8),
        ("2 slots and a queue", lambda: Endpoint(slots=2), 200, 2),
        ("64 slots and a queue", lambda: Endpoint(slots=64), 5_000, 64),
        ("64 at once, 2 % faults", lambda: Endpoint(lambda _: 64, fault_share=0.02), 2_000, 64),
    ]
    for name, make, rows, best in kinds:
        _, known_s = one_client(make(), Concurrency(told=best), rows)
        for client, controller in (
            ("adaptive", Concurrency()),
            ("told twice", Concurrency(told=2 * best)),
        ):
            found, seconds = one_client(make(), controller, rows)
            yield (
                f"{name:24} {client:10} {seconds / known_s:6.3f} {found.sent / rows:12.4f} "
                f"{controller.limit:6}"
            )
    yield (
        "\nfour clients of an endpoint that takes 64: throughput over the fair share, and in all"
    )
    for title, begins in (
        ("at once", [0.0] * 4),
        ("within half a second", [0.0, 0.17, 0.33, 0.5]),
        ("one after another", [0.0, 1.7, 3.3, 5.0]),
    ):
        for seed in range(3):
            them = shares(begins, capacity=64, until=20.0, seed=seed)
            yield (f"{title:24} {' '.join(f'{one:.2f}' for one in them)}  {sum(them) / 4:.2f}")


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in _table())
