"""Whom we ask: the registry of endpoints and one adapter per wire format.

Start at `registry`: it turns what people declare into frozen `Endpoint` records. `adapters` says
which wire format an endpoint speaks. Importing this package reads no file and loads no parser.
"""

from __future__ import annotations

from airquery.endpoints.endpoint import Endpoint, Limits, Price, Secret
from airquery.endpoints.registry import Registry


__all__ = ["Endpoint", "Limits", "Price", "Registry", "Secret"]
