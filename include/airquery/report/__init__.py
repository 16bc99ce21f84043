"""One page about one run, in one HTML file that needs nothing else.

Start at `page.py`. It is given plain data and knows neither DuckDB nor Airflow.
"""

from __future__ import annotations

from airquery.report.page import Bar, Bars, Column, Latencies, Page, Table, render, write_page
from airquery.report.run_report import run_report
from airquery.report.validation import validation_table


__all__ = [
    "Bar",
    "Bars",
    "Column",
    "Latencies",
    "Page",
    "Table",
    "render",
    "run_report",
    "validation_table",
    "write_page",
]
