"""The task functions against the embedded models: values of the right type, not the right values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

import airquery
from airquery.connection import close_engines
from airquery.endpoints.endpoint import Endpoint, Price


if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from airquery.serve.process import ServerProcess


REVIEWS = (
    Path(__file__)
    .parents[2]
    .joinpath("include/data/product_reviews/amazonReviewSnippets_GroundTruth.txt")
)


@pytest.fixture
def connection(server: ServerProcess, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    registry = airquery.Registry.from_mapping(
        {
            "llm": Endpoint(
                name="llm",
                task="chat",
                base_url=f"{server.url}/v1",
                model="smollm2",
                price=Price(input_per_million=1.0, output_per_million=2.0),
            ),
            "vectors": Endpoint(
                name="vectors", task="embeddings", base_url=f"{server.url}/v1", model="minilm"
            ),
        }
    )
    connection = airquery.connect(registry=registry, settings=airquery.Settings.read(home=tmp_path))
    yield connection
    connection.close()
    close_engines()


def test_a_small_model_gives_values_of_the_right_types(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    run = airquery.run(
        connection,
        """SELECT ai_classify('My password is leaked.', ['urgent', 'not urgent']) AS label,
                  ai_classify('My password is leaked.', '["urgent", "not urgent"]') AS labels,
                  ai_filter('Is water wet?') AS holds,
                  ai_analyze_sentiment('I am happy') AS sentiment,
                  ai_extract('John Doe lives in New York.', ['person', 'town'],
                             modelParameters => {'max_tokens': 60}, failOnError => false) AS found""",
    )

    assert run.table is not None
    [row] = run.table.to_pylist()
    assert row["label"] in {"urgent", "not urgent", None}
    labels = orjson.loads(row["labels"])
    assert labels["error_message"] is None
    assert set(labels["response"]) <= {"urgent", "not urgent"}
    assert row["holds"] in {True, False}
    assert row["sentiment"] in {"positive", "negative", "neutral", "mixed", None}
    found = row["found"]["result"]
    assert (found is None) == (row["found"]["errorMessage"] is not None)
    assert found is None or found.keys() == {"person", "town"}


def test_an_embedding_model_tells_near_from_far(connection: duckdb.DuckDBPyConnection) -> None:
    run = airquery.run(
        connection,
        """SELECT ai_embed('a cat') AS vector,
                  ai_similarity('a cat', 'a cat') AS same,
                  ai_similarity('a cat', 'a small cat') AS near,
                  ai_similarity('a cat', 'the tax return of a company') AS far""",
    )

    assert run.table is not None
    [row] = run.table.to_pylist()
    assert len(row["vector"]) == 384
    assert row["same"] == 1.0 > row["near"] > row["far"]
    assert run.stats.requests == 3


def test_the_estimate_of_a_models_price_holds_its_bill(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    ask = """
        SELECT ai_query('llm', text, system => 'One word: good or bad?',
          modelParameters => {'max_tokens': 2})
        FROM read_csv($$REVIEWS$$, delim = '\t', header = false, quote = '', escape = '',
          columns = {'id': 'VARCHAR', 'rating': 'DOUBLE', 'text': 'VARCHAR'})
        LIMIT ROWS
    """.replace("REVIEWS", str(REVIEWS))
    for rows, new in ((20, 20), (25, 5)):
        statement = ask.replace("ROWS", str(rows))
        [found] = airquery.plan(connection, statement).endpoints
        billed = airquery.run(connection, statement).stats

        assert found.new == billed.sent == new
        assert found.input_tokens.high is not None
        assert found.input_tokens.low <= billed.prompt_tokens <= found.input_tokens.high
        assert found.price is not None
        assert found.price.high is not None
        assert found.price.low <= billed.price <= found.price.high
