"""Render one page about one run as one HTML file.

Everything on the page is data: prompts, answers and names are untrusted and are escaped, all of
them, by the template engine. The file refers to nothing outside of itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from airquery.report.strip import StripPlot, strip_plot
from airquery.report.throughput import Rate, ThroughputPlot, throughput_plot


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import jinja2


Cell: TypeAlias = str | int | None

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The head of a column; numbers stand at its right edge."""

    name: str
    numeric: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under a caption. `note` says what the table leaves out."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One share, from 0 to 1, with the words for it."""

    label: str
    share: float
    text: str

    @property
    def percent(self) -> str:
        """Return the length of the bar in a box that is 100 wide, whatever the share is."""
        return f"{100 * min(max(self.share, 0.0), 1.0):.1f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Shares to compare. `note` says what they mean."""

    kind: ClassVar[str] = "bars"
    caption: str
    bars: Sequence[Bar]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """How long each answer took, in seconds, by endpoint.

    `counts` say of how many answers they are, where they are only some of them.
    """

    kind: ClassVar[str] = "latencies"
    caption: str
    seconds: Mapping[str, Sequence[float]]
    counts: Mapping[str, int] = field(default_factory=dict)
    note: str = ""

    @property
    def plot(self) -> StripPlot:
        """Return where everything is drawn."""
        return strip_plot(self.seconds, counts=self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """How many requests ended as time went by, and how many of them failed."""

    kind: ClassVar[str] = "throughput"
    caption: str
    rates: Sequence[Rate]
    note: str = ""

    @property
    def plot(self) -> ThroughputPlot:
        """Return where everything is drawn."""
        return throughput_plot(self.rates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure with its name, and in small words what it is made of."""

    label: str
    value: str
    detail: str = ""
    tone: Literal["", "good", "bad"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a reader wants to know first."""

    kind: ClassVar[str] = "figures"
    caption: str
    figures: Sequence[Figure]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """A section that has nothing to show, and says so."""

    kind: ClassVar[str] = "nothing"
    caption: str
    note: str


Section: TypeAlias = Table | Bars | Latencies | Throughput | Figures | Nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is said about one run, in the order it is said."""

    title: str
    lead: Sequence[str]
    sections: Sequence[Section]
    notes: Sequence[str] = ()
    attributions: Sequence[str] = ()


def environment(*more: Path) -> jinja2.Environment:
    """Return what renders our templates, and those of more folders; all that is data is escaped."""
    import jinja2

    return jinja2.Environment(
        autoescape=True,
        loader=jinja2.FileSystemLoader([*more, TEMPLATES]),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def render(page: Page) -> str:
    """Return the page as HTML."""
    return environment().get_template("run.html.j2").render(page=page)


def write_page(page: Page, file: Path) -> None:
    """Write the page to a file, in place of what was there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(render(page), encoding="utf-8")
