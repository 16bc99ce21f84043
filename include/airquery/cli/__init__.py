"""The command line: `airquery sql | plan | report | endpoints | serve | journal`, and those of other packages.

Start at `app.py`. A module here declares its options at import and loads what does the work only
when its command runs, so that `airquery --help` does not wait for it.
"""

from __future__ import annotations

from airquery.cli.app import main


__all__ = ["main"]
