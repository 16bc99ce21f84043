"""What goes into one job, when it is looked at, and what a request's end means: plain decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, strategies as st

from airquery.answer import Failure
from airquery.endpoints.batch import BatchState, Fault, Line
from airquery.endpoints.batch_wires import batch_wire_for
from airquery.endpoints.endpoint import Batch, Endpoint
from airquery.execute.batch_file import Bounds, Written, bounds_of, cut, lines_of
from airquery.execute.batch_job import (
    is_answer,
    may_have_arrived,
    outcome_of,
    pause_s,
    without_line,
)
from airquery.execute.parcel import Parcel
from airquery.request import Request


if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = Endpoint(
    name="llm", task="chat", base_url="http://127.0.0.1:9/v1", model="m", batch=Batch()
)


def written(*sizes: int) -> list[Written]:
    return [Written(Parcel([]), b"x" * size) for size in sizes]


@given(
    sizes=st.lists(st.integers(1, 60), max_size=60),
    requests=st.integers(1, 9),
    size=st.integers(1, 120),
)
def test_jobs_hold_every_request_once_in_order_within_both_bounds(
    sizes: list[int], requests: int, size: int
) -> None:
    given_ = written(*sizes)

    jobs = cut(given_, Bounds(requests=requests, size=size))

    assert [one for job in jobs for one in job] == given_
    for job in jobs:
        taken = sum(len(one.line) + 1 for one in job)
        assert 0 < len(job) <= requests
        assert taken <= size or len(job) == 1


def test_an_endpoint_can_only_make_jobs_smaller_than_its_provider_does() -> None:
    wire = batch_wire_for(ENDPOINT)

    assert bounds_of(Batch(), wire) == Bounds(requests=50_000, size=200_000_000)
    assert bounds_of(Batch(max_requests=7, max_bytes=9**12), wire) == Bounds(
        requests=7, size=200_000_000
    )


def test_a_job_is_looked_at_less_and_less_often() -> None:
    pauses = [pause_s(polls, Batch()) for polls in (*range(8), 5000)]

    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_only_what_was_refused_by_name_is_known_not_to_have_arrived() -> None:
    statuses = {None: True, 429: False, 400: False, 500: True, 502: True}

    for status, expected in statuses.items():
        assert may_have_arrived(Failure(condition="c", message="m", http_status=status)) is expected


def test_a_request_without_an_answer_ends_as_its_batch_did() -> None:
    faults = (Fault(code="bad", message="Line is bad.", line=1),)
    ended = {
        phase: without_line(ENDPOINT, BatchState(batch="b", phase=phase, faults=faults), 0)
        for phase in ("completed", "expired", "cancelled", "failed")
    }

    assert {phase: one.retryable for phase, one in ended.items()} == {
        "completed": True,
        "expired": True,
        "cancelled": False,
        "failed": True,
    }
    own = without_line(ENDPOINT, BatchState(batch="b", phase="failed", faults=faults), 1)
    assert (own.message, own.retryable) == (
        "Endpoint 'llm' refused batch b: bad: Line is bad.",
        False,
    )
    silent = without_line(ENDPOINT, BatchState(batch="b", phase="failed"), 1)
    assert (silent.message, silent.retryable) == ("Endpoint 'llm' refused batch b.", False)


def test_a_line_without_a_reply_says_why() -> None:
    request = Request(endpoint=ENDPOINT, input="hello")

    def said(code: str, message: str = "") -> tuple[str, bool]:
        line = Line(key=request.key, gone=Fault(code=code, message=message))
        outcome = outcome_of(request, line, batch="b", now=0.0)
        assert isinstance(outcome, Failure)
        return outcome.message, outcome.retryable

    assert said("batch_expired")[1] is True
    assert said("batch_canceled") == said("batch_cancelled")
    assert said("batch_cancelled")[1] is False
    assert said("server_error", "Sorry.") == (
        "Endpoint 'llm' has no reply to this request in batch b: server_error: Sorry.",
        True,
    )


def test_only_what_decodes_to_an_answer_is_kept_for_nobody() -> None:
    whole = b'{"choices":[{"message":{"content":"yes"}}]}'

    assert is_answer(ENDPOINT, Line(key=b"k", status=200, body=whole))
    assert not is_answer(ENDPOINT, Line(key=b"k", status=200, body=b'{"choices":[]}'))
    assert not is_answer(ENDPOINT, Line(key=b"k", status=500, body=whole))
    assert not is_answer(ENDPOINT, Line(key=b"k"))


def test_an_output_is_read_some_lines_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "output.jsonl"
    file.write_bytes(b"".join(b"%d\n" % n for n in range(300)) + b"\n  \nlast")

    read = list(lines_of(file))

    assert [len(some) for some in read] == [256, 45]
    assert read[-1][-1] == b"last"
