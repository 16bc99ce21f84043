"""Which days a backfill is of: what `--from` and `--to` mean, and how a day is called.

Airflow takes a day without a time for its first moment, so a range that ends on a day would leave
that day out, whose run is later. Here the last day is in it, to its last second.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from airquery.errors import ConfigurationError


if TYPE_CHECKING:
    from collections.abc import Mapping

_LAST_SECOND = time(23, 59, 59)


class InvalidDays(ConfigurationError):
    """`--from` and `--to` name no range of days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A range of time, with both of its ends in it."""

    first: datetime
    last: datetime

    @classmethod
    def read(cls, first: str, last: str, zone: tzinfo = UTC) -> Self:
        """Read the two options; a day is one of `zone`. Raises `InvalidDays`."""
        span = cls(
            first=_moment(first, "--from", time.min, zone),
            last=_moment(last, "--to", _LAST_SECOND, zone),
        )
        if span.first > span.last:
            raise InvalidDays(f"--from {first} is after --to {last}. Change them over.")
        return span

    def __str__(self) -> str:
        """Say it, in UTC."""
        return f"{moment_text(self.first)} to {moment_text(self.last)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What one run works on: a logical date, or a partition key where the DAG has those."""

    logical_date: datetime | None = None
    partition_key: str | None = None

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Self:
        """Take it from a run, or from a planned one, as the API tells them."""
        key = fields.get("partition_key")
        if key is not None:
            return cls(partition_key=str(key))
        return cls(logical_date=moment(fields.get("logical_date")))

    @property
    def in_order(self) -> tuple[float, str]:
        """Return what days are sorted by."""
        when = self.logical_date.timestamp() if self.logical_date else 0.0
        return when, self.partition_key or ""

    def __str__(self) -> str:
        """Name it, a logical date in UTC."""
        if self.logical_date is not None:
            return moment_text(self.logical_date)
        return self.partition_key or "without a date"


def moment(value: object) -> datetime | None:
    """Read a time of the API."""
    return None if value is None else datetime.fromisoformat(str(value)).astimezone(UTC)


def moment_text(when: datetime) -> str:
    """Say a time in UTC; seconds only where there are some."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S}".removesuffix(":00")


def zone_of(name: str | None) -> tzinfo:
    """Return a DAG's timezone, which has a name or is an offset. Raises `InvalidDays`."""
    try:
        if name is None or name == "UTC":
            return UTC
        if name[0] in "+-":
            return datetime.fromisoformat(f"2000-01-01T00:00{name}").tzinfo or UTC
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise InvalidDays(
            f"The DAG's timezone {name!r} is not known here. Write --from and --to with a time and "
            "an offset, such as 2026-11-01T00:00+00:00."
        ) from error


def _moment(text: str, option: str, of_a_day: time, zone: tzinfo) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), of_a_day, zone)
    except ValueError:
        pass
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidDays(
            f"{option} {text!r} is no day. Write 2026-11-01, or 2026-11-01T03:00 for a time."
        ) from None
    return when if when.tzinfo else when.replace(tzinfo=zone)
