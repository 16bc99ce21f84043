"""Named Delta tables: read as DuckDB views, written one partition at a time."""

from __future__ import annotations

from airquery.warehouse.publishing import Publication
from airquery.warehouse.tables import Warehouse


__all__ = ["Publication", "Warehouse"]
