"""`python -m airquery.cli`: the command, where it is not installed."""

from __future__ import annotations

from airquery.cli.app import main


if __name__ == "__main__":
    main()
