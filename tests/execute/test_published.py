"""Asking an endpoint for the type of its answers."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import orjson
import pytest

from airquery.endpoints.endpoint import Endpoint, OAuth, Secret
from airquery.errors import StatementError, Unreachable
from airquery.execute.fetch import published_structure
from tests.execute.workspace import Workspace


if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = {
    "properties": {
        "predictions": {
            "type": "array",
            "items": {"type": "object", "properties": {"label": {"type": "string"}}},
        }
    }
}
DOCUMENT = orjson.dumps(
    {
        "openapi": "3.1.0",
        "paths": {
            "/serving-endpoints/ner/invocations": {
                "post": {
                    "responses": {"200": {"content": {"application/json": {"schema": SCHEMA}}}}
                }
            }
        },
    }
)


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace() as workspace:
        yield workspace


def endpoint_of(workspace: Workspace) -> Endpoint:
    return Endpoint(
        name="ner",
        task="custom",
        base_url=workspace.url,
        # A port may come again, and what was published is remembered.
        revision=str(time.monotonic_ns()),
        oauth=OAuth(
            client_id="sp-1",
            client_secret=Secret("hs l-secret:"),
            token_url=f"{workspace.url}/oidc/v1/token",
        ),
    )


def test_what_is_published_is_asked_for_once_with_the_endpoints_token(
    workspace: Workspace,
) -> None:
    workspace.document = (200, DOCUMENT)
    endpoint = endpoint_of(workspace)

    assert [published_structure(endpoint) for _ in range(3)] == [{"label": "VARCHAR"}] * 3
    assert workspace.paths == ["/api/2.0/serving-endpoints/ner/openapi"]


@pytest.mark.parametrize("status", [404, 405])
def test_an_endpoint_may_publish_nothing(workspace: Workspace, status: int) -> None:
    workspace.document = (status, b"")
    endpoint = endpoint_of(workspace)

    assert (published_structure(endpoint), published_structure(endpoint)) == (None, None)
    assert len(workspace.paths) == 1


def test_a_trouble_is_told_and_not_remembered(workspace: Workspace) -> None:
    endpoint = endpoint_of(workspace)
    workspace.document = (503, b"loading")

    with pytest.raises(Unreachable, match=r"'ner' answered with HTTP 503 and said: loading\."):
        published_structure(endpoint)

    workspace.document = (200, b"{}")
    with pytest.raises(StatementError, match="MODEL_SCHEMA_PARSE_ERROR"):
        published_structure(endpoint)

    workspace.document = (200, DOCUMENT)
    assert published_structure(endpoint) == {"label": "VARCHAR"}


def test_an_endpoint_that_is_not_there_is_told() -> None:
    with Workspace() as gone:
        endpoint = endpoint_of(gone)

    with pytest.raises(Unreachable, match="could not be reached") as refused:
        published_structure(endpoint)

    assert refused.value.retryable


def test_it_may_be_asked_for_where_an_event_loop_runs(workspace: Workspace) -> None:
    workspace.document = (200, DOCUMENT)

    async def in_a_notebook() -> object:
        return published_structure(endpoint_of(workspace))

    assert asyncio.run(in_a_notebook()) == {"label": "VARCHAR"}
