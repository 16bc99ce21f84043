"""How far the estimate is from the bill: reviews asked of the embedded llama.cpp.

The first rows are estimated with an empty journal, then asked. Then twice as many are estimated, the
first half of which the journal answers by now, and asked as well.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import airquery
from airquery.endpoints.endpoint import Endpoint, Limits, Price
from airquery.serve.options import CHAT_MODEL, ServeOptions
from airquery.serve.process import ServerProcess


if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

REVIEWS = (
    Path(__file__).parents[2] / "include/data/product_reviews/amazonReviewSnippets_GroundTruth.txt"
)
ROWS = 40
ASK = """
    SELECT ai_query(
      'llm',
      text,
      system => 'Is the review positive or negative? Say why, in one short sentence.',
      modelParameters => {{'max_tokens': 24}}
    ) AS answer
    FROM read_csv('{path}', delim = '\\t', header = false, quote = '', escape = '',
      columns = {{'id': 'VARCHAR', 'rating': 'DOUBLE', 'text': 'VARCHAR'}})
    LIMIT {rows}
"""


def measure() -> list[Mapping[str, object]]:
    """Return one row for each of the two: what was estimated, and what was billed."""
    with (
        ServerProcess(ServeOptions(models=(CHAT_MODEL,), slots=2)) as server,
        tempfile.TemporaryDirectory() as home,
    ):
        endpoint = Endpoint(
            name="llm",
            task="chat",
            base_url=f"{server.url}/v1",
            model=CHAT_MODEL,
            limits=Limits(concurrency=2),
            price=Price(input_per_million=1.0, output_per_million=2.0),
        )
        connection = airquery.connect(
            registry=airquery.Registry.from_mapping({"llm": endpoint}),
            settings=airquery.Settings.read(home=Path(home)),
        )
        try:
            return [
                _measured(connection, "nothing", rows=ROWS),
                _measured(connection, f"{ROWS} of {2 * ROWS}", rows=2 * ROWS),
            ]
        finally:
            connection.close()


def _measured(
    connection: duckdb.DuckDBPyConnection, known: str, *, rows: int
) -> Mapping[str, object]:
    statement = ASK.format(path=REVIEWS, rows=rows)
    [found] = airquery.plan(connection, statement).endpoints
    billed = airquery.run(connection, statement).stats
    price = found.price
    assert price is not None
    assert price.high is not None
    return {
        "answered before": known,
        "new": billed.sent,
        "input tokens": _span(found.input_tokens),
        "billed": str(billed.prompt_tokens),
        "output tokens": _span(found.output_tokens),
        "billed ": str(billed.completion_tokens),
        "price": f"{price.low * 1e6:,.0f} - {price.high * 1e6:,.0f} millionths",
        "billed  ": f"{billed.price * 1e6:,.0f}",
        "middle is off by": f"{(price.low + price.high) / 2 / billed.price - 1:+.0%}",
    }


def _span(span: airquery.Span) -> str:
    return f"{span.low:,.0f} - {span.high or 0.0:,.0f}"
