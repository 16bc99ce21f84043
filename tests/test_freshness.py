"""Where freshness is wanted, old answers and those of another name are asked again."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.connection import connect
from airquery.errors import InvalidSetting
from airquery.freshness import Freshness


if TYPE_CHECKING:
    from pathlib import Path

    from airquery.testing import EndpointServer

TWICE = "SELECT ai_query('llm', 'row ' || i % 5) AS a FROM range(10) AS t(i)"


def asked(server: EndpointServer, home: Path, sql: str = TWICE, **given: str) -> airquery.Run:
    """Run a statement as a process with these settings would."""
    registry = airquery.Registry.from_mapping({"llm": server.endpoint("llm")})
    settings = airquery.Settings.read(home=home, **given)
    with connect(registry=registry, settings=settings) as connection:
        return airquery.run(connection, sql)


def make_older(home: Path, *, by_s: float) -> None:
    with closing(sqlite3.connect(home / "journal.db", isolation_level=None)) as journal:
        journal.execute("UPDATE answer SET created_at = created_at - ?", (by_s,))


def test_what_was_answered_too_long_ago_is_asked_again_once(
    server: EndpointServer, tmp_path: Path
) -> None:
    before = asked(server, tmp_path)
    make_older(tmp_path, by_s=3600)
    assert asked(server, tmp_path, cache_max_age="2h").stats.sent == 0
    again = asked(server, tmp_path, cache_max_age="30m")
    after = asked(server, tmp_path, cache_max_age="30m")

    assert (before.stats.sent, again.stats.sent, after.stats.sent) == (5, 5, 0)
    assert again.table == before.table
    assert server.count == 10


def test_an_inline_statement_has_the_same_age_limit(server: EndpointServer, tmp_path: Path) -> None:
    asked(server, tmp_path)
    make_older(tmp_path, by_s=3600)
    registry = airquery.Registry.from_mapping({"llm": server.endpoint("llm")})
    settings = airquery.Settings.read(home=tmp_path, cache_max_age="30m")
    with connect(registry=registry, settings=settings) as connection:
        connection.sql(TWICE).fetchall()
        connection.sql(TWICE).fetchall()

    assert server.count == 10


def test_a_namespace_begins_anew_and_pays_once_under_its_name(
    server: EndpointServer, tmp_path: Path
) -> None:
    names = ("2026-W48", "2026-W48", "2026-W49")
    asked(server, tmp_path)
    sent = [asked(server, tmp_path, cache_namespace=name).stats.sent for name in names]

    assert sent == [5, 0, 5]
    assert asked(server, tmp_path).stats.sent == 0
    assert server.count == 15


def test_a_plan_counts_what_is_fresh_enough(server: EndpointServer, tmp_path: Path) -> None:
    asked(server, tmp_path)
    make_older(tmp_path, by_s=3600)
    registry = airquery.Registry.from_mapping({"llm": server.endpoint("llm")})
    new = []
    for given in ({}, {"cache_max_age": "30m"}, {"cache_namespace": "w"}):
        settings = airquery.Settings.read(home=tmp_path, **given)
        with connect(registry=registry, settings=settings) as connection:
            new.append(airquery.plan(connection, TWICE).new)

    assert new == [0, 5, 5]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cache_max_age": "30 days"}, "AIRQUERY_CACHE_MAX_AGE wants an age such as 30d or 12h"),
        ({"cache_namespace": "a\nb"}, "AIRQUERY_CACHE_NAMESPACE must be a name of 1 to 200"),
    ],
)
def test_a_setting_that_is_none_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidSetting, match=re.escape(said)):
        airquery.Settings.read(**given)


def test_without_a_setting_every_answer_is_fresh() -> None:
    assert airquery.Settings.read().freshness() == Freshness()
    settings = airquery.Settings.read(cache_max_age="2h", cache_namespace=" a ")
    assert settings.freshness() == Freshness(max_age_s=7200.0, namespace="a")
