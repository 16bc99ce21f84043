"""A column of text for DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa


if TYPE_CHECKING:
    from collections.abc import Sequence


def text_column(texts: Sequence[str | None]) -> pa.Array[Any]:
    """Return the texts as an Arrow array of strings.

    `pyarrow.array` would look whether they are a pandas object, and import pandas for that: a
    second or more, once a process.
    """
    builder = pa.lib.StringBuilder()
    builder.append_values(list(texts))
    return builder.finish()
