"""How the columns of rows differ from those of the table that they shall go into.

Names are compared without case, and types as the table would store them: what is the same there is
no change. A column of nothing but NULL has no type, and fits any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airquery.quoting import quoted


if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """One column that is new, missing, or of another type than before."""

    column: str
    kind: Literal["new", "missing", "type"]
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        """Say it, and what mends it in a SELECT."""
        name = quoted(self.column)
        match self.kind:
            case "new":
                return f"column {self.column!r} is new ({self.after}); leave it out of sql"
            case "missing":
                return (
                    f"column {self.column!r} ({self.before}) is missing; "
                    f"select CAST(NULL AS {self.before}) AS {name}"
                )
            case "type":
                return (
                    f"column {self.column!r} was {self.before} and is {self.after}; "
                    f"select CAST({name} AS {self.before}) AS {name}"
                )


def changes(held: Mapping[str, str], given: Mapping[str, str | None]) -> tuple[SchemaChange, ...]:
    """Compare columns and their types, in the order of the rows and then of the table.

    `None` is the type of a column without a value.
    """
    before = {name.lower(): kind for name, kind in held.items()}
    found: list[SchemaChange] = []
    for name, kind in given.items():
        old = before.pop(name.lower(), None)
        if old is None:
            found.append(SchemaChange(column=name, kind="new", after=kind or "no type yet"))
        elif kind not in {None, old}:
            found.append(SchemaChange(column=name, kind="type", before=old, after=kind))
    spelled = {name.lower(): name for name in held}
    missing = (
        SchemaChange(column=spelled[name], kind="missing", before=kind)
        for name, kind in before.items()
    )
    return (*found, *missing)
