"""How many requests at once an endpoint is worth, measured and recommended.

Ingest texts to ask about, ask an endpoint with 1, 2, 4, ... requests in flight until two numbers in
a row bring less than a tenth more answers a second (or one fails, or the bound is reached),
validate the measurements, and report them with the number to write into the file of endpoints.

It is started by hand. **It asks and pays every time**: nothing is read from the journal, and
`measure` is not retried. With the defaults it sends 1 + 32 + 32 + 32 + 32 + 64 + 128 + 256 = 577
short requests at most. An endpoint without a number in `limits` finds it by itself while it works;
this tells what to order, or what to set where others share the endpoint.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, Param

from airquery_airflow import (
    EndpointBenchmarkOperator,
    IngestOperator,
    TransformOperator,
    ValidateOperator,
)


ROOT = Path(__file__).resolve().parents[1]
REVIEWS = ROOT / "include/data/product_reviews/amazonReviewSnippets_GroundTruth.txt"
SUITE = ROOT / "include/expectations/endpoint_benchmark.json"
DAY = "{{ dag_run.partition_key or params.partition or ds }}"
# Parameters stand in SQL: nothing that could end a string there is let in.
NAME = "^[A-Za-z0-9_.-]+$"
SENTENCE = r"^[^'\\{}$]{1,500}$"

with DAG(
    "endpoint_benchmark",
    schedule=None,
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    template_searchpath=[str(ROOT / "sql" / "endpoint_benchmark")],
    default_args={"partition": DAY, "retries": 2, "retry_delay": timedelta(seconds=30)},
    params={
        "partition": Param(
            None,
            type=["null", "string"],
            format="date",
            pattern="^[0-9-]+$",
            title="Day",
            description="The day that the measurement is kept under; without it, that of the run.",
        ),
        "endpoint": Param(
            "reviews-llm",
            type="string",
            pattern=NAME,
            title="Chat endpoint",
            description="An endpoint of the endpoint file, or an Airflow connection. Its own "
            "limit of concurrency is set aside while it is measured, its rates are kept.",
        ),
        "task": Param(
            "Summarize this sentence in five words:",
            type="string",
            pattern=SENTENCE,
            title="Task",
            description="What to do with each text. Requests like those of your work tell most.",
        ),
        "max_tokens": Param(
            16,
            type="integer",
            minimum=1,
            maximum=4096,
            title="Length of an answer",
            description="In tokens. Throughput depends on it as on nothing else.",
        ),
        "requests": Param(
            32,
            type="integer",
            minimum=1,
            maximum=10_000,
            title="Requests a measurement",
            description="At least; there are four for each that may be in flight, if that is more.",
        ),
        "most_concurrency": Param(
            64,
            type="integer",
            minimum=1,
            maximum=2048,
            title="Most in flight",
            description="More than this is not tried.",
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
        table="benchmarks.texts",
    )
    measure = EndpointBenchmarkOperator(
        task_id="measure",
        sql="measure.sql",
        requests="{{ params.requests }}",
        most_concurrency="{{ params.most_concurrency }}",
        table="benchmarks.measured",
        retries=0,
        outlets=[Asset("benchmarks.measured")],
    )
    validate = ValidateOperator(task_id="validate", table="benchmarks.measured", suite=str(SUITE))
    report = TransformOperator(
        task_id="report", sql="report.sql", table="benchmarks.report", log_column="summary"
    )
    ingest >> measure >> validate >> report
