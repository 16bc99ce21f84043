"""Opinions of product reviews, day by day.

Ingest the reviews of a day, prepare them, ask a language model for the opinions in them and a
lexicon for their sentiment, extract typed opinions (what does not fit goes to quarantine), validate
them, and evaluate both against what people thought of the same reviews.

The sample file has no dates: its 300 reviews are dealt to the 30 days from 2026-10-01 on, ten to
each. Name one of them as `partition`, or backfill them. The model may be any chat endpoint.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param

from airquery_airflow import (
    AIQueryOperator,
    ExtractJSONOperator,
    IngestOperator,
    TransformOperator,
    ValidateOperator,
    retry_policy,
)


ROOT = Path(__file__).resolve().parents[1]
REVIEWS = ROOT / "include/data/product_reviews/amazonReviewSnippets_GroundTruth.txt"
SUITE = ROOT / "include/expectations/product_reviews.json"
DAY = "{{ dag_run.partition_key or params.partition or ds }}"
# Parameters stand in SQL: nothing that could end a string there is let in.
NAME = "^[A-Za-z0-9_.-]+$"
OPINIONS = (
    "STRUCT<opinions: ARRAY<STRUCT<classification: STRING, comment: STRING, sentiment: STRING>>>"
)

with DAG(
    "product_reviews",
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=2,
    template_searchpath=[str(ROOT / "sql" / "product_reviews")],
    default_args={
        "partition": DAY,
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "retry_policy": retry_policy(),
    },
    params={
        "partition": Param(
            None,
            type=["null", "string"],
            format="date",
            pattern="^[0-9-]+$",
            title="Day",
            description="The day whose reviews are worked on; without it, the day of the run. "
            "The sample data has reviews from 2026-10-01 to 2026-10-30.",
        ),
        "llm": Param(
            "reviews-llm",
            type="string",
            pattern=NAME,
            title="Chat endpoint",
            description="An endpoint of the endpoint file, or an Airflow connection.",
        ),
        "baseline": Param(
            "vader",
            type="string",
            pattern=NAME,
            title="Baseline endpoint",
            description="A custom endpoint that returns compound and sentiment.",
        ),
    },
    tags=["airquery", "example"],
    doc_md=__doc__,
) as dag:
    ingest = IngestOperator(
        task_id="ingest",
        source=str(REVIEWS),
        format="tsv",
        columns={"id": "VARCHAR", "rating": "DOUBLE", "text": "VARCHAR"},
        options={"header": False, "quote": "", "escape": ""},
        sql="ingest.sql",
        table="reviews.received",
    )
    prepare = TransformOperator(task_id="prepare", sql="prepare.sql", table="reviews.prepared")
    infer = AIQueryOperator(task_id="infer", sql="infer.sql", table="reviews.answers")
    extract = ExtractJSONOperator(
        task_id="extract",
        source="reviews.answers",
        column="answer",
        error_column="answer_error",
        schema=OPINIONS,
        explode="opinions",
        table="reviews.opinions",
        quarantine="reviews.quarantine",
        outlets=[Asset("reviews.opinions")],
    )
    validate = ValidateOperator(task_id="validate", table="reviews.opinions", suite=str(SUITE))
    evaluate = TransformOperator(
        task_id="evaluate",
        sql="evaluate.sql",
        table="reviews.evaluation",
        log_column="summary",
        outlets=[Asset("reviews.evaluation")],
    )
    ingest >> prepare >> infer >> extract >> validate >> evaluate
