"""The state of a run as text."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from execution.effects import EffectAnswer, OrderView, SiteState
from execution.limits import RunInfo
from execution.outcome import SliceEnd
from execution.state import StateError, dump_answer, load_answer
from execution.testing import MemoryPort
from execution.values import Character, Long
from execution.walker import Run
from tests.unit.execution.trees import block, plan, run, say, set_

WAITING = [set_("b1", "v", "5L"), block("b2", "DelayBp", timeMillis="1000"), say("b3", "x")]


def waiting_state() -> str:
    port = MemoryPort()
    with Run.start(plan(*WAITING), {}, RunInfo("r")) as walking:
        return walking.advance(port).snapshot.state or ""


def test_values_keep_their_types() -> None:
    values = ["5L", "1.5B", '"ab".charAt(0)', '"5"', "5", "2.5", '["k": 7L]', "9999999999"]
    blocks = [set_(f"s{index}", f"v{index}", value) for index, value in enumerate(values)]
    result = run(*blocks, block("d", "DelayBp", timeMillis="10"), say("e", "x"))
    kinds = [type(value) for value in result.variables.values()]
    assert kinds == [Long, Decimal, Character, str, int, float, dict, Long]
    assert type(result.variables["v6"]["k"]) is Long


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "SiteFound",
        ["SiteFound", 1],
        Long(5),
        {"a": Decimal("1.5")},
        EffectAnswer("failed", {"code": 5}, 2),
        OrderView("o", "FAILED", "R", {"a": "FINISHED"}, {}, "why", (60019,)),
        SiteState("A", True, "", "x", False),
    ],
)
def test_answers_come_back_as_what_they_were(answer: Any) -> None:
    again = load_answer(json.loads(json.dumps(dump_answer(answer))))
    assert (again, type(again)) == (answer, type(answer))


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "null", '{"v": 1}', '{"v": 99}'])
def test_a_damaged_state_is_refused_with_a_message(text: str) -> None:
    with pytest.raises(StateError, match="state"):
        Run.restore(plan(*WAITING), text, RunInfo("r"))


def test_a_state_of_another_plan_is_refused() -> None:
    with pytest.raises(StateError):
        Run.restore(plan(say("other", "x")), waiting_state(), RunInfo("r"))


def test_any_part_missing_from_a_state_is_noticed_when_it_is_read() -> None:
    whole = json.loads(waiting_state())
    for key in whole:
        if key not in ("path",):
            with pytest.raises(StateError):
                Run.restore(plan(*WAITING), json.dumps({k: v for k, v in whole.items() if k != key}), RunInfo("r"))


def test_a_state_is_compact() -> None:
    assert len(waiting_state()) < 500


def test_a_run_that_has_ended_has_no_state_and_a_failed_one_has() -> None:
    ends: list[SliceEnd] = []
    run(say("b1", "x"), on_slice=lambda number, port, end: ends.append(end))
    run(block("b1", "SetSiteFilledBp", siteId="nowhere"), on_slice=lambda number, port, end: ends.append(end))
    assert ends[0].snapshot.state is None
    assert ends[1].snapshot.state is not None
