"""Which requests share one HTTP request, and what becomes of those that it failed for.

Texts to embed go several at once, and rows of a chat whose call says how many a prompt may hold; in
both only what is asked alike. One bad input fails the whole of it: then it is cut in halves until
the bad one is alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from airquery.answer import Failure
from airquery.endpoints.adapters import many_adapter_for
from airquery.execute.flight import whole_failure


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airquery.execute.flight import Ending, Flight
    from airquery.request import Request


# The statuses that may mean one of the inputs, or all of them together: bad, too large, not valid.
SPLIT_AGAIN: Final = frozenset({400, 413, 422})
# A reply to a prompt of several rows that holds no answers, such as one that was cut off.
NO_ANSWERS: Final = "AI_FUNCTION_INVALID_HTTP_RESPONSE"


def together(flights: Iterable[Flight]) -> Iterator[list[Flight]]:
    """Yield the flights by what goes into one HTTP request, in their order."""
    alike: dict[object, list[Flight]] = {}
    for flight in flights:
        size = _most(flight.request)
        if size == 1:
            yield [flight]
            continue
        group = alike.setdefault(_asked_alike(flight), [])
        group.append(flight)
        if len(group) == size:
            del alike[_asked_alike(flight)]
            yield group
    yield from alike.values()


def smaller(flights: Sequence[Flight], endings: Sequence[Ending]) -> list[list[Flight]]:
    """Return in which smaller groups failed flights are sent again; none for what has ended.

    A failure of the whole that may be one input's is looked for in the halves. An input that a
    reply to the others lacks is asked for alone.
    """
    if len(flights) == 1:
        return []
    whole = whole_failure(endings)
    if whole is None:
        pairs = zip(flights, endings, strict=True)
        return [[flight] for flight, ending in pairs if isinstance(ending.outcome, Failure)]
    unsent = endings[0].attempts == 0 and not whole.retryable
    of_inputs = whole.http_status in SPLIT_AGAIN or _of_the_prompt(flights[0].request, whole)
    if whole.fatal or not (unsent or of_inputs):
        return []
    half = len(flights) // 2
    return [list(flights[:half]), list(flights[half:])]


def _of_the_prompt(request: Request, failure: Failure) -> bool:
    """Tell whether fewer rows in one prompt may be answered where these were not."""
    packed = request.rows_per_prompt > 1
    return packed and failure.condition == NO_ANSWERS and not failure.retryable


def _most(request: Request) -> int:
    if request.endpoint.batch is not None:
        # There a request of its own costs nothing more.
        return 1
    rows = request.rows_per_prompt
    if many_adapter_for(request.endpoint, rows_per_prompt=rows) is None:
        return 1
    if rows == 1:
        return request.endpoint.limits.inputs_per_request
    return rows if isinstance(request.input, str) and not request.files else 1


def _asked_alike(flight: Flight) -> object:
    request = flight.request
    endpoint = request.endpoint
    constants = {
        "parameters": request.parameters,
        "response_format": request.response_format,
        "system": request.system,
        "rows_per_prompt": request.rows_per_prompt,
    }
    alike = orjson.dumps(constants, option=orjson.OPT_SORT_KEYS)
    return (endpoint.name, endpoint.base_url, endpoint.model, flight.cache, alike)
