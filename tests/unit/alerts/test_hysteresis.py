"""A value that goes up and down is one alert; it opens and clears only after the hold time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vwed.alerts.hysteresis import Level, Move, Track, level, step

HOLD_S, LOOK_S = 10.0, 5.0


def moves(values: Sequence[float | None], *, hold_s: float = HOLD_S, margin: float = 10.0) -> list[Move]:
    """What becomes of an alert with threshold 60 whose value is this at each look."""
    track, found = Track(), []
    for number, value in enumerate(values):
        track, move = step(track, level(value, 60, margin), number * LOOK_S, hold_s)
        found.append(move)
    return found


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(60.1, Level.OVER), (60, Level.BETWEEN), (50.1, Level.BETWEEN), (50, Level.QUIET), (0, Level.QUIET)],
)
def test_a_value_stands_on_one_side_or_between(value: float, wanted: Level) -> None:
    assert level(value, 60, 10) is wanted


def test_what_is_unknown_is_not_quiet() -> None:
    assert level(None, 60, 10) is Level.UNKNOWN


def test_it_opens_after_the_hold_time_and_not_before() -> None:
    assert moves([70, 70, 70]) == [Move.STAY, Move.STAY, Move.OPEN]


def test_a_break_begins_the_hold_time_anew() -> None:
    assert Move.OPEN not in moves([70, 70, 55, 70, 70, None, 70, 70])


def test_it_clears_after_the_hold_time_below_the_margin() -> None:
    assert moves([70, 70, 70, 40, 40, 40])[-3:] == [Move.STAY, Move.STAY, Move.CLEAR]


def test_it_does_not_clear_between_threshold_and_margin_or_while_unknown() -> None:
    assert Move.CLEAR not in moves([70, 70, 70, *[55] * 50, *[None] * 50])


def test_a_value_that_oscillates_around_its_threshold_opens_one_alert() -> None:
    found = moves([70, 70, 70, *[61, 59] * 500])
    assert found.count(Move.OPEN) == 1
    assert Move.CLEAR not in found


def test_without_a_hold_time_the_first_look_counts() -> None:
    assert moves([1, 70, 40], hold_s=0) == [Move.STAY, Move.OPEN, Move.CLEAR]


@given(st.lists(st.one_of(st.none(), st.floats(0, 120)), max_size=200), st.sampled_from([0.0, 5.0, 10.0, 30.0]))
def test_openings_and_clearings_take_turns_and_each_has_held(values: list[float | None], hold_s: float) -> None:
    found = [(number, move) for number, move in enumerate(moves(values, hold_s=hold_s)) if move is not Move.STAY]

    assert [move for _, move in found] == [Move.OPEN, Move.CLEAR] * (len(found) // 2) + [Move.OPEN] * (len(found) % 2)
    looks = int(hold_s / LOOK_S) + 1
    for number, move in found:
        wanted = Level.OVER if move is Move.OPEN else Level.QUIET
        assert all(level(value, 60, 10) is wanted for value in values[number - looks + 1 : number + 1])
        assert number + 1 >= looks
    for (first, _), (second, _) in itertools.pairwise(found):
        assert (second - first) * LOOK_S >= hold_s
