"""How a statement went is kept in bounded room, however long it takes."""

from __future__ import annotations

from airquery.answer import Answer, Failure
from airquery.execute.answers import Result
from airquery.execute.course import FIRST_WIDTH_S, MOST_MOMENTS, MOST_SAMPLES, Course
from airquery.testing import FakeClock


SENT = Result(outcome=Answer(value="yes"), source="endpoint", attempts=1)
REMEMBERED = Result(outcome=Answer(value="yes"), source="journal")


def failed(message: str, condition: str = "C") -> Result:
    failure = Failure(condition=condition, message=message)
    return Result(outcome=failure, source="endpoint", attempts=1)


def test_each_moment_counts_what_ended_in_it() -> None:
    clock = FakeClock()
    course = Course(clock.monotonic)
    course.ended("e", SENT)
    course.ended("e", REMEMBERED)
    course.remembered(3)
    clock.advance(2.5 * FIRST_WIDTH_S)
    course.ended("e", failed("no"))
    course.misfit("e", Failure(condition="C", message="no"))
    course.refused(Failure(condition="D", message="never"))

    assert list(course.moments()) == [
        (0.0, 5, 0, 1),
        (FIRST_WIDTH_S, 0, 0, 0),
        (2 * FIRST_WIDTH_S, 2, 3, 1),
    ]
    kinds = {key: (kind.count, kind.samples) for key, kind in course.kinds.items()}
    assert kinds == {("C", "e"): (2, ["no"]), ("D", ""): (1, ["never"])}


def test_moments_grow_longer_and_nothing_is_lost() -> None:
    clock = FakeClock()
    course = Course(clock.monotonic)
    for _ in range(5_000):
        course.ended("e", SENT)
        clock.advance(1.0)

    moments = list(course.moments())
    assert course.width_s == FIRST_WIDTH_S * 512
    assert MOST_MOMENTS / 2 < len(moments) <= MOST_MOMENTS
    assert sum(answered for _, answered, _, _ in moments) == 5_000
    assert {answered for _, answered, _, _ in moments[:-1]} <= {51, 52}


def test_of_a_kind_of_failure_the_first_different_messages_are_kept() -> None:
    course = Course(FakeClock().monotonic)
    for number in range(1_000):
        course.ended("e", failed(f"message {number // 2}"))

    [kind] = course.kinds.values()
    assert kind.count == 1_000
    assert kind.samples == [f"message {number}" for number in range(MOST_SAMPLES)]
