"""The wire formats, one after another."""

from __future__ import annotations

import pytest

from tests.endpoints.wires import CHAT, WIRES, Wire


@pytest.fixture(params=WIRES, ids=lambda wire: wire.name)
def wire(request: pytest.FixtureRequest) -> Wire:
    chosen = request.param
    assert isinstance(chosen, Wire)
    return chosen


@pytest.fixture(params=CHAT, ids=lambda wire: wire.name)
def chat(request: pytest.FixtureRequest) -> Wire:
    chosen = request.param
    assert isinstance(chosen, Wire)
    return chosen
