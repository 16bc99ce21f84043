"""Vectors of documents, checked to be of length 1, and the nearest document of each.

Ingest the documents of a day, cut them into chunks of whole sentences, ask an embedding model for a
vector of each chunk, validate the vectors (each is normalised, all have as many numbers), and find
the nearest other document of the day. The inner product is the cosine only where vectors have
length 1, so a model that does not normalise fails the run at `validate`, before anything compares.

The sample documents are the 300 product reviews, dealt to the 30 days from 2026-10-01 on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param

from airquery_airflow import (
    AIQueryOperator,
    IngestOperator,
    TransformOperator,
    ValidateOperator,
    retry_policy,
)


ROOT = Path(__file__).resolve().parents[1]
REVIEWS = ROOT / "include/data/product_reviews/amazonReviewSnippets_GroundTruth.txt"
SUITE = ROOT / "include/expectations/document_embeddings.json"
DAY = "{{ dag_run.partition_key or params.partition or ds }}"
# Parameters stand in SQL: nothing that could end a string there is let in.
NAME = "^[A-Za-z0-9_.-]+$"

with DAG(
    "document_embeddings",
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=2,
    template_searchpath=[str(ROOT / "sql" / "document_embeddings")],
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
            description="The day whose documents are worked on; without it, the day of the run. "
            "The sample data has documents from 2026-10-01 to 2026-10-30.",
        ),
        "embedder": Param(
            "minilm",
            type="string",
            pattern=NAME,
            title="Embedding endpoint",
            description="An endpoint of the endpoint file, or an Airflow connection; its task is "
            "embeddings.",
        ),
        "chunk_characters": Param(
            600,
            type="integer",
            minimum=100,
            maximum=20_000,
            title="Length of a chunk",
            description="In characters, about four a token. The embedded model takes 512 tokens.",
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
        table="documents.received",
    )
    chunk = TransformOperator(task_id="chunk", sql="chunk.sql", table="documents.chunks")
    embed = AIQueryOperator(task_id="embed", sql="embed.sql", table="documents.embeddings")
    validate = ValidateOperator(task_id="validate", table="documents.embeddings", suite=str(SUITE))
    nearest = TransformOperator(
        task_id="nearest",
        sql="nearest.sql",
        table="documents.nearest",
        log_column="summary",
        outlets=[Asset("documents.nearest")],
    )
    ingest >> chunk >> embed >> validate >> nearest
