"""Airflow connections to real databases, for tests of what reads and writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit


if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def connect_postgres(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Make the Airflow connection `shop`."""
    parts = urlsplit(url)
    connection = {
        "conn_type": "postgres",
        "host": parts.hostname,
        "port": parts.port,
        "login": parts.username,
        "password": "geheim:7f3a",
        "schema": parts.path.lstrip("/"),
    }
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(connection))


def connect_sqlite(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Make the Airflow connection `lite`."""
    connection = {"conn_type": "sqlite", "host": str(file)}
    monkeypatch.setenv("AIRFLOW_CONN_LITE", json.dumps(connection))
