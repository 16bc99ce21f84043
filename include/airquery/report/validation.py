"""The section of a page about validations: every expectation, what it found, and its trend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.report.page import Column, Table


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.quality.history import Reading, Share


def validation_table(readings: Sequence[Reading]) -> Table:
    """Show the newest results; a trend goes from the oldest of the last partitions to the newest."""
    return Table(
        caption="Validation",
        columns=[
            Column(name="table"),
            Column(name="partition"),
            Column(name="expectation"),
            Column(name="column"),
            Column(name="severity"),
            Column(name="result"),
            Column(name="observed"),
            Column(name="failing", numeric=True),
            Column(name="trend"),
        ],
        rows=[
            [
                one.table,
                one.partition,
                one.expectation,
                one.column,
                one.severity,
                "holds" if one.success else "does not hold",
                one.observed,
                _failing(one),
                " → ".join(map(_share, one.trend)),
            ]
            for one in readings
        ],
        note="The newest partition of each table. The trend is the share of failing rows, or "
        "whether the expectation held, in the last partitions.",
    )


def _failing(one: Reading) -> str | None:
    if one.unexpected_count is None:
        return None
    if one.unexpected_percent is None:
        return f"{one.unexpected_count:,}"
    return f"{one.unexpected_count:,} ({one.unexpected_percent:.1f} %)"


def _share(share: Share) -> str:
    if share.percent is None:
        return "holds" if share.success else "does not hold"
    return f"{share.percent:.1f} %"
