"""The demo's page: its figures, how good the answers are, how long they took, what they look like."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airquery.quality import latest
from airquery.report import (
    Bar,
    Bars,
    Column,
    Latencies,
    Page,
    Table,
    validation_table,
    write_page,
)
from airquery.warehouse import Warehouse
from airquery_airflow.demo_figures import percent, rows_of


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airquery_airflow.demo_figures import Evaluation, Pass


ANSWERS = "SELECT endpoint, latency_s FROM answer ORDER BY endpoint"
SHOWN_ROWS = 10
ATTRIBUTIONS = (
    (
        "Opinions: SmolLM2-135M-Instruct by Hugging Face TB, Apache License 2.0, served by llama.cpp "
        "(MIT License, the ggml authors) through xllamacpp (MIT License, Shakeeb Alireza)."
    ),
    (
        "Baseline: VADER (MIT License, C.J. Hutto). Hutto, C.J. & Gilbert, E.E. (2014). VADER: A "
        "Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text. ICWSM-14."
    ),
    (
        "Reviews: Hu, M. & Liu, B. (2004). Mining and Summarizing Customer Reviews. KDD-2004. Ratings: "
        "Hutto & Gilbert (2014), published with VADER under the MIT License."
    ),
)


def write_report(
    passes: Sequence[Pass], evaluation: Evaluation, *, journal: Path, warehouse: Path, file: Path
) -> None:
    """Write the page."""
    first, last = passes[0], passes[-1]
    page = Page(
        title="Product reviews: two days, twice",
        lead=[
            (
                f"Real product reviews went through the DAG product_reviews: {first.rows} reviews of two "
                "days were ingested, cleaned, put to a language model and to a lexicon, and what came "
                "back was made into typed rows, validated and compared with what people thought of the "
                "same reviews. Then everything ran once more."
            ),
            (
                f"The first pass sent {first.requests_sent} requests. The second needed the same answers "
                f"and sent {last.requests_sent}: {last.from_journal} came from the journal."
            ),
        ],
        sections=[
            _figures(passes),
            _quality(evaluation),
            Latencies(
                caption="How long the answers took",
                seconds=_latencies(journal),
                note="One dot an answer, on a logarithmic scale; the line is the median. Requests of "
                "one day are sent together, and the model works on a few at a time: most of what "
                "it took is waiting for their turn.",
            ),
            _rows(
                "The first opinions",
                warehouse,
                "reviews.opinions",
                ["review_id", "rating", "comment", "classification", "sentiment"],
                numeric={"review_id", "rating"},
                note=f"As the model gave them. {percent(evaluation.verbatim)} of the comments stand "
                "in the review word for word.",
            ),
            validation_table(latest(Warehouse(warehouse))),
            _rows(
                "Quarantine",
                warehouse,
                "reviews.quarantine",
                ["review_id", "reason", "raw"],
                numeric={"review_id"},
                note="Answers that do not fit the schema are kept here with the reason.",
            ),
        ],
        notes=[
            "Every figure is counted from what the tasks returned and from the tables they wrote.",
            (
                "VADER was made by the people who rated these reviews, so its score is not one on unseen "
                "data."
            ),
        ],
        attributions=ATTRIBUTIONS,
    )
    write_page(page, file)


def _figures(passes: Sequence[Pass]) -> Table:
    shown = [dict(one.shown()) for one in passes]
    names = list(shown[0])
    return Table(
        caption="What each pass asked and paid",
        columns=[Column(name="pass"), *(Column(name=name, numeric=True) for name in names)],
        rows=[[one.name, *figures.values()] for one, figures in zip(passes, shown, strict=True)],
    )


def _quality(evaluation: Evaluation) -> Bars:
    shares = {
        "SmolLM2-135M": evaluation.model,
        "VADER": evaluation.baseline,
        "always the commoner class": evaluation.majority,
    }
    return Bars(
        caption="How often the sentiment was right",
        bars=[
            Bar(label=label, share=share or 0.0, text=percent(share))
            for label, share in shares.items()
        ],
        note=evaluation.verdict(),
    )


def _latencies(journal: Path) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {}
    with closing(sqlite3.connect(journal)) as answers:
        for endpoint, latency_s in answers.execute(ANSWERS):
            seconds.setdefault(endpoint, []).append(latency_s)
    return seconds


def _rows(
    caption: str,
    warehouse: Path,
    table: str,
    columns: Sequence[str],
    *,
    numeric: set[str],
    note: str,
) -> Table:
    rows = rows_of(warehouse, table, limit=SHOWN_ROWS)
    return Table(
        caption=caption,
        columns=[Column(name=name, numeric=name in numeric) for name in columns],
        rows=[[_cell(row[name]) for name in columns] for row in rows],
        note=note,
    )


def _cell(value: Any) -> str | int | None:
    if isinstance(value, float):
        return f"{value:.2f}"
    return value if value is None or isinstance(value, int) else str(value)
