"""Read what a custom model is asked: rows of one text column, in either of two formats.

What cannot be read is refused as a whole, with a message that says what would be taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


TEXT_COLUMN: Final = "text"
# The lexicon's time grows with the square of the length in the worst case, the entity
# model's with the length: about 3 s for this much.
LONGEST_TEXT: Final = 30_000


def read_texts(body: Mapping[str, Any]) -> list[str]:
    """Return the texts of a request. Raises `ValueError` with a message for its sender."""
    given = {"dataframe_split", "dataframe_records"} & body.keys()
    if given == {"dataframe_split"}:
        cells = _split_cells(body["dataframe_split"])
    elif given == {"dataframe_records"}:
        cells = _record_cells(body["dataframe_records"])
    else:
        raise ValueError(
            'Send either {"dataframe_split": {"columns": ["text"], "data": [["..."]]}} or '
            '{"dataframe_records": [{"text": "..."}]}.'
        )
    for row, cell in enumerate(cells):
        if not isinstance(cell, str):
            problem = f"the text must be a string, not {_json_type(cell)}"
            raise ValueError(f"Row {row}: {problem}.")  # noqa: TRY004 - one kind of refusal
        if len(cell) > LONGEST_TEXT:
            raise ValueError(
                f"Row {row}: the text has {len(cell)} characters; {LONGEST_TEXT} are taken."
            )
    return cells


def _split_cells(frame: Any) -> list[Any]:
    match frame:
        case {"columns": [*columns], "data": [*rows]}:
            place = columns.index(_text_column(columns))
        case _:
            raise ValueError('dataframe_split must be {"columns": [...], "data": [[...]]}.')
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            raise ValueError(f"Row {number}: must be a list of {len(columns)} values.")
    return [row[place] for row in rows]


def _record_cells(records: Any) -> list[Any]:
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise ValueError('dataframe_records must be a list of objects: [{"text": "..."}].')
    if not records:
        return []
    column = _text_column(list(dict.fromkeys(name for record in records for name in record)))
    for number, record in enumerate(records):
        if column not in record:
            raise ValueError(f"Row {number}: has no {column!r}.")
    return [record[column] for record in records]


def _text_column(columns: Sequence[Any]) -> Any:
    if len(columns) == 1:
        return columns[0]
    if columns.count(TEXT_COLUMN) == 1:
        return TEXT_COLUMN
    raise ValueError(
        f"The model reads one column: the only one, or the one named {TEXT_COLUMN!r}. "
        f"Columns sent: {', '.join(map(str, columns)) or 'none'}."
    )


def _json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case _:
            return "a list" if isinstance(value, list) else "an object"
