"""PostgreSQL's types as Arrow's, by the numbers that its drivers tell of a result."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from airflow.sdk.exceptions import AirflowFailException


# A numeric without bounds: what has more digits is refused where it is met.
UNBOUNDED = pa.decimal128(38, 18)
_MOST_DIGITS = 38
_NUMERIC = 1700
_NUMERIC_ARRAY = 1231
_ONE: dict[int, pa.DataType] = {
    16: pa.bool_(),
    17: pa.binary(),
    18: pa.string(),
    19: pa.string(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    25: pa.string(),
    26: pa.int64(),
    114: pa.string(),
    700: pa.float32(),
    701: pa.float64(),
    1042: pa.string(),
    1043: pa.string(),
    1082: pa.date32(),
    1083: pa.time64("us"),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", tz="UTC"),
    2950: pa.string(),
    3802: pa.string(),
}
_ELEMENTS = {
    1000: 16,
    1001: 17,
    1005: 21,
    1007: 23,
    1009: 25,
    1015: 1043,
    1016: 20,
    1021: 700,
    1022: 701,
    1115: 1114,
    1182: 1082,
    1185: 1184,
    2951: 2950,
}


def arrow_type(column: Any) -> pa.DataType | None:
    """Return the Arrow type of a column of a cursor's description; None if it is not known."""
    name, number, _, _, precision, scale = tuple(column)[:6]
    if number == _NUMERIC:
        if precision is None or scale is None or precision > _MOST_DIGITS * 2:
            return UNBOUNDED
        if precision > _MOST_DIGITS:
            raise AirflowFailException(
                f"Column {name!r} is numeric({precision},{scale}), and at most {_MOST_DIGITS} "
                f"digits can be kept. Write CAST({name} AS text) in the query."
            )
        return pa.decimal128(precision, scale)
    if number == _NUMERIC_ARRAY:
        return pa.list_(UNBOUNDED)
    if number in _ELEMENTS:
        return pa.list_(_ONE[_ELEMENTS[number]])
    return _ONE.get(number)


def keep_json_as_text(driver: str, connection: Any) -> None:
    """Have JSON come as its text: read as Python's numbers, it would lose digits."""
    if driver == "psycopg":
        from psycopg.types.string import TextLoader  # noqa: PLC0415 - where the hook has it

        for name in ("json", "jsonb"):
            connection.adapters.register_loader(name, TextLoader)
    else:
        from psycopg2 import extras  # type: ignore[import-untyped]  # noqa: PLC0415 - no types

        for register in (extras.register_default_json, extras.register_default_jsonb):
            register(connection, loads=str)
