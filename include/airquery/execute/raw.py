"""Send one body as it is to an endpoint, with its key, and return what came back as it came.

It is paid like any other request: it counts for the day's budgets and in the usage. What is a
request of ours is looked up in the journal and remembered there; nothing else can be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import orjson

from airquery.answer import Answer, Failure
from airquery.clock import SystemClock
from airquery.connection import engine_for, journal_for
from airquery.endpoints.adapter import HttpRequest
from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.cost import used_cost
from airquery.endpoints.failures import read_failure
from airquery.endpoints.raw_request import request_of
from airquery.endpoints.redaction import readable, redact, redact_answer
from airquery.execute.budget import OF_ENDPOINT, Account, Amount, Budget, Spending, amount_of
from airquery.execute.credentials import Credentials
from airquery.execute.fetch import OK, run_to_end
from airquery.execute.ledger import EndpointUsage
from airquery.journal.record import Record
from airquery.journal.spent import utc_day
from airquery.records import FailureClass, RunRecord, records_of
from airquery.request import Request


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from airquery.answer import Outcome
    from airquery.clock import Clock
    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.reply import Reply
    from airquery.journal.spent import Spent
    from airquery.records import Origin
    from airquery.settings import Settings

# These hold what identifies a session.
_HIDDEN: Final = frozenset({"authorization", "set-cookie"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RawReply:
    """What came back, without secrets.

    `status` is None where nothing came; `failure` says what went wrong. `kept` says that the answer
    is in the journal, `from_journal` that it came from there and nothing was sent.
    """

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    latency_s: float = 0.0
    failure: str = ""
    kept: bool = False
    from_journal: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    price: float = 0.0
    currency: str = ""


def send_raw(
    endpoint: Endpoint,
    body: Mapping[str, object],
    *,
    settings: Settings,
    origin: Origin,
    budgets: Sequence[Budget] = (),
    again: bool = False,
    clock: Clock | None = None,
) -> RawReply:
    """Send a body, unless the journal has its answer or a budget has no room.

    `again` sends it whatever the journal has. Raises `JournalError`, and `InvalidEndpoint` for an
    endpoint that nothing can be sent to.
    """
    clock = clock or SystemClock()
    journal, engine = journal_for(settings.journal), engine_for(settings.journal)
    ours = request_of(endpoint, body)
    if ours is not None and not again:
        record = journal.get_many([ours.key]).get(ours.key)
        if record is not None:
            return RawReply(
                body=readable(endpoint, record.body),
                latency_s=record.latency_s,
                kept=True,
                from_journal=True,
            )
    began = clock.time()
    limits = [*budgets, _own_budget(endpoint)]
    refusal = _refused(limits, journal.spent(utc_day(began)), utc_day(began))
    if refusal is not None:
        return RawReply(failure=str(refusal))
    asked = ours or Request(endpoint=endpoint, input="")
    reply, latency_s = run_to_end(_exchanged(endpoint, asked, body, clock))
    outcome = _outcome(asked, reply, now=clock.time())
    kept = ours is not None and isinstance(outcome, Answer)
    cost = used_cost(outcome)
    used = Amount(requests=1) if cost is None else amount_of(asked, cost)
    engine.spend([str(one.per_day) for one in limits], used, endpoint.price.currency, kept=kept)
    if kept and not isinstance(reply, Failure):
        safe = redact_answer(endpoint, reply.body)
        record = Record(asked.key, endpoint.name, endpoint.model, clock.time(), latency_s, safe)
        journal.append(record, replace=again).result()
    usage = _usage(endpoint, outcome, used, latency_s)
    records_of(settings).add_run(
        _record(usage, outcome, origin=origin, began_at=began, ended_at=clock.time())
    )
    shown = _shown(endpoint, reply, outcome)
    return replace(
        shown,
        latency_s=latency_s,
        kept=kept,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        price=usage.price,
        currency=usage.currency,
    )


def _own_budget(endpoint: Endpoint) -> Budget:
    own = endpoint.per_day
    return Budget(
        requests=own.requests,
        tokens=own.tokens,
        money=own.money,
        per_day=OF_ENDPOINT + endpoint.name,
    )


def _refused(budgets: Sequence[Budget], spent: Sequence[Spent], day: date) -> Failure | None:
    """Return why a budget has no room for another request, None if all have."""
    for budget in budgets:
        account = Account()
        account.begin(day)
        for one in spent:
            if one.scope == budget.per_day:
                used = Amount(requests=one.requests, tokens=one.tokens, money=one.money)
                account.add(used, one.currency)
        spending = Spending(budget, account)
        if budget.is_bound and spending.closed:
            return spending.refusal()
    return None


async def _exchanged(
    endpoint: Endpoint, asked: Request, body: Mapping[str, object], clock: Clock
) -> tuple[Reply | Failure, float]:
    """Send the body where the endpoint's own format sends, and time that."""
    from airquery.execute.transport import Transport  # noqa: PLC0415 - see execute/exchange.py

    async with Transport() as transport:
        authorized = await Credentials(transport=transport, clock=clock).authorized(endpoint)
        if isinstance(authorized, Failure):
            return authorized, 0.0
        framed = adapter_for(endpoint).encode(
            replace(asked, endpoint=authorized, input=_sendable(asked))
        )
        request = HttpRequest(url=framed.url, headers=framed.headers, body=orjson.dumps(body))
        began = clock.monotonic()
        reply = await transport.post(
            request, timeout_s=endpoint.timeout_s, route=endpoint.route, once=True
        )
        return reply, clock.monotonic() - began


def _sendable(asked: Request) -> object:
    """Return an input that the format can write: only where it is sent is taken of it."""
    return asked.input or "-"


def _outcome(asked: Request, reply: Reply | Failure, *, now: float) -> Outcome:
    if isinstance(reply, Failure):
        return reply
    endpoint = asked.endpoint
    if reply.status in OK:
        return adapter_for(endpoint).decode(asked, redact_answer(endpoint, reply.body))
    return read_failure(
        endpoint, status=reply.status, headers=reply.headers, body=reply.body, now=now
    )


def _usage(endpoint: Endpoint, outcome: Outcome, used: Amount, latency_s: float) -> EndpointUsage:
    answer = outcome if isinstance(outcome, Answer) else Answer(value=None)
    answered = answer is outcome
    return EndpointUsage(
        endpoint=endpoint.name,
        model=endpoint.model,
        rows=1,
        requests=1,
        sent=1,
        from_journal=0,
        failed=int(not answered),
        not_asked=0,
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
        cached_tokens=answer.usage.cached_tokens,
        reasoning_tokens=answer.usage.reasoning_tokens,
        price=used.money,
        currency=endpoint.price.currency,
        latency_p50_s=latency_s if answered else None,
        latency_p95_s=latency_s if answered else None,
    )


def _record(
    usage: EndpointUsage, outcome: Outcome, *, origin: Origin, began_at: float, ended_at: float
) -> RunRecord:
    failures: tuple[FailureClass, ...] = ()
    if isinstance(outcome, Failure):
        failed = FailureClass(
            condition=outcome.condition,
            endpoint=usage.endpoint,
            count=1,
            samples=(outcome.message,),
        )
        failures = (failed,)
    latency_s = usage.latency_p50_s
    return RunRecord(
        id=uuid4().hex,
        began_at=began_at,
        ended_at=ended_at,
        outcome="partial" if failures else "complete",
        origin=origin,
        usage=(usage,),
        failures=failures,
        latencies_s={} if latency_s is None else {usage.endpoint: (latency_s,)},
    )


def _shown(endpoint: Endpoint, reply: Reply | Failure, outcome: Outcome) -> RawReply:
    failure = str(outcome) if isinstance(outcome, Failure) else ""
    if isinstance(reply, Failure):
        return RawReply(failure=failure)
    headers = tuple(
        (name, redact(endpoint, value))
        for name, value in reply.headers.items()
        if name.lower() not in _HIDDEN
    )
    return RawReply(
        status=reply.status,
        headers=headers,
        body=readable(endpoint, reply.body),
        failure=failure,
    )
