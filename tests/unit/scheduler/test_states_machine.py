"""Ranks and origins: arithmetic of the queue, and the state machine read backwards."""

from __future__ import annotations

import pytest

from scheduler import transitions
from scheduler.states import TRANSITIONS, Status


def test_a_higher_priority_goes_first_and_waiting_long_makes_up_for_it() -> None:
    now, minute = 1_000_000_000, 60_000

    assert transitions.rank_of(now, 5) < transitions.rank_of(now, 1)
    assert transitions.rank_of(now - 5 * minute, 1) < transitions.rank_of(now, 5)


@pytest.mark.parametrize(("given", "counts_as"), [(-3, 0), (0, 0), (100, 100), (10**9, 100)])
def test_absurd_priorities_are_clamped(given: int, counts_as: int) -> None:
    assert transitions.rank_of(0, given) == transitions.rank_of(0, counts_as)


@pytest.mark.parametrize("target", list(Status))
def test_origins_are_the_state_machine_read_backwards(target: Status) -> None:
    assert transitions.origins(target) == {status for status in Status if target in TRANSITIONS[status]}
