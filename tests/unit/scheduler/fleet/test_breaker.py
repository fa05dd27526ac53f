"""The circuit breaker of one target."""

from __future__ import annotations

import pytest

from scheduler.fleet.breaker import FIRST_PAUSE_S, Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(3, 15.0, clock=clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.started()
        breaker.failed()


def test_it_stays_closed_below_the_threshold_and_an_answer_starts_the_count_anew(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.answered()
    fail(breaker, 2)
    assert (breaker.open, breaker.room(10)) == (False, 10)


def test_at_the_threshold_nothing_passes_until_the_pause_is_over_then_one_probe(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    assert (breaker.open, breaker.room(10), breaker.seconds_left()) == (True, 0, FIRST_PAUSE_S)
    clock.now += FIRST_PAUSE_S
    assert breaker.room(10) == 1
    breaker.started()
    assert breaker.room(10) == 0


def test_each_failed_probe_doubles_the_pause_up_to_the_longest(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    pauses = []
    for _ in range(7):
        pauses.append(breaker.seconds_left())
        clock.now += breaker.seconds_left()
        fail(breaker)
    assert pauses == [1, 2, 4, 8, 15, 15, 15]


def test_calls_that_were_on_their_way_when_it_opened_do_not_lengthen_the_pause(breaker: Breaker) -> None:
    for _ in range(8):
        breaker.started()
    for _ in range(8):
        breaker.failed()
    assert breaker.seconds_left() == FIRST_PAUSE_S


def test_a_probe_that_is_answered_closes_it_and_one_that_is_given_up_lets_the_next_pass(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 3)
    clock.now += FIRST_PAUSE_S
    breaker.started()
    breaker.abandoned()
    assert breaker.room(10) == 1
    breaker.started()
    breaker.answered()
    assert (breaker.open, breaker.room(10)) == (False, 10)
