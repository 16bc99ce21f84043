"""Bar charts as SVG, written by hand so that a benchmark needs no plotting package."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape


if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, LABELS, BAR, GAP, TOP = 720, 220, 18, 8, 48
FONT = 'font-family="system-ui, sans-serif" font-size="13"'
COLOURS = {True: "#d97706", False: "#64748b"}


def bars(title: str, values: Sequence[tuple[str, float]], *, marked: str, unit: str) -> str:
    """Draw a horizontal bar for each value, those whose name begins with `marked` in colour."""
    height = TOP + len(values) * (BAR + GAP) + GAP
    longest = max((value for _, value in values), default=1.0) or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" {FONT}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="28" font-size="15" font-weight="600" fill="#0f172a">{escape(title)}</text>',
    ]
    for number, (name, value) in enumerate(values):
        y = TOP + number * (BAR + GAP)
        length = (WIDTH - LABELS - 90) * value / longest
        middle = y + BAR * 0.75
        colour = COLOURS[name.startswith(marked)]
        parts += [
            f'<text x="{LABELS - 8}" y="{middle:.1f}" text-anchor="end" fill="#0f172a">{escape(name)}</text>',
            f'<rect x="{LABELS}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>',
            f'<text x="{LABELS + length + 6:.1f}" y="{middle:.1f}" fill="#0f172a">{value:.2f}{escape(unit)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
