"""What `--from` and `--to` mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from airquery_airflow.backfill.days import Day, InvalidDays, Span, zone_of


def test_the_last_day_is_in_the_range_to_its_last_second() -> None:
    assert Span.read("2026-11-01", "2026-11-01") == Span(
        first=datetime(2026, 11, 1, tzinfo=UTC), last=datetime(2026, 11, 1, 23, 59, 59, tzinfo=UTC)
    )


def test_a_day_is_one_of_the_dags_timezone() -> None:
    span = Span.read("2026-11-01", "2026-11-02", ZoneInfo("Europe/Berlin"))

    assert str(span) == "2026-10-31 23:00 to 2026-11-02 22:59:59"


def test_a_time_is_taken_as_it_is_written() -> None:
    span = Span.read("2026-11-01T03:00", "2026-11-01T05:00+02:00")

    assert span == Span(
        first=datetime(2026, 11, 1, 3, tzinfo=UTC), last=datetime(2026, 11, 1, 3, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-11-02", "2026-11-01", "--from 2026-11-02 is after --to 2026-11-01"),
        ("yesterday", "2026-11-01", "--from 'yesterday' is no day"),
        ("2026-11-01", "2026-02-30", "--to '2026-02-30' is no day"),
    ],
)
def test_what_is_no_range_is_refused_by_its_option(first: str, last: str, said: str) -> None:
    with pytest.raises(InvalidDays, match=said):
        Span.read(first, last)


def test_a_timezone_has_a_name_or_is_an_offset() -> None:
    assert zone_of("UTC") is zone_of(None) is UTC
    assert zone_of("Europe/Berlin") == ZoneInfo("Europe/Berlin")
    assert zone_of("+05:30") == timezone(timedelta(hours=5, minutes=30))
    with pytest.raises(InvalidDays, match="Mars/Olympus"):
        zone_of("Mars/Olympus")


def test_a_day_is_a_logical_date_or_a_partition() -> None:
    interval = Day.of({"logical_date": "2026-11-01T05:00:00+02:00", "partition_key": None})
    partition = Day.of({"logical_date": None, "partition_key": "2026-11-01"})

    assert (str(interval), str(partition)) == ("2026-11-01 03:00", "2026-11-01")
