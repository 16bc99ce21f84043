"""Records as JSON text and back. What a newer version wrote beside what is known is left out."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from airquery.errors import JournalError
from airquery.execute.ledger import EndpointUsage
from airquery.planning.estimate import Span
from airquery.records.record import (
    FailureClass,
    Moment,
    Origin,
    PlannedCost,
    RunRecord,
    SampleTable,
    TaskRecord,
)


if TYPE_CHECKING:
    from collections.abc import Mapping


_Made = TypeVar("_Made")


def to_json(record: RunRecord | TaskRecord) -> str:
    """Write a record. Raises `JournalError` for a text that is no Unicode."""
    try:
        return orjson.dumps(record, default=str).decode()
    except orjson.JSONEncodeError as problem:
        raise JournalError(f"The record {record.id} cannot be written: {problem}.") from problem


def run_of(text: str) -> RunRecord:
    """Read the record of a run."""
    value = orjson.loads(text)
    return _made(
        RunRecord,
        value,
        origin=_made(Origin, value["origin"]),
        usage=tuple(_made(EndpointUsage, one) for one in value["usage"]),
        failures=tuple(
            _made(FailureClass, one, samples=tuple(one["samples"])) for one in value["failures"]
        ),
        latencies_s={name: tuple(seconds) for name, seconds in value["latencies_s"].items()},
        throughput=tuple(_made(Moment, one) for one in value["throughput"]),
        estimate=tuple(_planned(one) for one in value["estimate"]),
        notes=tuple(value["notes"]),
    )


def task_of(text: str) -> TaskRecord:
    """Read the record of a task."""
    value = orjson.loads(text)
    return _made(
        TaskRecord,
        value,
        origin=_made(Origin, value["origin"]),
        runs=tuple(value["runs"]),
        tables=tuple(
            _made(
                SampleTable,
                one,
                columns=tuple(one["columns"]),
                rows=tuple(map(tuple, one["rows"])),
            )
            for one in value["tables"]
        ),
    )


def _planned(value: Mapping[str, Any]) -> PlannedCost:
    price = value["price"]
    return _made(
        PlannedCost,
        value,
        input_tokens=_made(Span, value["input_tokens"]),
        output_tokens=_made(Span, value["output_tokens"]),
        price=None if price is None else _made(Span, price),
    )


def _made(kind: type[_Made], value: Mapping[str, Any], **read: Any) -> _Made:
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]  # all are dataclasses
    return kind(**{name: value[name] for name in names & value.keys()} | read)
