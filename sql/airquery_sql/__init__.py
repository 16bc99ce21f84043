"""Read the SQL text that airquery ships, by its name in this package.

A name is a path with forward slashes, as in `functions/ai_classify.sql`. The text is returned as it
stands: nothing is substituted here.
"""

from __future__ import annotations

from importlib.resources import files


__all__ = ["names", "read"]


def read(name: str) -> str:
    """Return the text of the SQL file called `name`."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def names(folder: str) -> list[str]:
    """Name every SQL file directly in `folder`, sorted, as `read` takes them."""
    found = (entry.name for entry in files(__name__).joinpath(folder).iterdir())
    return sorted(f"{folder}/{name}" for name in found if name.endswith(".sql"))
