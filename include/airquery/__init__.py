"""ai_query() in DuckDB, against any LLM endpoint.

The names below are the public ones. They are imported when they are first used, so that
`import airquery` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from airquery.answer import Answer, Failure, Usage
    from airquery.connection import connect, register
    from airquery.counting import plan
    from airquery.endpoints.endpoint import Endpoint
    from airquery.endpoints.python_function import function_endpoint
    from airquery.endpoints.registry import Registry
    from airquery.errors import AirqueryError
    from airquery.execute.budget import Budget
    from airquery.execute.fetch import fetch, probe
    from airquery.execute.statement import Cancel
    from airquery.execute.stats import RunStats
    from airquery.planning.estimate import EndpointEstimate, Estimate, Span
    from airquery.runner import Run, run
    from airquery.settings import Settings
    from airquery.sqlfn.script import endpoint_names
    from airquery.warehouse import Publication, Warehouse

__version__ = "0.1.0"

__all__ = [
    "AirqueryError",
    "Answer",
    "Budget",
    "Cancel",
    "Endpoint",
    "EndpointEstimate",
    "Estimate",
    "Failure",
    "Publication",
    "Registry",
    "Run",
    "RunStats",
    "Settings",
    "Span",
    "Usage",
    "Warehouse",
    "__version__",
    "connect",
    "endpoint_names",
    "fetch",
    "function_endpoint",
    "plan",
    "probe",
    "register",
    "run",
]

_HOMES = {
    "AirqueryError": "errors",
    "Answer": "answer",
    "Budget": "execute.budget",
    "Cancel": "execute.statement",
    "Endpoint": "endpoints.endpoint",
    "EndpointEstimate": "planning.estimate",
    "Estimate": "planning.estimate",
    "Failure": "answer",
    "Publication": "warehouse",
    "Registry": "endpoints.registry",
    "Run": "runner",
    "RunStats": "execute.stats",
    "Settings": "settings",
    "Span": "planning.estimate",
    "Usage": "answer",
    "Warehouse": "warehouse",
    "connect": "connection",
    "endpoint_names": "sqlfn.script",
    "fetch": "execute.fetch",
    "function_endpoint": "endpoints.python_function",
    "plan": "counting",
    "probe": "execute.fetch",
    "register": "connection",
    "run": "runner",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'airquery' has no attribute {name!r}")
    value: object = getattr(import_module(f"airquery.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
