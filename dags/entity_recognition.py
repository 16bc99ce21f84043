"""The persons and addresses that messages name, found by a BERT model, measured against the truth.

Ingest the messages of a day, ask a model of entities what each names, extract a row for each entity
with its place in the text (a message without an answer goes to quarantine), validate them (what
stands at the place is the entity), and evaluate: precision, recall and F1 of every type, and of
all. An entity is right if its place and its type are. The task `evaluate` fails if F1 over all
types is below `minimum_f1`.

The model is not an LLM: `airquery serve` has it as the custom model `bert-ner`, and a message that
is longer than it can read at once is read in parts. Any endpoint that answers a text with a list of
{text, label, start, end, score} can take its place. The sample file has 23 messages on each of
2026-10-01, 02 and 03: nineteen made from templates, four real reviews. The default of `minimum_f1`
is a little less than what the embedded model reaches on each.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param

from airquery_airflow import (
    AIQueryOperator,
    EvaluateOperator,
    IngestOperator,
    TransformOperator,
    ValidateOperator,
    retry_policy,
)


ROOT = Path(__file__).resolve().parents[1]
MESSAGES = ROOT / "include/data/entity_recognition/messages.jsonl"
SUITE = ROOT / "include/expectations/entity_recognition.json"
DAY = "{{ dag_run.partition_key or params.partition or ds }}"
# Parameters stand in SQL: nothing that could end a string there is let in.
NAME = "^[A-Za-z0-9_.-]+$"
LABELS = (
    "BANK_ACCOUNT",
    "BUILDING_NUMBER",
    "CITY",
    "DRIVERS_LICENSE",
    "EMAIL",
    "GIVEN_NAME",
    "GOVERNMENT_ID",
    "PASSPORT",
    "PHONE",
    "ROUTING_NUMBER",
    "SECONDARY_ADDRESS",
    "STATE",
    "STREET_NAME",
    "SURNAME",
    "TAX_ID",
    "URL",
    "ZIP_CODE",
)

with DAG(
    "entity_recognition",
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=2,
    template_searchpath=[str(ROOT / "sql" / "entity_recognition")],
    user_defined_macros={"labels": LABELS},
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
            description="The day whose messages are worked on; without it, the day of the run. "
            "The sample data has messages from 2026-10-01 to 2026-10-03.",
        ),
        "recogniser": Param(
            "bert-ner",
            type="string",
            pattern=NAME,
            title="Entity endpoint",
            description="An endpoint of the endpoint file, or an Airflow connection; its task is "
            "custom.",
        ),
        "minimum_score": Param(
            0,
            type="number",
            minimum=0,
            maximum=1,
            title="Lowest score",
            description="Entities that the model is less sure of are left out: a higher number "
            "gives more precision and less recall. They stay in entities.recognised.",
        ),
        "minimum_f1": Param(
            0.65,
            type="number",
            minimum=0,
            maximum=1,
            title="Lowest F1",
            description="The run fails if F1 over all types is below.",
        ),
    },
    tags=["airquery", "example"],
    doc_md=__doc__,
) as dag:
    ingest = IngestOperator(
        task_id="ingest",
        source=str(MESSAGES),
        format="json",
        columns={
            "id": "INTEGER",
            "written_on": "DATE",
            "origin": "VARCHAR",
            "text": "VARCHAR",
            "entities": 'STRUCT("text" VARCHAR, "label" VARCHAR, "start" INTEGER, "end" INTEGER)[]',
        },
        sql="ingest.sql",
        table="entities.received",
    )
    recognise = AIQueryOperator(
        task_id="recognise", sql="recognise.sql", table="entities.recognised"
    )
    extract = TransformOperator(
        task_id="extract",
        sql="extract.sql",
        table="entities.found",
        outlets=[Asset("entities.found")],
    )
    quarantine = TransformOperator(
        task_id="quarantine", sql="quarantine.sql", table="entities.quarantine"
    )
    validate = ValidateOperator(task_id="validate", table="entities.found", suite=str(SUITE))
    found_by_type = TransformOperator(
        task_id="found_by_type", sql="found_by_type.sql", table="entities.found_by_type"
    )
    true_by_type = TransformOperator(
        task_id="true_by_type", sql="true_by_type.sql", table="entities.true_by_type"
    )
    evaluate = EvaluateOperator(
        task_id="evaluate",
        source="entities.found_by_type",
        truth="entities.true_by_type",
        key=["message_id", "starts_at", "ends_at"],
        fields=list(LABELS),
        minimum_f1="{{ params.minimum_f1 }}",
        table="entities.evaluation",
        outlets=[Asset("entities.evaluation")],
    )
    ingest >> recognise >> [extract, quarantine]
    extract >> validate >> found_by_type >> evaluate
    ingest >> true_by_type >> evaluate
