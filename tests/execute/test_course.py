"""How a statement went is kept in bounded room, however long it takes."""

from __future__ import annotations

from airquery.answer import Answer, Failure
from airquery.execute.answers import Result
from airquery.execute.course import (
    FIRST_WIDTH_S,
    MOST_MOMENTS,
    MOST_SAMPLES,
    Course,
    Kind,
    SoFar,
)
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

    assert course.so_far() == SoFar(
        FIRST_WIDTH_S,
        ((0.0, 5, 0, 1), (FIRST_WIDTH_S, 0, 0, 0), (2 * FIRST_WIDTH_S, 2, 3, 1)),
        {("C", "e"): Kind(2, ["no"]), ("D", ""): Kind(1, ["never"])},
    )


def test_moments_grow_longer_and_nothing_is_lost() -> None:
    clock = FakeClock()
    course = Course(clock.monotonic)
    for _ in range(5_000):
        course.ended("e", SENT)
        clock.advance(1.0)

    moments = course.so_far().moments
    assert course.so_far().width_s == FIRST_WIDTH_S * 512
    assert MOST_MOMENTS / 2 < len(moments) <= MOST_MOMENTS
    assert sum(answered for _, answered, _, _ in moments) == 5_000
    assert {answered for _, answered, _, _ in moments[:-1]} <= {51, 52}


def test_of_a_kind_of_failure_the_first_different_messages_are_kept() -> None:
    course = Course(FakeClock().monotonic)
    for number in range(1_000):
        course.ended("e", failed(f"message {number // 2}"))

    first = [f"message {number}" for number in range(MOST_SAMPLES)]
    assert course.so_far().kinds == {("C", "e"): Kind(1_000, first)}


def test_what_was_told_does_not_change_while_it_goes_on() -> None:
    course = Course(FakeClock().monotonic)
    course.ended("e", failed("no"))
    before = course.so_far()

    course.ended("e", failed("never"))

    assert before.kinds == {("C", "e"): Kind(1, ["no"])}
    assert before.moments == ((0.0, 1, 1, 1),)
