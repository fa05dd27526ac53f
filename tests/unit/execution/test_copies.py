"""ParallelRepeatNBp: the same children several times side by side."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.errors import PlanErrors
from execution.limits import Limits, RunInfo
from execution.outcome import Failed, SliceEnd
from execution.testing import FakeFleet, FakeSites, MemoryPort, Result, Site
from execution.walker import Run
from tests.unit.execution.trees import Block, block, expr, plan, robot, run, say, throw, try_


@pytest.fixture(params=[None, Limits(slice_steps=1)], ids=["at once", "suspended after every block"])
def limits(request: pytest.FixtureRequest) -> Limits | None:
    return request.param


def copies(name: str, num: Any, *children: Block) -> Block:
    return block(name, "ParallelRepeatNBp", *children, num=num)


def repeat(name: str, rounds: int, *children: Block) -> Block:
    return block(name, "RepeatNumBp", *children, num=rounds)


def said(result: Result) -> list[str]:
    return [json.loads(line.args)["message"] for line in result.port.logs if line.code == "block.print"]


def test_each_copy_runs_all_children_in_order_beside_the_others() -> None:
    result = run(copies("p", 2, say("a", "a"), say("b", "b")), say("e", "after"))
    assert result.steps == ["p", "a", "a", "b", "b", "e"]
    assert [row.iteration for row in result.port.blocks.values() if row.name == "a"] == ["1", "2"]


def test_copies_take_turns_in_a_window() -> None:
    result = run(copies("p", 5, say("a", "a"), say("b", "b")), limits=Limits(max_parallel_blocks=2))
    assert result.steps == ["p", "a", "a", "b", "b", "a", "a", "b", "b", "a", "b"]
    (line,) = [line for line in result.port.logs if line.code == "parallel.window"]
    assert json.loads(line.args) == {"count": 5, "at_once": 2}


def test_what_copies_ask_for_has_keys_of_its_own(limits: Limits | None) -> None:
    port = MemoryPort(fleet=FakeFleet(["R1", "R2", "R3"]))
    result = run(repeat("r", 2, copies("p", 2, robot("g", "A"))), port=port, limits=limits)
    orders = {effect.request["order_id"] for effect in port.effects.values()}
    assert result.code == 1003
    assert orders == {f"rec-1~g~{round_}.{copy}" for round_ in (1, 2) for copy in (1, 2)}


@pytest.mark.parametrize(
    "num", [expr("null"), expr("-1"), expr("101"), expr("1.5"), expr("'x'"), expr("true")], ids=str
)
def test_a_number_of_copies_that_cannot_be_fails_the_block(num: Any, limits: Limits | None) -> None:
    result = run(copies("p", num, say("a", "a")), limits=limits)
    assert isinstance(result.outcome, Failed)
    assert result.outcome.error_code in ("parallel.copies", "block.parameter")
    assert (result.outcome.block, said(result), result.code) == ("p", [], 1006)


@pytest.mark.parametrize("num", [None, "", "x", "1.5"])
def test_a_definition_without_a_whole_number_is_refused(num: Any) -> None:
    with pytest.raises(PlanErrors):
        plan(copies("p", num, say("a", "a")))


@pytest.mark.parametrize("num", [0, 1, 100])
def test_from_none_to_a_hundred(num: int, limits: Limits | None) -> None:
    assert said(run(copies("p", num, say("a", "a")), say("e", "e"), limits=limits)) == ["a"] * num + ["e"]


def test_without_children_there_is_nothing_to_copy() -> None:
    assert run(copies("p", 3), say("e", "e")).steps == ["p", "e"]


def test_there_is_no_index() -> None:
    result = run(copies("p", 2, say("a", expr("blocks.p.index"))))
    assert isinstance(result.outcome, Failed)
    assert result.outcome.block == "a"


def test_a_break_in_a_copy_leaves_the_loop_around_when_all_have_ended(limits: Limits | None) -> None:
    inside = copies("p", 2, block("i", "IfBp", block("b", "BreakBp"), condition="true"), say("n", "never"))
    assert said(run(repeat("r", 3, inside, say("o", "o")), say("e", "after"), limits=limits)) == ["after"]


def test_a_loop_inside_a_copy_takes_its_own_break(limits: Limits | None) -> None:
    inside = copies("p", 2, repeat("r", 3, say("a", "a"), block("b", "BreakBp")), say("k", "k"))
    assert sorted(said(run(inside, limits=limits))) == ["a", "a", "k", "k"]


def test_a_return_in_a_copy_ends_the_task(limits: Limits | None) -> None:
    result = run(copies("p", 3, say("a", "a"), block("q", "ReturnBp"), say("n", "never")), say("e", "e"), limits=limits)
    assert (result.code, set(said(result))) == (1003, {"a"})


def test_a_failing_copy_fails_the_block_when_the_others_have_ended(limits: Limits | None) -> None:
    first = block("i", "IfBp", throw("x", "boom"), condition=expr("task.variables.n != true"))
    mark = block("m", "SetTaskVariableBp", varName="n", varValue=expr("true"))
    inside = copies(
        "p", 2, try_("t", [first], [mark], swallow=False), block("d", "DelayBp", timeMillis="9"), say("k", "k")
    )
    result = run(try_("c", [inside], [say("h", "caught")]), limits=limits)
    assert (result.code, said(result)[-1]) == (1003, "caught")


def test_an_answer_success_false_is_no_failure_of_a_copy(limits: Limits | None) -> None:
    port = MemoryPort(FakeSites([Site("A", locked_by="kim")]))
    tree = copies("p", 2, block("l", "SetSiteLockedBp", siteId="A", retryTimes=1), say("k", "k"))
    result = run(tree, port=port, limits=limits)
    assert (result.code, said(result)) == (1003, ["k", "k"])


def test_a_failed_copy_alone_is_tried_again() -> None:
    made = plan(copies("p", 3, say("a", "a"), say("b", expr("task.variables.nope.x"))))
    port = MemoryPort()
    with Run.start(made, {}, RunInfo("r")) as walking:
        port.commit(walking.advance(port).snapshot)
    with Run.restore(made, port.state or "", RunInfo("r", attempt=2)) as walking:
        end = walking.advance(port)
    assert isinstance(end.outcome, Failed)
    assert [(row.name, row.iteration) for row in end.snapshot.blocks if row.ended_ms] == [
        ("b", "1"),
        ("b", "2"),
        ("b", "3"),
    ]


def test_a_hundred_copies_hold_the_state_of_ten() -> None:
    largest = {}
    for count in (10, 100):
        sizes: list[int] = []

        def look(number: int, port: MemoryPort, end: SliceEnd, sizes: list[int] = sizes) -> None:
            sizes.append(len(json.loads(port.state or '{"branches": []}')["branches"]))

        run(copies("p", count, *(say(f"b{n}", "x") for n in range(4))), limits=Limits(slice_steps=7), on_slice=look)
        largest[count] = max(sizes)
    assert largest == {10: 11, 100: 11}
