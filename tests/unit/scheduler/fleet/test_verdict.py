"""What an answer means for an effect."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.fleet.client import Answered, RefusedCall, Unreachable
from scheduler.io.verdict import REFUSALS, Backoff, Claimed, judge
from scheduler.states import EffectStatus

BACKOFF = Backoff(1.0, 60.0)


def effect(attempts: int = 1, **result: Any) -> Claimed:
    return Claimed(1, "run~b2:1", 7, "fleet", "fleet", "addBlocks", "run~b1", "b2", {}, attempts, result)


def test_an_answer_ends_it_well() -> None:
    verdict = judge(effect(), Answered(already=True), BACKOFF, lambda: 1.0)
    assert (verdict.status, verdict.result) == (EffectStatus.DONE, {"code": 0, "already": True})


def test_silence_is_tried_again_without_end_and_what_may_have_arrived_is_remembered() -> None:
    first = judge(effect(), Unreachable("cut off", maybe_sent=True), BACKOFF, lambda: 1.0)
    assert (first.status, first.again_in_s, first.result["maybe_sent"]) == (EffectStatus.PENDING, 1.0, True)
    later = judge(effect(500, **first.result), Unreachable("refused"), BACKOFF, lambda: 1.0)
    assert (later.status, later.again_in_s, later.result["maybe_sent"]) == (EffectStatus.PENDING, 60.0, True)


def test_a_call_that_never_left_is_not_counted_as_sent() -> None:
    assert judge(effect(), Unreachable("refused"), BACKOFF, lambda: 1.0).result["maybe_sent"] is False


def test_a_complete_order_fails_the_effect_at_once() -> None:
    verdict = judge(effect(), RefusedCall(50003, "already complete"), BACKOFF, lambda: 1.0)
    assert verdict.status == EffectStatus.FAILED
    assert (verdict.result["code"], verdict.result["message"]) == (50003, "already complete")


def test_another_refusal_fails_only_after_several_tries_whatever_silence_lay_between() -> None:
    result: dict[str, Any] = {}
    states = []
    for attempt in range(1, 2 * REFUSALS):
        verdict = judge(effect(2 * attempt, **result), RefusedCall(60000, "busy"), BACKOFF, lambda: 0.0)
        states.append(verdict.status)
        if verdict.status == EffectStatus.FAILED:
            break
        silence = judge(effect(2 * attempt + 1, **verdict.result), Unreachable("gone"), BACKOFF, lambda: 0.0)
        result = dict(silence.result)
    assert states == [EffectStatus.PENDING] * (REFUSALS - 1) + [EffectStatus.FAILED]


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_a_pause_is_bounded_and_never_below_half_of_the_first(attempts: int, chance: float) -> None:
    assert 0.5 <= BACKOFF.pause(attempts, chance) <= 60.0


@pytest.mark.parametrize(("attempts", "pause"), [(1, 1.0), (2, 2.0), (5, 16.0), (7, 60.0)])
def test_pauses_double(attempts: int, pause: float) -> None:
    assert BACKOFF.pause(attempts, 1.0) == pause
