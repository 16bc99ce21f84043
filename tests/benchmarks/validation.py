"""What validating a million rows costs: this project's way, with DuckDB, and the way by pandas.

Seven expectations on answers of 145 bytes of JSON. Each way has a process of its own, in which
everything is imported and has run once before the clock starts: what is counted is the validation.
What ten rows cost is what Great Expectations takes for itself.
`python -m tests.benchmarks.validation WAY FOLDER` is one such process.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from airquery.quality import Expectation, Quarantine, Suite, check
from airquery.warehouse import Warehouse


if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS = 1_000_000
SETTINGS: Mapping[str, str] = {"memory_limit": "300MB", "threads": "2"}
LABELS = ["positive", "negative", "mixed"]
SCHEMA = {
    "type": "object",
    "properties": {"label": {"type": "string"}, "score": {"type": "integer"}},
    "required": ["label", "score"],
}
# A quarter of the rows has a label that is none of these.
ANSWERS = """
    SELECT
      i AS id,
      format(
        '{{{{"label": "{{}}", "score": {{}}, "comment": "{{}}"}}}}', label, i % 100, repeat('x', 90)
      ) AS response,
      label
    FROM (
      SELECT i, ['positive', 'negative', 'mixed', '{other}'][1 + i % 4] AS label
      FROM range({rows}) AS numbers (i)
    )
"""


def expectation(kind: str, **kwargs: object) -> Expectation:
    """Make an expectation."""
    return Expectation(type=kind, kwargs=kwargs)


SEVEN = (
    expectation("expect_table_row_count_to_be_between", min_value=1),
    expectation("expect_column_values_to_be_unique", column="id"),
    expectation("expect_column_values_to_not_be_null", column="response"),
    expectation("expect_column_values_to_not_be_null", column="label"),
    expectation("expect_column_values_to_be_in_set", column="label", value_set=LABELS),
    expectation(
        "expect_column_value_lengths_to_be_between", column="response", min_value=2, max_value=500
    ),
    expectation("expect_column_mean_to_be_between", column="id", min_value=0),
)
CONFORM = expectation(
    "expect_column_values_to_conform_to_json_schema", column="response", json_schema=SCHEMA
)
WAYS = {
    "DuckDB, 7 expectations on 10 rows": "base",
    "DuckDB, 7 expectations": "duckdb",
    "DuckDB, 7, and 25 % of the rows to quarantine": "quarantine",
    "DuckDB, a JSON Schema alone": "schema",
    "pandas, 7 expectations": "pandas",
}


def measure() -> list[Mapping[str, object]]:
    """Return one row for each way."""
    with tempfile.TemporaryDirectory() as folder:
        _publish(Path(folder), "small", 10, other="mixed")
        _publish(Path(folder), "good", ROWS, other="mixed")
        _publish(Path(folder), "poor", ROWS, other="unsure")
        found = {name: _measured(way, folder) for name, way in WAYS.items()}
    least = float(found["DuckDB, 7 expectations on 10 rows"]["peak_mb"])
    return [
        {
            "way": name,
            "CPU s": f"{one['cpu_s']:.2f}",
            "peak MB": f"{one['peak_mb']:.0f}",
            "MB over the base": f"{one['peak_mb'] - least:.0f}",
        }
        for name, one in found.items()
    ]


def _publish(folder: Path, partition: str, rows: int, *, other: str) -> None:
    with duckdb.connect() as con:
        query = con.sql(ANSWERS.format(rows=rows, other=other))
        Warehouse(folder).publish("bench.answers", query, partition=partition, run_number=1)


def _measured(way: str, folder: str) -> Mapping[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", __name__, way, folder], capture_output=True, text=True, check=True
    )
    said: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def _run(way: str, warehouse: Warehouse, partition: str) -> None:
    """Validate one partition in one way."""
    if way == "pandas":
        _by_pandas(warehouse, partition)
    else:
        suite = Suite(name="answers", expectations=(CONFORM,) if way == "schema" else SEVEN)
        poor = way == "quarantine" and partition != "small"
        quarantine = Quarantine(table="bench.quarantine", key=("id",), run_number=1, most_rows=ROWS)
        result = check(
            suite,
            warehouse,
            table="bench.answers",
            partition="poor" if poor else partition,
            settings=SETTINGS,
            quarantine=quarantine if way == "quarantine" else None,
        )
        wrong = ROWS // 4 if poor else 0
        found = [outcome.unexpected_count for outcome in result.outcomes if not outcome.success]
        if found != ([wrong] if poor else []) or (poor and result.quarantined != wrong):
            raise AssertionError(result)


def _by_pandas(warehouse: Warehouse, partition: str) -> None:
    import great_expectations as gx

    with duckdb.connect(config=dict(SETTINGS)) as con:
        warehouse.attach(con, "bench.answers", partition=partition)
        frame = con.sql("FROM bench.answers").df()
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("answers")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite(
        name="answers",
        expectations=[{"type": one.type, "kwargs": dict(one.kwargs), "meta": {}} for one in SEVEN],
    )
    if not batch.validate(suite, result_format="BASIC").success:
        raise AssertionError(partition)


def main(way: str, folder: str) -> None:
    """Measure one way in this process, and print it."""
    warehouse = Warehouse(folder)
    # Everything that is only loaded once.
    _run(way, warehouse, "small")
    began = time.process_time()
    _run(way, warehouse, "small" if way == "base" else "good")
    cpu_s = time.process_time() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"cpu_s": cpu_s, "peak_mb": peak_mb}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
