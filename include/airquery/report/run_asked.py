"""What some runs asked of each endpoint, how it ended, and how long it took."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

from airquery.report.page import (
    Bar,
    Bars,
    Cell,
    Column,
    Latencies,
    Nothing,
    Table,
    Throughput,
)
from airquery.report.planned import planned_prices
from airquery.report.strip import MOST_DOTS, duration
from airquery.report.throughput import Rate
from airquery.report.words import money, share, span


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airquery.execute.ledger import EndpointUsage
    from airquery.records import RunRecord


_NUMBERS = ("rows", "requests", "sent", "from_journal", "failed", "not_asked")
_TOKENS = ("prompt_tokens", "completion_tokens")
_HEADS = ("rows", "requests", "sent", "from the journal", "failed", "not asked")


def endpoints(runs: Sequence[RunRecord]) -> Table:
    """Say what each endpoint was asked, and what that cost beside what was planned."""
    planned = planned_prices(runs)
    heads = (*_HEADS, "tokens in", "tokens out", "price", "planned", "slowest median")
    return Table(
        caption="Endpoints",
        columns=[
            Column(name="endpoint"),
            Column(name="model"),
            *(Column(name=head, numeric=True) for head in heads),
        ],
        rows=[
            _row(name, usages, planned=span(*planned[name]) if name in planned else None)
            for name, usages in _by_endpoint(runs)
        ],
        note="Tokens, price and times are those of the requests that were sent.",
    )


def endings(runs: Sequence[RunRecord]) -> Bars | Nothing:
    """Say how the requests ended."""
    usage = [one for run in runs for one in run.usage]
    requests = sum(one.requests for one in usage)
    if not requests:
        return Nothing(caption="How requests ended", note="none: nothing was asked.")
    from_journal, failed = (sum(getattr(o, n) for o in usage) for n in ("from_journal", "failed"))
    counts = {
        "answered by an endpoint": max(requests - from_journal - failed, 0),
        "answered by the journal": from_journal,
    }
    conditions: Counter[str] = Counter()
    for run in runs:
        for one in run.failures:
            conditions[one.condition] += one.count
    counts |= dict(conditions.most_common())
    return Bars(
        caption="How requests ended",
        bars=[
            Bar(label=label, share=count / requests, text=share(count, requests))
            for label, count in counts.items()
        ],
        note=f"Of {requests:,} requests.",
    )


def latencies(runs: Sequence[RunRecord]) -> Latencies | Nothing:
    """Show how long the answers took that were sent for."""
    caption = "How long answers took"
    seconds: dict[str, list[float]] = {}
    counts: dict[str, int] = {}
    for name, known in _latencies_by_endpoint(runs).items():
        total = sum(count for count, _ in known)
        counts[name] = total
        seconds[name] = [
            one for count, values in known for one in _some(values, MOST_DOTS * count / total)
        ]
    if not seconds:
        return Nothing(caption=caption, note="none: no answer was sent for.")
    return Latencies(
        caption=caption,
        seconds=seconds,
        counts=counts,
        note="On a logarithmic scale; the line is the median. Of many answers some are shown.",
    )


def throughput(runs: Sequence[RunRecord]) -> Throughput | Nothing:
    """Show how many requests ended as time went by."""
    caption = "Requests as time went by"
    rates = [
        Rate(
            second=run.began_at + one.second,
            seconds=run.width_s,
            answered=one.answered,
            failed=one.failed,
        )
        for run in runs
        for one in run.throughput
    ]
    if not any(one.answered for one in rates):
        return Nothing(caption=caption, note="none: no request ended.")
    return Throughput(
        caption=caption,
        rates=rates,
        note="Requests that ended, a second. The striped part of a bar failed.",
    )


def _by_endpoint(runs: Sequence[RunRecord]) -> Iterator[tuple[str, list[EndpointUsage]]]:
    usage = sorted((one for run in runs for one in run.usage), key=lambda one: one.endpoint)
    for name, usages in groupby(usage, key=lambda one: one.endpoint):
        yield name, list(usages)


def _row(name: str, usages: Sequence[EndpointUsage], *, planned: str | None) -> list[Cell]:
    models = dict.fromkeys(one.model for one in usages if one.model)
    medians = [one.latency_p50_s for one in usages if one.latency_p50_s is not None]
    return [
        name,
        ", ".join(models) or None,
        *(sum(getattr(one, number) for one in usages) for number in (*_NUMBERS, *_TOKENS)),
        money((one.price, one.currency) for one in usages),
        planned,
        duration(max(medians)) if medians else None,
    ]


def _latencies_by_endpoint(
    runs: Sequence[RunRecord],
) -> dict[str, list[tuple[int, Sequence[float]]]]:
    """Return the latencies of each endpoint, and of how many answers each run's are."""
    found: defaultdict[str, list[tuple[int, Sequence[float]]]] = defaultdict(list)
    for run in runs:
        sent = {one.endpoint: one.sent - one.failed for one in run.usage}
        for name, values in run.latencies_s.items():
            if values:
                count = len(values)
                # Only of many they are some; a failure counts among those that were sent.
                found[name].append((max(count, sent.get(name, 0)), values))
    return found


def _some(values: Sequence[float], most: float) -> list[float]:
    """Return values of evenly spaced ranks, in the share that a run has of all."""
    count = min(max(round(most), 1), len(values))
    if count == 1:
        return [values[len(values) // 2]]
    step = (len(values) - 1) / (count - 1)
    return [values[round(place * step)] for place in range(count)]
