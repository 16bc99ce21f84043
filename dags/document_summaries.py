"""Summaries of new documents, in micro-batches.

Ingest the documents of a day, take those that no batch has yet as the batch of this run, ask a
language model for one sentence about each, and validate the sentences. What is new is told by the
versions of the Delta table `feedback.received`: documents that were ingested again are not new,
changed ones are. A batch is a partition of `feedback.batches`, named for the run, and taken once: a
retry, a cleared task or a cleared run works on the same documents.

A run that has failed for good keeps its batch, and other runs do not take its documents: the task
`backlog` of each later run names it until it is cleared.

The sample documents are the 300 product reviews, dealt to the 30 days from 2026-10-01 on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param

from airquery_airflow import (
    AIQueryOperator,
    IngestOperator,
    NewRowsOperator,
    TransformOperator,
    ValidateOperator,
    retry_policy,
)


ROOT = Path(__file__).resolve().parents[1]
REVIEWS = ROOT / "include/data/product_reviews/amazonReviewSnippets_GroundTruth.txt"
SUITE = ROOT / "include/expectations/document_summaries.json"
DAY = "{{ dag_run.partition_key or params.partition or ds }}"
BATCH = "{{ dag_run.partition_key or ts_nodash }}"
# Parameters stand in SQL: nothing that could end a string there is let in.
NAME = "^[A-Za-z0-9_.-]+$"

with DAG(
    "document_summaries",
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    catchup=False,
    # Two at once lose and double nothing, but one of them has to try again.
    max_active_runs=1,
    template_searchpath=[str(ROOT / "sql" / "document_summaries")],
    default_args={
        "partition": BATCH,
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
            description="The day whose documents are ingested first; without it, the day of the "
            "run. The sample data has documents from 2026-10-01 to 2026-10-30.",
        ),
        "llm": Param(
            "reviews-llm",
            type="string",
            pattern=NAME,
            title="Chat endpoint",
            description="An endpoint of the endpoint file, or an Airflow connection.",
        ),
        "most_commits": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Size of the batch",
            description="At most so many commits of the table are taken, the oldest first; later "
            "runs take the others. Without it, all that are new.",
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
        table="feedback.received",
        partition=DAY,
    )
    take = NewRowsOperator(
        task_id="take",
        source="feedback.received",
        table="feedback.batches",
        most_commits="{{ params.most_commits }}",
    )
    summarize = AIQueryOperator(
        task_id="summarize",
        sql="summarize.sql",
        table="feedback.summaries",
        outlets=[Asset("feedback.summaries")],
    )
    validate = ValidateOperator(task_id="validate", table="feedback.summaries", suite=str(SUITE))
    backlog = TransformOperator(
        task_id="backlog", sql="backlog.sql", table="feedback.backlog", log_column="summary"
    )
    ingest >> take >> summarize >> [validate, backlog]
