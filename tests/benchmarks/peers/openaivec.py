"""openaivec: an Arrow UDF in DuckDB over the Responses API, one row a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
from openai import (  # type: ignore[import-not-found]  # in the peer's environment only
    AsyncOpenAI,
)
from openaivec import set_async_client  # type: ignore[import-not-found]
from openaivec.duckdb_ext import responses_udf  # type: ignore[import-not-found]


if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.client import Job

# litellm brings the files that tiktoken would download.
REQUIRES = ("openaivec==2.9.3", "duckdb", "litellm")


def answer(job: Job) -> Sequence[str | None]:
    """Answer a column of a table; its default of 64 rows a request is another question."""
    set_async_client(AsyncOpenAI(base_url=job.base_url, api_key="none"))
    connection = duckdb.connect()
    told = {} if job.in_flight is None else {"max_concurrency": job.in_flight}
    responses_udf(connection, "ask", instructions="Answer.", model_name="m", batch_size=1, **told)
    distinct = job.distinct or job.rows
    where = "" if job.keep_every == 1 else f"WHERE i % {job.keep_every} = 0"
    connection.execute(
        f"CREATE TABLE t AS SELECT i, 'row ' || (i % {distinct}) AS s FROM range({job.rows}) r(i)"
    )
    connection.execute(f"CREATE TABLE o AS SELECT i, ask(s) AS a FROM t {where}")
    return [text for (text,) in connection.execute("SELECT a FROM o ORDER BY i").fetchall()]
