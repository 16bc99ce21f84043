"""The fields of invoices, from mails, measured against what is true.

Ingest the mails of a day, ask a language model for the vendor, the number, the date, the total and
the currency in each, extract them as typed columns (what does not fit goes to quarantine), validate
these, and evaluate: precision, recall and F1 of every field. The task `evaluate` fails if F1 over
all fields is below `minimum_f1`.

The sample file has ten mails on each of 2026-10-01, 02 and 03. The default of `minimum_f1` is what
the embedded model of 135 million parameters reaches on each of them, and that is bad: it shows the
pipeline, not what a model can do. Raise it with a better endpoint.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param

from airquery_airflow import (
    AIQueryOperator,
    EvaluateOperator,
    ExtractJSONOperator,
    IngestOperator,
    ValidateOperator,
    retry_policy,
)


ROOT = Path(__file__).resolve().parents[1]
MAILS = ROOT / "include/data/structured_extraction/invoices.jsonl"
SUITE = ROOT / "include/expectations/structured_extraction.json"
DAY = "{{ dag_run.partition_key or params.partition or ds }}"
# Parameters stand in SQL: nothing that could end a string there is let in.
NAME = "^[A-Za-z0-9_.-]+$"
FIELDS = {
    "vendor": "STRING",
    "invoice_number": "STRING",
    "issued_on": "DATE",
    "total": "DOUBLE",
    "currency": "STRING",
}

with DAG(
    "structured_extraction",
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=2,
    template_searchpath=[str(ROOT / "sql" / "structured_extraction")],
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
            description="The day whose mails are worked on; without it, the day of the run. "
            "The sample data has mails from 2026-10-01 to 2026-10-03.",
        ),
        "llm": Param(
            "reviews-llm",
            type="string",
            pattern=NAME,
            title="Chat endpoint",
            description="An endpoint of the endpoint file, or an Airflow connection.",
        ),
        "minimum_f1": Param(
            0.3,
            type="number",
            minimum=0,
            maximum=1,
            title="Lowest F1",
            description="The run fails if F1 over all fields is below. The default is what the "
            "embedded model reaches; ask more of a better one.",
        ),
    },
    tags=["airquery", "example"],
    doc_md=__doc__,
) as dag:
    ingest = IngestOperator(
        task_id="ingest",
        source=str(MAILS),
        format="json",
        columns={
            "id": "INTEGER",
            "received_on": "DATE",
            "text": "VARCHAR",
            "vendor": "VARCHAR",
            "invoice_number": "VARCHAR",
            "issued_on": "DATE",
            "total": "DOUBLE",
            "currency": "VARCHAR",
        },
        sql="ingest.sql",
        table="invoices.received",
    )
    infer = AIQueryOperator(task_id="infer", sql="infer.sql", table="invoices.answers")
    extract = ExtractJSONOperator(
        task_id="extract",
        source="invoices.answers",
        column="answer",
        error_column="answer_error",
        schema=f"STRUCT<{', '.join(f'{name}: {kind}' for name, kind in FIELDS.items())}>",
        table="invoices.extracted",
        quarantine="invoices.quarantine",
        outlets=[Asset("invoices.extracted")],
    )
    validate = ValidateOperator(task_id="validate", table="invoices.extracted", suite=str(SUITE))
    evaluate = EvaluateOperator(
        task_id="evaluate",
        source="invoices.extracted",
        truth="invoices.received",
        key="mail_id",
        fields=list(FIELDS),
        minimum_f1="{{ params.minimum_f1 }}",
        table="invoices.evaluation",
        outlets=[Asset("invoices.evaluation")],
    )
    ingest >> infer >> extract >> validate >> evaluate
