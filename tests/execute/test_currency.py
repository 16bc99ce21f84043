"""A run says its price in the currency of what it paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import airquery
from airquery.endpoints.endpoint import Price


if TYPE_CHECKING:
    from airquery.testing import EndpointServer

PAID = Price(input_per_million=1.0, output_per_million=1.0, currency="EUR")
QUERY = (
    "SELECT ai_query('paid', 'hello ' || n), ai_query('free', 'hello ' || n) FROM range(4) AS t(n)"
)


def test_the_currency_is_that_of_what_costs_also_beside_what_is_free(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    endpoints = {
        "paid": server.endpoint("paid", model="paid", price=PAID),
        "free": server.endpoint("free", model="free"),
    }
    registry = airquery.Registry.from_mapping(endpoints)

    with airquery.connect(registry=registry, settings=settings) as connection:
        run = airquery.run(connection, QUERY).stats
        again = airquery.run(connection, "SELECT ai_query('paid', 'hello ' || 1)").stats

    assert (run.sent, run.price > 0, run.currency) == (8, True, "EUR")
    assert (again.from_journal, again.price, again.currency) == (1, 0.0, "EUR")
