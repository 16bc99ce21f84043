"""Whether a file has the columns that were declared for it.

DuckDB takes declared columns by their place in a CSV, whatever its header says, and drops keys of
JSON that are not declared: a provider's change would go into the wrong column, or nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def check_header(file: str, found: Sequence[str], columns: Mapping[str, str]) -> None:
    """Refuse a CSV whose header is not the declared columns, in their order."""
    if [name.strip().lower() for name in found] == [name.lower() for name in columns]:
        return
    raise AirflowFailException(
        f"File {file!r} has the columns {', '.join(found)}, and declared are "
        f"{', '.join(columns)}{_difference(found, columns)}. Declare them as they are in the "
        "file and rename them in sql. Nothing was written."
    )


def check_keys(file: str, found: Sequence[str], columns: Mapping[str, str]) -> None:
    """Refuse JSON with keys that are not declared; a key may be missing, and is NULL then."""
    declared = {name.lower() for name in columns}
    unknown = [name for name in found if name.lower() not in declared]
    if unknown:
        raise AirflowFailException(
            f"File {file!r} has keys that are not declared: {', '.join(map(repr, unknown))}. "
            "Declare them in columns, and leave them out in sql if they are not wanted. "
            "Nothing was written."
        )


def _difference(found: Sequence[str], columns: Mapping[str, str]) -> str:
    declared = {name.lower() for name in columns}
    there = {name.strip().lower() for name in found}
    new = [name for name in found if name.strip().lower() not in declared]
    missing = [name for name in columns if name.lower() not in there]
    said = [f"new: {', '.join(new)}"] if new else []
    said += [f"missing: {', '.join(missing)}"] if missing else []
    return f" ({'; '.join(said) or 'the same in another order'})"
