"""Public doubles for tests: an endpoint that plays a script over real HTTP, and a clock.

They stand in for what is outside of airquery, so that tests of it, and of pipelines built on it,
patch nothing, wait for nothing and need no key.
"""

from __future__ import annotations

from airquery.testing.batches import BatchScript
from airquery.testing.clock import FakeClock
from airquery.testing.reply import Received, Reply
from airquery.testing.server import EndpointServer


__all__ = ["BatchScript", "EndpointServer", "FakeClock", "Received", "Reply"]
