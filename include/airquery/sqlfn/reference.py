"""The reference of the SQL functions, as Markdown, from what their macro files declare.

`make docs` writes it: `python -m airquery.sqlfn.reference docs/reference/functions.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airquery.sqlfn.functions import functions


if TYPE_CHECKING:
    from airquery.sqlfn.functions import Argument, Function


_HEAD = """# Functions

Written by `make docs` from `sql/airquery_sql/functions`, where the prompts stand: edit there.

By name or by position, in any case; a constant cannot depend on the row, and what is wrong with one is said
before the first request. `airquery functions NAME` shows one of them. [ai_query.md](ai_query.md) says how calls are
executed and what their errors are; [endpoints.md](endpoints.md) how a function gets its default endpoint.

| Function | |
|---|---|
"""


def reference() -> str:
    """Return the page of all functions, in alphabetical order."""
    known = [functions()[name] for name in sorted(functions())]
    rows = "".join(f"| [`{one.name}`](#{one.name}) | {_cell(one.headline)} |\n" for one in known)
    return _HEAD + rows + "".join(_section(one) for one in known)


def _section(function: Function) -> str:
    lines = ["", f"## {function.name}", "", function.summary, ""]
    lines += ["```text", _wrapped(function), "```", ""]
    lines += ["| Argument | Type | |", "|---|---|---|"]
    lines += [_row(one) for one in function.arguments]
    lines += ["", f"Returns {function.returns}"]
    return "\n".join(lines) + "\n"


def _row(argument: Argument) -> str:
    kind = f"{argument.kind}, constant" if argument.constant else argument.kind
    return f"| `{argument.name}` | {_cell(kind)} | {_cell(argument.meaning)} |"


def _wrapped(function: Function) -> str:
    """Write a signature with its optional arguments on lines of their own."""
    required = ", ".join(function.required)
    optional = [f"{one.name} => {one.default}" for one in function.arguments if one.default]
    inner = ",\n  ".join([required, *optional])
    return f"{function.name}({inner})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
