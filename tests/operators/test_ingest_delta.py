from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from deltalake import DeltaTable, write_deltalake

from airquery_airflow import IngestDeltaOperator


if TYPE_CHECKING:
    from pathlib import Path

    from tests.operators.conftest import Execute, Rows


@pytest.fixture
def lake(tmp_path: Path) -> str:
    """A table of somebody else's, in two versions, with a partition of its own."""
    uri = str(tmp_path / "lake")
    for n in (1, 2):
        rows = pa.table({"n": pa.array([n], pa.int16()), "country": ["de"]})
        write_deltalake(uri, rows, mode="append", partition_by=["country"])
    return uri


def ingest(uri: str, **given: Any) -> IngestDeltaOperator:
    return IngestDeltaOperator(task_id="a", uri=uri, table="s.t", **given)


def test_a_table_is_read_as_it_is_or_was(execute: Execute, rows: Rows, lake: str) -> None:
    execute(ingest(lake))
    execute(ingest(lake, version="{{ params.version }}"), params={"version": 0}, ds="2026-10-04")
    [newest, oldest] = [commit["timestamp"] for commit in DeltaTable(lake).history()]
    between = datetime.fromtimestamp((newest + oldest) / 2_000, UTC)
    execute(ingest(lake, timestamp=between.isoformat()), ds="2026-10-05")

    assert rows("SELECT partition_key, n, country FROM s.t ORDER BY ALL") == [
        ("2026-10-03", 1, "de"),
        ("2026-10-03", 2, "de"),
        ("2026-10-04", 1, "de"),
        ("2026-10-05", 1, "de"),
    ]
    assert rows("SELECT column_type FROM (DESCRIBE s.t) WHERE column_name = 'n'") == [("SMALLINT",)]


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"version": 9}, AirflowException, r"lake cannot be read as of 9"),
        ({"version": "x"}, AirflowFailException, r"'x' is no version"),
        ({"version": 1, "timestamp": "2026-10-03"}, AirflowFailException, r"not both"),
        ({"timestamp": "2026-10-03"}, AirflowFailException, r"has no zone"),
    ],
)
def test_what_is_not_there_is_named(
    execute: Execute, lake: str, given: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        execute(ingest(lake, **given))


def test_a_table_that_does_not_exist_is_named(execute: Execute, tmp_path: Path) -> None:
    with pytest.raises(AirflowException, match=r"There is no Delta table at .*nowhere\. Check"):
        execute(ingest(str(tmp_path / "nowhere")))
