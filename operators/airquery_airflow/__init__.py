"""Apache Airflow's face of airquery: operators and the hook of a connection.

Names are loaded when they are used: Airflow imports this package to read `provider_info`, and that
must load nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from airquery_airflow.ai_query import AIQueryOperator
    from airquery_airflow.benchmark import EndpointBenchmarkOperator
    from airquery_airflow.decorator import ai_query_task
    from airquery_airflow.evaluate import EvaluateOperator
    from airquery_airflow.extract_json import ExtractJSONOperator
    from airquery_airflow.from_source import AIQuerySourceOperator, TransformSourceOperator
    from airquery_airflow.hook import EndpointHook
    from airquery_airflow.in_parts import ai_query_in_parts
    from airquery_airflow.ingest import IngestOperator
    from airquery_airflow.ingest_delta import IngestDeltaOperator
    from airquery_airflow.ingest_http import IngestHTTPOperator
    from airquery_airflow.ingest_sql import IngestSQLOperator
    from airquery_airflow.manifest import Manifest
    from airquery_airflow.merge import MergeOperator
    from airquery_airflow.new_rows import NewRowsOperator
    from airquery_airflow.part import AIQueryPartOperator
    from airquery_airflow.pipeline import ai_pipeline
    from airquery_airflow.publish_parquet import PublishParquetOperator
    from airquery_airflow.publish_sql import PublishSQLOperator
    from airquery_airflow.retries import retry_policy
    from airquery_airflow.split import SplitOperator
    from airquery_airflow.transform import TransformOperator
    from airquery_airflow.validate import ValidateOperator


__all__ = [
    "AIQueryOperator",
    "AIQueryPartOperator",
    "AIQuerySourceOperator",
    "EndpointBenchmarkOperator",
    "EndpointHook",
    "EvaluateOperator",
    "ExtractJSONOperator",
    "IngestDeltaOperator",
    "IngestHTTPOperator",
    "IngestOperator",
    "IngestSQLOperator",
    "Manifest",
    "MergeOperator",
    "NewRowsOperator",
    "PublishParquetOperator",
    "PublishSQLOperator",
    "SplitOperator",
    "TransformOperator",
    "TransformSourceOperator",
    "ValidateOperator",
    "ai_pipeline",
    "ai_query_in_parts",
    "ai_query_task",
    "retry_policy",
]

_MODULES = {
    "AIQueryOperator": "ai_query",
    "AIQueryPartOperator": "part",
    "AIQuerySourceOperator": "from_source",
    "EndpointBenchmarkOperator": "benchmark",
    "EndpointHook": "hook",
    "EvaluateOperator": "evaluate",
    "ExtractJSONOperator": "extract_json",
    "IngestDeltaOperator": "ingest_delta",
    "IngestHTTPOperator": "ingest_http",
    "IngestOperator": "ingest",
    "IngestSQLOperator": "ingest_sql",
    "Manifest": "manifest",
    "MergeOperator": "merge",
    "NewRowsOperator": "new_rows",
    "PublishParquetOperator": "publish_parquet",
    "PublishSQLOperator": "publish_sql",
    "SplitOperator": "split",
    "TransformOperator": "transform",
    "TransformSourceOperator": "from_source",
    "ValidateOperator": "validate",
    "retry_policy": "retries",
    "ai_pipeline": "pipeline",
    "ai_query_in_parts": "in_parts",
    "ai_query_task": "decorator",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
