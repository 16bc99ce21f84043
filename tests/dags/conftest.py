"""A scratch Airflow, made before anything imports it."""

from __future__ import annotations

import pytest

from airquery_airflow import testing


testing.configure_scratch()


@pytest.fixture(scope="session")
def metadata_database() -> None:
    """Create what `dag.test()` needs."""
    testing.create_database()
