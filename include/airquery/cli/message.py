"""What is said on stderr about an error: one red line, without control characters.

What a server or a model wrote may be part of a message, so nothing of it reaches the terminal as a
command.
"""

from __future__ import annotations

import re

from airquery.errors import AirqueryError


_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def say_error(message: str) -> None:
    """Write a message to stderr, its first line in red."""
    from rich.console import Console  # noqa: PLC0415 - most commands say no error
    from rich.text import Text  # noqa: PLC0415

    first, *more = harmless(message).splitlines() or [""]
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text(f"airquery: {first}", style="red"))
    for line in more:
        console.print(Text(line))


def error_message(error: Exception) -> str:
    """Say an error: what was expected to happen by itself, anything else as what it is."""
    # DuckDB takes a tenth of a second to load, and has been if the error is one of its own.
    import duckdb  # noqa: PLC0415

    if isinstance(error, AirqueryError):
        return " ".join(str(error).split())
    if isinstance(error, duckdb.Error):
        return _duckdb_message(str(error))
    if isinstance(error, OSError) and error.strerror:
        about = "" if error.filename is None else f"{error.filename}: "
        return f"{about}{error.strerror}."
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return f"unexpected {said.rstrip('.')}. Run it again with --debug to see where."


def harmless(text: str) -> str:
    """Return a text whose control characters are shown, except tab and line break."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def _duckdb_message(text: str) -> str:
    """Put what DuckDB says on one line; the line of SQL that it points into stays below it."""
    said, marker, place = text.partition("\nLINE ")
    return " ".join(said.split()) + marker + place
