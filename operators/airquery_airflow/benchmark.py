"""How many requests at once an endpoint is worth: more and more, until more brings nothing.

It asks and pays every time: a measurement that is read from the journal measures nothing. So it is
never retried by itself where the Dag says `retries=0`, and the most it can send is known before.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

import airquery
from airquery_airflow.known_endpoints import known_endpoints
from airquery_airflow.manifest import Manifest
from airquery_airflow.table_task import TableTask


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from airquery.ladder import Rung
    from airquery.sqlfn.script import Dialect


log = logging.getLogger(__name__)

# So that the last requests of a rung, where less is in flight, weigh little.
_REQUESTS_PER_PLACE = 4
_NUMBERS = (
    "CREATE TABLE numbers AS SELECT unnest(range(CAST(? AS BIGINT), CAST(? AS BIGINT))) AS number"
)
_CREATE = (
    "CREATE OR REPLACE TEMP TABLE _output (concurrency INTEGER, answers_per_second DOUBLE, "
    "p50_s DOUBLE, p95_s DOUBLE, requests BIGINT, failed BIGINT, retries BIGINT, seconds DOUBLE, "
    "prompt_tokens BIGINT, completion_tokens BIGINT, price DOUBLE, currency VARCHAR, "
    "recommended BOOLEAN)"
)
_INSERT = "INSERT INTO _output VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkManifest(Manifest):
    """The manifest of the measurements; `recommended` is None if there were failures only."""

    recommended: int | None


class EndpointBenchmarkOperator(TableTask):
    """Measure a statement with 1, 2, 4, ... requests in flight, and recommend a number.

    The table has a row for each number that was measured, one of them `recommended`: the lowest
    with which nearly as many answers a second come as with the best. It climbs until two numbers
    in a row bring less than a tenth more, a request fails, or `most_concurrency` is reached.

    Args:
        sql: A SELECT over the relation `numbers`, which has a row in its column `number` for each
            request that is wanted, another number in every request. Each row must ask something
            that no other asks, with `cache => 'off'` and `failOnError => false`.
        dialect: How the statement is spelled, "duckdb" or "databricks".
        variables: Values for `${name}` in the statement, and for `:name` in Databricks text.
        requests: How many requests a measurement has at least; it has at least four for each that
            may be in flight. It may be a template.
        most_concurrency: The most in flight; it may be a template.
    """

    template_fields: Sequence[str] = (
        *TableTask.template_fields,
        "sql",
        "variables",
        "requests",
        "most_concurrency",
    )

    def __init__(
        self,
        *,
        sql: str,
        dialect: Dialect = "duckdb",
        variables: Mapping[str, str] | None = None,
        requests: int | str = 32,
        most_concurrency: int | str = 64,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql = sql
        self.dialect: Dialect = dialect
        self.variables = variables
        self.requests = requests
        self.most_concurrency = most_concurrency

    def write(self) -> BenchmarkManifest:
        """Measure, and publish what was measured."""
        from airquery.ladder import recommended  # noqa: PLC0415
        from airquery.sqlfn.script import read_select  # noqa: PLC0415

        text = read_select(self.sql, dialect=self.dialect, variables=self.variables)
        rungs = tuple(self._climb(text, known_endpoints(text)))
        best = recommended(rungs)
        if best is None:
            log.warning("Requests failed with every number in flight: nothing is recommended.")
        else:
            log.info("Recommended: limits: {concurrency: %d}. %s", best.concurrency, best)
        with self.session() as session:
            _create_output(session.connection, rungs, best)
            published = session.publish(self.table, "FROM _output")
        manifest = BenchmarkManifest(
            table=published.table,
            partition=published.partition,
            version=published.version,
            rows=published.rows,
            recommended=None if best is None else best.concurrency,
        )
        failed = sum(rung.failed for rung in rungs)
        return replace(
            manifest,
            outcome="partial" if failed else "complete",
            requests_sent=sum(rung.requests for rung in rungs),
            failed=failed,
            prompt_tokens=sum(rung.prompt_tokens for rung in rungs),
            completion_tokens=sum(rung.completion_tokens for rung in rungs),
            price=sum(rung.price for rung in rungs),
            currency=rungs[-1].currency,
        )

    def _climb(self, text: str, registry: airquery.Registry) -> Iterator[Rung]:
        """Measure one number in flight after another, while it is of use."""
        from airquery.ladder import next_concurrency  # noqa: PLC0415

        least = _positive("requests", self.requests)
        most = _positive("most_concurrency", self.most_concurrency)
        # The first requests load models and open connections, so they are not measured.
        first = self._measure(text, registry, concurrency=1, first=0, requests=1).requests
        rungs: list[Rung] = []
        while (concurrency := next_concurrency(rungs, most=most)) is not None:
            requests = max(least, _REQUESTS_PER_PLACE * concurrency)
            rung = self._measure(
                text, registry, concurrency=concurrency, first=first, requests=requests
            )
            log.info("%s", rung)
            first += requests
            rungs.append(rung)
            yield rung

    def _measure(
        self, text: str, registry: airquery.Registry, *, concurrency: int, first: int, requests: int
    ) -> Rung:
        from airquery.ladder import Rung, percentile  # noqa: PLC0415
        from airquery_airflow.session import output_statement  # noqa: PLC0415

        with self.session(_limited(registry, text, concurrency)) as session:
            session.connection.execute(_NUMBERS, [first, first + requests])
            if self.dialect == "databricks":
                text = session.lead_names_of(text)
            session.attach_tables_of(text)
            run = airquery.run(
                session.connection,
                output_statement(text),
                on_progress=self.progress.asked,
                cancel=session.cancel,
                origin=self.recording.origin,
                on_record=self.recording.ran,
            )
        stats = run.stats
        if stats.from_journal or stats.requests != requests:
            raise AirflowFailException(
                f"{requests} requests were wanted, but {stats.requests} different ones were asked, "
                f"{stats.from_journal} of them answered by the journal. Put the number into each "
                "request, ask once a row, and say cache => 'off'."
            )
        return Rung(
            concurrency=concurrency,
            requests=requests,
            failed=stats.failed,
            retries=stats.retries,
            seconds=stats.seconds,
            p50_s=percentile(run.latencies_s, 0.5),
            p95_s=percentile(run.latencies_s, 0.95),
            prompt_tokens=stats.prompt_tokens,
            completion_tokens=stats.completion_tokens,
            price=stats.price,
            currency=stats.currency,
        )


def _limited(registry: airquery.Registry, text: str, concurrency: int) -> airquery.Registry:
    """Bound the requests in flight to the endpoints of a statement. No straggler is asked twice."""
    limited = []
    for name in airquery.endpoint_names(text, registry):
        endpoint = registry.get(name)
        limits = replace(endpoint.limits, concurrency=concurrency, hedge=False)
        limited.append(replace(endpoint, limits=limits))
    return registry.with_endpoints(*limited)


def _positive(name: str, value: int | str) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = 0
    if number < 1:
        raise AirflowFailException(f"{name} must be a whole number above 0, not {value!r}.")
    return number


def _create_output(
    connection: DuckDBPyConnection, rungs: Sequence[Rung], best: Rung | None
) -> None:
    connection.execute(_CREATE)
    rows = [
        [
            rung.concurrency,
            rung.per_second,
            rung.p50_s,
            rung.p95_s,
            rung.requests,
            rung.failed,
            rung.retries,
            rung.seconds,
            rung.prompt_tokens,
            rung.completion_tokens,
            rung.price,
            rung.currency,
            rung is best,
        ]
        for rung in rungs
    ]
    connection.executemany(_INSERT, rows)
