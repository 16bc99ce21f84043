"""Count what a statement would ask, and send nothing: `airquery.plan`.

Only queries run: of a CREATE TABLE AS or an INSERT its SELECT, with every answer NULL. So nothing is
made or changed, and what can only be known from answers is said to be not counted.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import duckdb

from airquery.answer import Answer
from airquery.endpoints.adapters import adapter_for
from airquery.job import planned
from airquery.planning.estimate import Sample, Tally
from airquery.request import Request
from airquery.runner import prepared
from airquery.sqlfn.mentions import mentions_calls


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airquery.endpoints.endpoint import Endpoint
    from airquery.journal.record import Record
    from airquery.planning.estimate import Estimate
    from airquery.planning.plan import Plan
    from airquery.sqlfn.script import Dialect
    from airquery.sqlfn.session import Session

# So many of an endpoint's last answers say how long its next ones will be.
SAMPLE: Final = 200
_BATCH_ROWS: Final = 2048


def plan(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    *,
    dialect: Dialect = "duckdb",
    variables: Mapping[str, str] | None = None,
) -> Estimate:
    """Count what statements would ask, and what that would cost. Nothing is sent or changed.

    The rows are read as `airquery.run` would read them, each answer being NULL. Statements without
    calls are not run, so one that reads a table that an earlier one makes is not counted; `notes`
    say so.

    Args:
        connection: any DuckDB connection; ai_query is registered on it if it is not yet.
        sql: the statements, separated by semicolons.
        dialect: how they are spelled.
        variables: values for `${name}` in the text, and for `:name` in Databricks text.

    Raises:
        StatementError, ConfigurationError: as `airquery.run` would.
        JournalError: the journal cannot be read.
        duckdb.Error: anything DuckDB itself refuses in the first statement.
    """
    session, units = prepared(connection, sql, dialect=dialect, variables=variables)
    tally = Tally()
    statements = [planned(text) for unit in units for text in unit]
    number, running = session.begin()
    running.tally = tally
    try:
        connection.execute(f"SET VARIABLE airquery_statement = {number}")
        for one in statements:
            _count(connection, session, one, tally, number=number, first=one is statements[0])
    finally:
        session.end(number)
    return tally.estimate({one.name: _sample(session, one) for one in tally.endpoints()})


def _count(
    connection: duckdb.DuckDBPyConnection,
    session: Session,
    statement: Plan,
    tally: Tally,
    *,
    number: int,
    first: bool,
) -> None:
    for note in statement.uncounted():
        tally.note(note)
    if not statement.counting:
        if not statement.sites and mentions_calls(statement.text):
            tally.note(f"not counted, because its calls cannot be found: {_shown(statement.text)}")
        return
    try:
        # Bound once, unlike a relation: what is constant is counted while its query is bound.
        connection.execute(statement.counting)
        while connection.fetchmany(_BATCH_ROWS):
            pass
    except duckdb.Error as problem:
        # DuckDB passes on only the text of what our functions raise: the error itself is here.
        ours = session.errors.pop(number, None)
        if ours is not None:
            raise ours from None
        if first or not isinstance(problem, duckdb.CatalogException | duckdb.BinderException):
            raise
        tally.note(f"not counted, as no statement before it was run: {_shown(statement.text)}")


def _sample(session: Session, endpoint: Endpoint) -> Sample:
    """Read how long an endpoint's last answers were, and how long they took."""
    records = session.engine.recent(endpoint.name, most=SAMPLE)
    # Another model under the same name answers otherwise.
    alike = [one for one in records if one.model == endpoint.model]
    return Sample(
        output_tokens=tuple(_output_tokens(endpoint, alike)),
        latencies_s=tuple(one.latency_s for one in alike),
    )


def _output_tokens(endpoint: Endpoint, records: Iterable[Record]) -> Iterable[int]:
    asked = Request(endpoint=endpoint, input="")
    for record in records:
        with suppress(ValueError, TypeError, KeyError):
            outcome = adapter_for(endpoint).decode(asked, record.body)
            if isinstance(outcome, Answer) and outcome.usage.completion_tokens:
                yield outcome.usage.completion_tokens


def _shown(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 60 else f"{words[:59]}…"  # noqa: PLR2004 - one line
