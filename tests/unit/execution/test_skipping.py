"""SkipToComponent: forward only, into the blocks around its target, out of those that do not hold it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.limits import Limits
from execution.outcome import Failed
from execution.testing import MemoryPort, Result
from tests.unit.execution.trees import Block, block, expr, go, plan, robot, run, say, set_, throw, try_


@pytest.fixture(params=[None, Limits(slice_steps=1)], ids=["at once", "suspended after every block"])
def limits(request: pytest.FixtureRequest) -> Limits | None:
    return request.param


def skip(name: str, target: Any) -> Block:
    return block(name, "SkipToComponent", skipComponentId=target)


def said(result: Result) -> list[str]:
    return [json.loads(line.args)["message"] for line in result.port.logs if line.code == "block.print"]


def logged(result: Result) -> list[tuple[str, str]]:
    return [(line.code, line.block) for line in result.port.logs if line.code.startswith("skip.")]


def codes(result: Result) -> dict[str, int]:
    return {row.name: row.code for row in result.port.blocks.values()}


def calls(result: Result) -> list[str]:
    return [str(effect.request["operation"]) for effect in result.port.effects.values()]


def serial(name: str, *children: Block) -> Block:
    return block(name, "SerialFlowBp", *children)


def repeat(name: str, rounds: int, *children: Block) -> Block:
    return block(name, "RepeatNumBp", *children, num=rounds)


def test_blocks_up_to_the_target_are_recorded_as_not_executed(limits: Limits | None) -> None:
    result = run(
        skip("s", "c"), say("a", "a"), serial("b", say("b1", "b")), say("c", "c"), say("d", "d"), limits=limits
    )
    assert (result.code, said(result)) == (1003, ["c", "d"])
    assert codes(result) == {"s": 1003, "a": 1005, "b": 1005, "c": 1003, "d": 1003}
    assert logged(result) == [("skip.begun", "s"), ("skip.reached", "c")]
    assert json.loads(result.port.logs[0].args) == {"block": "s", "target": "c"}


@pytest.mark.parametrize("target", ["TARGET", " target ", expr("'tar' + 'get'"), "77"], ids=str)
def test_the_target_is_named_in_any_case_or_by_its_id(target: Any, limits: Limits | None) -> None:
    tree = {**say("Target", "t"), "id": 77}
    assert said(run(skip("s", target), say("a", "a"), tree, limits=limits)) == ["t"]


def test_a_name_goes_before_an_id(limits: Limits | None) -> None:
    blocks = [skip("s", "5"), {**say("a", "by id"), "id": 5}, {**say("5", "by name"), "id": 6}]
    assert said(run(*blocks, limits=limits)) == ["by name"]


def test_of_names_that_differ_in_case_alone_the_first_to_come_is_reached(limits: Limits | None) -> None:
    assert said(run(skip("s", "x"), say("a", "a"), say("X", "X"), say("x", "x"), limits=limits)) == ["X", "x"]


@pytest.mark.parametrize("given", [{}, {"skipComponentId": " "}, {"skipComponentId": expr("null")}], ids=str)
def test_without_a_target_the_block_fails(given: dict[str, Any], limits: Limits | None) -> None:
    result = run(block("s", "SkipToComponent", **given), say("a", "a"), limits=limits)
    assert isinstance(result.outcome, Failed)
    assert (result.outcome.error_code, result.code, said(result)) == ("skip.no-target", 1006, [])
    caught = run(
        try_("t", [block("s", "SkipToComponent", **given)], [say("c", "caught")]), say("a", "a"), limits=limits
    )
    assert said(caught) == ["caught", "a"]


# --- Into blocks ---


@pytest.mark.parametrize(
    "around",
    [
        block("i", "IfBp", say("a", "a"), say("t", "t"), condition="false"),
        block("i", "IfBp", say("a", "a"), say("t", "t"), condition=expr("blocks.none.x == 1")),
        block(
            "i",
            "IfElseBp",
            branches={"if": [say("a", "a")], "else": [say("b", "b"), say("t", "t")]},
            conditionIf="true",
        ),
        block("i", "IfElseBp", branches={"if": [say("t", "t")], "else": [say("b", "b")]}, conditionIf="false"),
        block(
            "i",
            "IfElseIfBp",
            branches={"if": [say("a", "a")], "else_if": [say("t", "t")], "else": [say("b", "b")]},
            conditionIf="true",
            conditionElseIf="false",
        ),
        serial("i", say("a", "a"), serial("j", say("b", "b"), say("t", "t"))),
        repeat("i", 1, say("a", "a"), say("t", "t")),
        block("i", "IterateListBp", say("a", "a"), say("t", "t"), list="[1]"),
        try_("i", [say("a", "a"), say("t", "t")], [say("b", "b")]),
        block("i", "ParallelFlowBp", say("a", "a"), serial("j", say("b", "b"), say("t", "t")), throw("x", "x")),
        block("i", "ParallelRepeatNBp", say("a", "a"), say("t", "t"), num=1),
        robot("i", "A", say("a", "a"), say("t", "t")),
    ],
    ids=lambda tree: tree["blockType"],
)
def test_the_blocks_around_the_target_are_entered(around: Block, limits: Limits | None) -> None:
    result = run(skip("s", "t"), say("o", "before"), around, say("e", "after"), limits=limits)
    assert (result.code, said(result)) == (1003, ["t", "after"])
    assert (codes(result)["o"], codes(result)["i"], codes(result)["t"]) == (1005, 1003, 1003)
    assert logged(result) == [("skip.begun", "s"), ("skip.reached", "t")]


def test_a_loop_that_is_entered_runs_whole_from_its_second_round(limits: Limits | None) -> None:
    assert said(run(skip("s", "t"), repeat("r", 2, say("a", "a"), say("t", "t")), limits=limits)) == ["t", "a", "t"]


def test_every_copy_skips_to_the_target(limits: Limits | None) -> None:
    tree = block("p", "ParallelRepeatNBp", say("a", "a"), say("t", "t"), num=3)
    given = limits or Limits(max_parallel_blocks=2)
    assert said(run(skip("s", "t"), tree, limits=given)) == ["t", "t", "t"]


def test_a_robot_selection_on_the_way_gets_its_robot(limits: Limits | None) -> None:
    result = run(skip("s", "g2"), robot("r", "A", go("g1", "A"), go("g2", "B")), limits=limits)
    assert result.code == 1003
    assert calls(result) == ["setOrder", "addBlocks", "dispatchable", "markComplete"]


def test_a_loop_without_a_round_does_not_reach_its_target(limits: Limits | None) -> None:
    result = run(skip("s", "t"), repeat("r", 0, say("t", "t")), say("e", "after"), limits=limits)
    assert (result.code, said(result), codes(result)["e"]) == (1003, [], 1005)
    assert logged(result) == [("skip.begun", "s"), ("skip.missed", "")]


# --- Out of blocks ---


@pytest.mark.parametrize(
    "around",
    [
        serial("i", skip("s", "t"), say("a", "a")),
        block("i", "IfBp", serial("j", skip("s", "t")), say("a", "a"), condition="true"),
        repeat("i", 3, skip("s", "t"), say("a", "a")),
        block("i", "WhileBp", skip("s", "t"), say("a", "a"), loopCondition="true"),
        try_("i", [skip("s", "t"), say("a", "a")], [say("b", "b")], swallow=False),
        try_("i", [throw("x", "x")], [skip("s", "t"), say("a", "a")], swallow=False),
        block("i", "ParallelFlowBp", skip("s", "t")),
        block("i", "ParallelFlowBp", serial("j", block("p", "ParallelFlowBp", skip("s", "t")), say("a", "a"))),
        block("i", "ParallelRepeatNBp", skip("s", "t"), say("a", "a"), num=2),
    ],
    ids=lambda tree: tree["blockType"],
)
def test_blocks_that_do_not_hold_the_target_are_left(around: Block, limits: Limits | None) -> None:
    result = run(around, say("o", "never"), say("t", "t"), limits=limits)
    assert (result.code, said(result)) == (1003, ["t"])
    assert {row.code for row in result.port.blocks.values() if row.name == "o"} == {1005}
    assert {row.code for row in result.port.blocks.values() if row.name == "a"} <= {1005}
    assert (codes(result)["i"], [code for code, _ in logged(result)][-1]) == (1003, "skip.reached")


def test_a_robot_selection_that_is_left_completes_its_order(limits: Limits | None) -> None:
    result = run(robot("r", "A", skip("s", "t"), go("g", "A")), say("o", "never"), say("t", "t"), limits=limits)
    assert (result.code, said(result), calls(result)) == (1003, ["t"], ["setOrder", "markComplete"])
    assert [order.state for order in result.port.fleet.orders.values()] == ["FINISHED"]
    assert codes(result)["r"] == 1003


def test_a_parallel_block_is_left_when_its_other_branches_have_ended(limits: Limits | None) -> None:
    beside = serial("b", block("d", "DelayBp", timeMillis="50"), say("k", "beside"))
    result = run(block("p", "ParallelFlowBp", skip("s", "t"), beside), say("o", "o"), say("t", "t"), limits=limits)
    assert said(result) == ["beside", "t"]


@pytest.mark.parametrize(
    ("branches", "words"),
    [
        ([skip("s", "t"), throw("x", "boom")], ["t", "u"]),
        ([throw("x", "boom"), skip("s", "t")], ["caught"]),
        ([skip("s", "t"), skip("s2", "u")], ["t", "u"]),
        ([skip("s2", "u"), skip("s", "t")], ["u"]),
    ],
)
def test_of_branches_that_do_not_end_well_the_first_in_list_order_counts(
    branches: list[Block], words: list[str], limits: Limits | None
) -> None:
    tree = try_("c", [block("p", "ParallelFlowBp", *branches), say("o", "o")], [say("k", "caught"), skip("z", "none")])
    assert said(run(tree, say("t", "t"), say("u", "u"), limits=limits)) == words


def test_a_target_in_a_branch_beside_is_no_target(limits: Limits | None) -> None:
    beside = serial("b", block("d", "DelayBp", timeMillis="50"), say("t", "t"))
    result = run(block("p", "ParallelFlowBp", skip("s", "t"), beside), say("o", "o"), limits=limits)
    assert (said(result), codes(result)["o"]) == (["t"], 1005)
    assert logged(result)[-1] == ("skip.missed", "")


# --- Loops around both ---


def test_a_target_that_comes_earlier_in_a_loop_is_reached_in_its_next_round(limits: Limits | None) -> None:
    first = block("i", "IfBp", skip("s", "t"), condition=expr("blocks.r.index == 1"))
    tree = repeat("r", 2, say("a", expr("'a' + blocks.r.index")), say("t", "t"), first, say("b", "b"))
    result = run(tree, say("e", "after"), limits=limits)
    assert said(result) == ["a1", "t", "t", "b", "after"]
    assert [row.code for row in result.port.blocks.values() if row.name == "a"] == [1003, 1005]


def test_after_the_last_round_the_target_does_not_come(limits: Limits | None) -> None:
    result = run(repeat("r", 2, say("t", "t"), skip("s", "t")), say("e", "after"), limits=limits)
    assert (said(result), codes(result)["e"], result.code) == (["t", "t"], 1005, 1003)


def test_a_while_loop_goes_on_skipping_over_its_waits(limits: Limits | None) -> None:
    step = set_("n", "n", "task.variables.n == null ? 1 : task.variables.n + 1")
    more = expr("task.variables.n == null || task.variables.n < 3")
    tree = block("w", "WhileBp", say("a", "a"), step, skip("s", "n"), say("b", "b"), loopCondition=more)
    result = run(tree, limits=limits)
    assert (said(result), result.variables) == (["a"], {"n": 3})


def test_a_loop_in_which_the_target_did_not_come_in_a_whole_round_is_left(limits: Limits | None) -> None:
    tree = block("w", "WhileBp", say("a", "a"), repeat("q", 0, say("t", "t")), loopCondition="true", retryPeriod=5)
    result = run(skip("s", "t"), tree, say("e", "after"), limits=limits)
    assert (result.code, said(result), codes(result)["w"], codes(result)["e"]) == (1003, [], 1003, 1005)
    inside = block("w", "WhileBp", repeat("q", 0, say("t", "t")), skip("s", "t"), loopCondition="true", retryPeriod=5)
    result = run(inside, say("e", "after"), limits=limits)
    assert (logged(result)[-1], codes(result)["e"]) == (("skip.missed", ""), 1005)


def test_a_block_that_skips_to_itself_is_reached_in_the_next_round_or_never(limits: Limits | None) -> None:
    assert said(run(repeat("r", 3, say("a", "a"), skip("s", "s"), say("b", "b")), limits=limits)) == ["a"]
    result = run(skip("s", "s"), say("a", "a"), limits=limits)
    assert (said(result), logged(result)[-1]) == ([], ("skip.missed", ""))


def test_a_skip_to_the_loop_around_it_leaves_that_loop(limits: Limits | None) -> None:
    inner = repeat("q", 5, say("a", "a"), skip("s", "q"))
    assert said(run(repeat("r", 2, inner), say("e", "e"), limits=limits)) == ["a", "a"]


def test_a_robot_selection_between_skip_and_loop_is_completed_before_the_next_round(limits: Limits | None) -> None:
    tree = repeat("r", 2, say("t", "t"), robot("g", "A", skip("s", "t")), say("b", "b"))
    result = run(tree, limits=limits)
    assert (said(result), calls(result)) == (["t", "t"], ["setOrder", "markComplete"] * 2)


# --- Failures on the way ---


def test_a_failure_on_the_way_ends_the_skip_and_what_catches_it_goes_on(limits: Limits | None) -> None:
    broken = block("i", "IterateListBp", say("t", "t"), list=expr("'no list'"))
    tree = try_("c", [skip("s", "t"), say("a", "a"), broken], [say("k", "caught")])
    assert said(run(tree, say("e", "after"), limits=limits)) == ["caught", "after"]


def test_the_target_may_fail_and_be_caught(limits: Limits | None) -> None:
    tree = try_("c", [skip("s", "x"), say("a", "a"), throw("x", "x")], [say("k", "caught")])
    assert said(run(tree, say("e", "after"), limits=limits)) == ["caught", "after"]


def test_blocks_nested_too_deeply_are_not_entered_on_the_way_either() -> None:
    tree = serial("i1", serial("i2", serial("i3", say("t", "t"))))
    result = run(skip("s", "t"), tree, limits=Limits(max_block_depth=2))
    assert isinstance(result.outcome, Failed)
    assert (result.outcome.error_code, result.outcome.block) == ("block.too-deep", "i2")


# --- Plan time ---


@pytest.mark.parametrize(
    ("blocks", "warned"),
    [
        ([skip("s", "a"), say("a", "a")], []),
        ([skip("s", "A"), say("a", "a")], []),
        ([skip("s", "nowhere")], ["skip.no-block"]),
        ([skip("s", expr("'nowhere'"))], ["skip.no-block"]),
        ([skip("s", expr("taskInputs.x"))], []),
        ([skip("s", "a"), try_("t", [say("b", "b")], [say("a", "a")])], ["skip.into-catch"]),
        ([try_("t", [say("b", "b")], [skip("s", "a"), say("a", "a")])], []),
        ([try_("t", [skip("s", "a")], [serial("q", say("a", "a"))])], ["skip.into-catch"]),
        ([{**skip("s", "nowhere"), "disabled": True}], []),
    ],
)
def test_a_definition_whose_skip_leads_nowhere_is_warned_of(blocks: list[Block], warned: list[str]) -> None:
    found = [problem.code for problem in plan(*blocks).warnings if problem.code.startswith("skip.")]
    assert found == warned


def test_a_target_in_a_catch_is_reached_from_inside_it_alone(limits: Limits | None) -> None:
    caught = [say("a", "a"), skip("s", "t"), say("b", "b"), serial("q", say("t", "t"))]
    assert said(run(try_("c", [throw("x", "x")], caught), say("e", "e"), limits=limits)) == ["a", "t", "e"]
    outside = run(skip("s", "t"), try_("c", [throw("x", "x")], [say("t", "t")]), limits=limits)
    assert (said(outside), codes(outside)["c"]) == ([], 1005)


def test_what_is_skipped_costs_two_lines_however_much_it_is() -> None:
    port = MemoryPort()
    run(skip("s", "t"), *(say(f"b{number}", "x") for number in range(500)), say("t", "t"), port=port)
    assert [line.code for line in port.logs] == ["skip.begun", "skip.reached", "block.print"]
    assert sum(row.code == 1005 for row in port.blocks.values()) == 500
