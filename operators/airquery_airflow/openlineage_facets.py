"""What a task read and wrote, as OpenLineage's facets. Imported only when its provider asks.

The names are those of OpenLineage's naming conventions, so that other tools' lineage of the same
files meets ours. The run's facet `airquery` has the requests, the tokens and the price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs
from airflow.providers.common.compat.openlineage.facet import (
    InputDataset,
    OutputDataset,
    OutputStatisticsOutputDatasetFacet,
    RunFacet,
    SchemaDatasetFacet,
    SchemaDatasetFacetFields,
)
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.generated.data_quality_assertions_dataset import (
    Assertion,
    DataQualityAssertionsDatasetFacet,
)


if TYPE_CHECKING:
    from airquery_airflow.lineage import Lineage, Written

_COUNTS = (
    "rows",
    "requests_sent",
    "from_journal",
    "failed",
    "quarantined",
    "prompt_tokens",
    "completion_tokens",
    "price",
)


@attrs.define(kw_only=True)
class AirqueryRunFacet(RunFacet):
    """What a task asked, and what that cost."""

    rows: int = 0
    requests_sent: int = 0
    from_journal: int = 0
    failed: int = 0
    quarantined: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    price: float = 0.0
    currency: str = "USD"

    # Airflow hides what has such a name.
    _additional_skip_redact: ClassVar[list[str]] = ["prompt_tokens", "completion_tokens"]


def operator_lineage(lineage: Lineage) -> OperatorLineage[Any, Any]:
    """Return what a task has read and written so far."""
    inputs = [InputDataset(one.namespace, one.name) for one in sorted(lineage.read)]
    if lineage.checked:
        for one in inputs:
            one.inputFacets = {"dataQualityAssertions": _assertions(lineage)}
    counts: dict[str, Any] = {
        name: value
        for name, value in lineage.counts.items()
        if name in _COUNTS and isinstance(value, int | float)
    }
    if "sent" in lineage.counts:
        # Of a statement that did not come to its end, only the engine's own counters are known.
        counts["requests_sent"] = lineage.counts["sent"]
    currency = lineage.counts.get("currency", "USD")
    facet = AirqueryRunFacet(**counts, currency=currency)
    return OperatorLineage(
        inputs=inputs,
        outputs=[_output(one) for one in lineage.written],
        run_facets={"airquery": facet} if counts else {},
    )


def _output(written: Written) -> OutputDataset:
    fields = [SchemaDatasetFacetFields(name=name, type=kind) for name, kind in written.columns]
    return OutputDataset(
        namespace=written.place.namespace,
        name=written.place.name,
        facets={"schema": SchemaDatasetFacet(fields=fields)},
        outputFacets={
            "outputStatistics": OutputStatisticsOutputDatasetFacet(rowCount=written.rows)
        },
    )


def _assertions(lineage: Lineage) -> DataQualityAssertionsDatasetFacet:
    return DataQualityAssertionsDatasetFacet(
        assertions=[
            Assertion(
                assertion=one.name,
                success=one.success,
                column=one.column,
                severity="error" if one.severity == "critical" else "warn",
            )
            for one in lineage.checked
        ]
    )
