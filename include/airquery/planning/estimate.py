"""What a statement would ask, and what that costs: counted before anything is sent.

A `Tally` takes the requests of a statement that only counts. What it says is exact where it counts
(rows, distinct requests, those answered already) and a range where it guesses: how many tokens a
text has, how long answers will be. What nobody can know is None, never 0.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from statistics import fmean, quantiles
from typing import TYPE_CHECKING, Final

from airquery.endpoints.cost import expected_cost, most_output


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airquery.endpoints.endpoint import Endpoint, Price
    from airquery.request import Request


# An input token is guessed from its bytes. Plain English has more bytes a token than the guess
# takes, code, numbers and other scripts fewer.
_INPUT_LOW: Final = 0.75
_INPUT_HIGH: Final = 1.5
# Requests of the statement that were answered before say how far the guess is off for the others.
_ENOUGH_TO_LEARN: Final = 20
_LEARNT_LOW: Final = 0.9
_LEARNT_HIGH: Final = 1.1
_TEXT_TASKS: Final = ("chat", "completions")
_ENOUGH_FOR_SHARES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Between what a figure is; `high` is None where nothing bounds it."""

    low: float
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Answers that an endpoint gave before: how many output tokens each had, how long it took."""

    output_tokens: tuple[int, ...] = ()
    latencies_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointEstimate:
    """What one endpoint would be asked.

    `rows` need an answer, `requests` are distinct, `answered` of them are in the journal and cost
    nothing, `new` ones would be sent. Tokens and price are those of the new ones; `price` is None if
    the endpoint declares none. `seconds` is None where the journal knows no answer of the endpoint,
    or nothing says how many requests it takes at once.
    """

    endpoint: str
    model: str | None
    rows: int
    requests: int
    answered: int
    new: int
    input_tokens: Span
    output_tokens: Span
    price: Span | None
    currency: str
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a statement would ask of each endpoint. `notes` say what is not counted, and why."""

    endpoints: tuple[EndpointEstimate, ...]
    notes: tuple[str, ...]

    @property
    def new(self) -> int:
        """Return how many requests would be sent."""
        return sum(one.new for one in self.endpoints)


@dataclass(slots=True)
class _Counted:
    """What was counted of one endpoint so far.

    `most` is what the answers to the `bounded` requests may have together, in tokens. `told` of the
    answered requests say how many `told_tokens` they had, guessed as `guessed_tokens`.
    """

    endpoint: Endpoint
    rows: int = 0
    requests: int = 0
    answered: int = 0
    input_tokens: int = 0
    bounded: int = 0
    unbounded: int = 0
    most: float = 0.0
    told: int = 0
    told_tokens: int = 0
    guessed_tokens: int = 0


@dataclass(slots=True)
class Tally:
    """Counts the requests of one statement. Every method may be called from any thread."""

    _counted: dict[str, _Counted] = field(default_factory=dict)
    _seen: set[bytes] = field(default_factory=set)
    _notes: dict[str, None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(
        self,
        endpoint: Endpoint,
        requests: Sequence[Request],
        *,
        rows: int,
        answered: Callable[[Sequence[bytes]], Mapping[bytes, int]],
    ) -> None:
        """Count rows and what they need.

        `answered` says which of some keys cost nothing, and how many input tokens those had.
        """
        with self._lock:
            counted = self._counted.setdefault(endpoint.name, _Counted(endpoint))
            counted.rows += rows
            new = {one.key: one for one in requests if one.key not in self._seen}
            self._seen.update(new)
            counted.requests += len(new)
        known = answered(list(new)) if new else {}
        with self._lock:
            counted.answered += len(known)
            for key, request in new.items():
                if key not in known:
                    _add(counted, request)
                elif known[key]:
                    counted.told += 1
                    counted.told_tokens += known[key]
                    counted.guessed_tokens += _guessed(request)

    def note(self, text: str) -> None:
        """Remember what is not counted, once."""
        with self._lock:
            self._notes[text] = None

    def estimate(self, samples: Mapping[str, Sample]) -> Estimate:
        """Return what was counted; `samples` are earlier answers by the endpoint's name."""
        with self._lock:
            return Estimate(
                endpoints=tuple(
                    _estimated(one, samples.get(name, Sample()))
                    for name, one in sorted(self._counted.items())
                ),
                notes=tuple(self._notes),
            )

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return who would be asked."""
        with self._lock:
            return tuple(one.endpoint for one in self._counted.values())


def _add(counted: _Counted, request: Request) -> None:
    counted.input_tokens += _guessed(request)
    most = most_output(request)
    if most is None:
        counted.unbounded += 1
    else:
        counted.bounded += 1
        counted.most += most


def _guessed(request: Request) -> int:
    return expected_cost(request, usual_output=0.0).input_tokens


def _inputs(counted: _Counted) -> Span:
    low, high = _INPUT_LOW, _INPUT_HIGH
    if counted.told >= _ENOUGH_TO_LEARN:
        off = counted.told_tokens / counted.guessed_tokens
        low, high = _LEARNT_LOW * off, _LEARNT_HIGH * off
    return Span(
        low=float(round(counted.input_tokens * low)), high=float(round(counted.input_tokens * high))
    )


def _estimated(counted: _Counted, sample: Sample) -> EndpointEstimate:
    endpoint, new = counted.endpoint, counted.bounded + counted.unbounded
    inputs = _inputs(counted)
    outputs = _outputs(counted, sample)
    return EndpointEstimate(
        endpoint=endpoint.name,
        model=endpoint.model,
        rows=counted.rows,
        requests=counted.requests,
        answered=counted.answered,
        new=new,
        input_tokens=inputs,
        output_tokens=outputs,
        price=_price(endpoint.charged, inputs, outputs),
        currency=endpoint.price.currency,
        seconds=_seconds(endpoint, new, sample),
    )


def _outputs(counted: _Counted, sample: Sample) -> Span:
    """Bound the answers: by what their requests allow, or else by what came before."""
    if counted.endpoint.task not in _TEXT_TASKS or not counted.bounded + counted.unbounded:
        return Span(low=0.0, high=0.0)
    short, long = _usual(sample.output_tokens)
    # Answers of before may have been allowed more than these are.
    low = min(counted.most, counted.bounded * short) + counted.unbounded * short
    if counted.unbounded and long is None:
        return Span(low=low, high=None)
    return Span(low=low, high=counted.most + counted.unbounded * (long or 0.0))


def _usual(lengths: Sequence[int]) -> tuple[float, float | None]:
    """Return a short and a long answer among some: what a tenth of them fall short of, or exceed."""
    if not lengths:
        return 0.0, None
    if len(lengths) < _ENOUGH_FOR_SHARES:
        return float(lengths[0]), float(lengths[0])
    shares = quantiles(lengths, n=10, method="inclusive")
    return shares[0], shares[-1]


def _price(price: Price, inputs: Span, outputs: Span) -> Span | None:
    if price.input_per_million == price.output_per_million == 0.0:
        return None
    bounded = inputs.high is not None and outputs.high is not None
    high = _cost(price, inputs.high or 0.0, outputs.high or 0.0) if bounded else None
    if outputs.high is None and not price.output_per_million:
        high = _cost(price, inputs.high or 0.0, 0.0)
    return Span(low=_cost(price, inputs.low, outputs.low), high=high)


def _cost(price: Price, inputs: float, outputs: float) -> float:
    return price.of(prompt_tokens=round(inputs), completion_tokens=round(outputs))


def _seconds(endpoint: Endpoint, new: int, sample: Sample) -> float | None:
    """Expect how long the new requests take: as fast as the endpoint was, and as its rates allow."""
    if not new:
        return 0.0
    if endpoint.batch is not None:
        # It is answered when the provider has time for it.
        return None
    limits = endpoint.limits
    shared = limits.inputs_per_request if endpoint.task == "embeddings" else 1
    sent = math.ceil(new / shared)
    if limits.concurrency is None or not sample.latencies_s:
        return None
    rounds = math.ceil(sent / limits.concurrency)
    paced = 60.0 * sent / limits.requests_per_minute if limits.requests_per_minute else 0.0
    return max(rounds * fmean(sample.latencies_s), paced)
