"""What the order of requests is worth to a server that keeps prefixes: prompt tokens it had cached.

Documents times questions, the questions in the outer loop, so that rows that share a document are
never neighbours. The same rows are asked as they stand, one after another, and as one statement,
which brings those together that begin alike. The server is the embedded llama.cpp, new each time,
with one slot: what it keeps is the last prompt.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import airquery
from airquery.endpoints.endpoint import Endpoint, Limits
from airquery.serve.options import CHAT_MODEL, ServeOptions
from airquery.serve.process import ServerProcess


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

DOCUMENTS = 5
QUESTIONS = ("Who is it about?", "Where does it happen?", "What is the mood?", "Is it a complaint?")
SENTENCES = 8
ANSWER = "ai_query('llm', prompt, modelParameters => {'max_tokens': 2}, details => true)"


def measure() -> list[Mapping[str, object]]:
    """Return one row per way to ask: prompt tokens, and how many of them were cached."""
    return [_measured("as the rows stand", 1), _measured("one statement", len(_prompts()))]


def _prompts() -> Sequence[str]:
    return [f"{_document(i)}\n\n{question}" for question in QUESTIONS for i in range(DOCUMENTS)]


def _document(i: int) -> str:
    return " ".join(
        f"In chapter {n} of book {i} somebody finds letter {i * n} under stone {i + n}."
        for n in range(1, SENTENCES + 1)
    )


def _measured(way: str, together: int) -> Mapping[str, object]:
    """Ask all prompts, so many in a statement."""
    with ServerProcess(ServeOptions(models=(CHAT_MODEL,), slots=1)) as server:
        endpoint = Endpoint(
            name="llm",
            task="chat",
            base_url=f"{server.url}/v1",
            model=CHAT_MODEL,
            limits=Limits(concurrency=1),
        )
        with tempfile.TemporaryDirectory() as home:
            connection = airquery.connect(
                registry=airquery.Registry.from_mapping({"llm": endpoint}),
                settings=airquery.Settings.read(home=Path(home)),
            )
            prompts = _prompts()
            for start in range(0, len(prompts), together):
                _ask(connection, prompts[start : start + together])
            asked, cached, seconds = connection.execute(
                "SELECT sum(u.prompt_tokens), sum(u.cached_tokens), sum(s) FROM used"
            ).fetchall()[0]
            connection.close()
    return {
        "order": way,
        "requests": len(prompts),
        "prompt tokens": str(asked),
        "cached": str(cached),
        "share": f"{cached / asked:.0%}",
        "endpoint's seconds": f"{seconds:.1f}",
    }


def _ask(connection: duckdb.DuckDBPyConnection, prompts: Sequence[str]) -> None:
    connection.execute("CREATE OR REPLACE TABLE rows AS SELECT unnest(?) AS prompt", [prompts])
    airquery.run(connection, f"CREATE OR REPLACE TABLE answers AS SELECT {ANSWER} AS a FROM rows")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS used (u STRUCT(prompt_tokens BIGINT, cached_tokens BIGINT), s DOUBLE)"
    )
    connection.execute(
        "INSERT INTO used SELECT {prompt_tokens: a.usage.prompt_tokens, "
        "cached_tokens: a.usage.cached_tokens}, a.latency_s FROM answers"
    )
