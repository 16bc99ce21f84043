"""`airquery journal stats | find | show | prune | export`: look at paid answers, and let old ones go.

What is removed will be paid for again when it is asked again; no result is wrong without it.
"""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airquery.cli.message import harmless
from airquery.cli.statement import journal_url
from airquery.freshness import age_s


if TYPE_CHECKING:
    from airquery.journal.claims import Holder
    from airquery.journal.jobs import BatchJob
    from airquery.journal.store import Journal
    from airquery.settings import Settings


_KEY = re.compile(r"[0-9a-fA-F]{64}")

Where = Annotated[
    str | None,
    typer.Option("--journal", help="File or URL of the journal; by default AIRQUERY_JOURNAL."),
]

Target = Annotated[Path, typer.Argument(help="The Parquet file to write.")]

journal = typer.Typer(
    name="journal", no_args_is_help=True, help="Look at paid answers, or let old ones go."
)


@journal.command("stats")
def show_stats(*, where: Where = None) -> None:
    """Count the answers of each endpoint and model; say what is begun and was spent today (UTC)."""
    from rich.table import Table  # noqa: PLC0415 - not needed to show the help

    from airquery.cli.rows import print_table  # noqa: PLC0415
    from airquery.journal.spent import utc_day  # noqa: PLC0415

    today = utc_day(time.time())
    with closing(_opened(where)) as opened:
        found, spent = opened.stats(), opened.spent(today)
        holders, jobs = opened.holders(), opened.jobs.jobs()
    table = Table("endpoint", "model", "answers", "bytes", "oldest", "newest")
    for one in found:
        numbers = (f"{one.records:,}", f"{one.size:,}", _date(one.oldest), _date(one.newest))
        table.add_row(*map(harmless, (one.endpoint, one.model or "", *numbers)))
    print_table(table, sys.stdout)
    records, size = sum(one.records for one in found), sum(one.size for one in found)
    typer.echo(f"{records:,} answers, {size:,} bytes")
    if spent:
        table = Table(f"spent on {today}", "requests", "tokens", "money")
        for row in spent:
            money = f"{row.money:,.6f} {row.currency}"
            table.add_row(harmless(row.scope), f"{row.requests:,}", f"{row.tokens:,}", money)
        print_table(table, sys.stdout)
    for holder in holders:
        typer.echo(harmless(_held_by(holder)))
    for job in jobs:
        typer.echo(harmless(_submitted(job)))


@journal.command("find")
def find_records(
    text: Annotated[str, typer.Argument(help="A part of the answer, as you have it.")],
    *,
    limit: Annotated[int, typer.Option(min=1, help="The most keys to print.")] = 20,
    where: Where = None,
) -> None:
    """Print the keys of the answers that hold a text, for `show`; all answers are looked through."""
    # A reply is JSON as a rule, in which a text may be escaped.
    spelled = {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    wanted = [one.encode() for one in spelled]
    with closing(_opened(where)) as opened:
        holding = (one for one in opened.records() if any(part in one.body for part in wanted))
        found = list(islice(holding, limit + 1))
    for one in found[:limit]:
        typer.echo(harmless(f"{one.key.hex()}  {_date(one.created_at)}  {one.endpoint}"))
    if len(found) > limit:
        typer.echo(f"There are more than {limit}: give more of the text, or --limit.", err=True)
    if not found:
        typer.echo(harmless(f"No answer in the journal holds {text!r}."), err=True)
        raise typer.Exit(1)


@journal.command("show")
def show_record(
    key: Annotated[str, typer.Argument(help="The request's key: 64 hexadecimal digits.")],
    *,
    where: Where = None,
) -> None:
    """Show one answer as it came over the wire."""
    if not _KEY.fullmatch(key):
        raise typer.BadParameter(
            "A key is 64 hexadecimal digits, as `airquery journal find` prints them."
        )
    with closing(_opened(where)) as opened:
        found = opened.get_many([bytes.fromhex(key)])
    if not found:
        typer.echo(f"The journal has no answer to {key.lower()}.", err=True)
        raise typer.Exit(1)
    (one,) = found.values()
    typer.echo(f"key       {one.key.hex()}")
    typer.echo(harmless(f"endpoint  {one.endpoint}"))
    typer.echo(harmless(f"model     {one.model or ''}"))
    typer.echo(f"asked     {_date(one.created_at)}")
    typer.echo(f"took      {one.latency_s:.3f} s")
    typer.echo(f"bytes     {len(one.body):,}\n")
    typer.echo(harmless(one.body.decode("utf-8", errors="replace")))


@journal.command("prune")
def prune(
    *,
    older_than: Annotated[
        str, typer.Option("--older-than", help="Such as 30d: a number and s, m, h, d or w.")
    ],
    where: Where = None,
) -> None:
    """Remove old answers, which are paid for again when they are asked again, and old reports."""
    from airquery.records import records_of  # noqa: PLC0415 - not needed to show the help

    before = time.time() - _seconds(older_than)
    with closing(_opened(where)) as opened:
        gone = opened.prune(before)
    typer.echo(
        f"removed {gone.records:,} answers of {gone.size:,} bytes, from before {_date(before)}"
    )
    if reports := records_of(_settings(where)).prune(before):
        typer.echo(
            f"removed {reports:,} records of runs and tasks; airquery_usage() keeps its rows"
        )


@journal.command("forget-job")
def forget_job(
    job: Annotated[str, typer.Argument(help="The job's id, as `stats` shows it.")],
    *,
    where: Where = None,
) -> None:
    """Forget a batch job. What it was to bring is paid for again when it is asked again."""
    with closing(_opened(where)) as opened:
        if job not in {one.id for one in opened.jobs.jobs()}:
            typer.echo(harmless(f"The journal has no batch job {job}."), err=True)
            raise typer.Exit(1)
        opened.jobs.forget(job)
    typer.echo(harmless(f"forgot batch job {job}"))


@journal.command("export")
def export(
    file: Target,
    *,
    where: Where = None,
) -> None:
    """Write all answers to a Parquet file, in the order of their keys."""
    from airquery.journal.export import write_parquet  # noqa: PLC0415 - loads pyarrow

    with closing(_opened(where)) as opened:
        count = write_parquet(opened.records(), file)
    typer.echo(f"wrote {count:,} answers to {file}")


def _held_by(holder: Holder) -> str:
    who = f"process {holder.pid} on {holder.host}"
    if holder.ended:
        return (
            f"{holder.requests:,} requests were begun by {who}, which ended without a word: asked "
            "again, those that were in flight are paid for twice"
        )
    return f"{holder.requests:,} requests are begun and not answered by {who}"


def _submitted(job: BatchJob) -> str:
    batch = "not confirmed by its provider" if job.batch is None else f"batch {job.batch}"
    return (
        f"batch job {job.id} ({batch}) of {len(job.keys):,} requests to {job.address} was submitted on "
        f"{_date(job.created_at)}: asking them again reads it"
    )


def _opened(where: str | None) -> Journal:
    from airquery.journal.opening import open_journal  # noqa: PLC0415 - not needed to show the help

    return open_journal(_settings(where).journal)


def _settings(where: str | None) -> Settings:
    from airquery.settings import Settings  # noqa: PLC0415 - as above

    return Settings.read(**({} if where is None else {"journal": journal_url(where)}))


def _seconds(age: str) -> float:
    try:
        return age_s(age)
    except ValueError as problem:
        raise typer.BadParameter(f"--older-than {problem}") from None


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
