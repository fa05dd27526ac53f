"""Break, return, failures and cancel where blocks meet: every tree at once, and suspended after every block."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.limits import Limits
from execution.outcome import Failed, SliceEnd, Stopped
from execution.testing import FakeSites, MemoryPort, Result, Site, run_plan
from tests.unit.execution.trees import Block, block, expr, go, plan, robot, run, say, set_, throw, try_


@pytest.fixture(params=[None, Limits(slice_steps=1)], ids=["at once", "suspended after every block"])
def limits(request: pytest.FixtureRequest) -> Limits | None:
    return request.param


def said(result: Result) -> list[str]:
    return [json.loads(line.args)["message"] for line in result.port.logs if line.code == "block.print"]


def calls(result: Result) -> list[str]:
    return [str(effect.request["operation"]) for effect in result.port.effects.values()]


def repeat(name: str, rounds: int, *children: Block) -> Block:
    return block(name, "RepeatNumBp", *children, num=rounds)


def side_by_side(name: str, *children: Block) -> Block:
    return block(name, "ParallelFlowBp", *children)


def serial(name: str, *children: Block) -> Block:
    return block(name, "SerialFlowBp", *children)


def wait(name: str, milliseconds: int = 50) -> Block:
    return block(name, "DelayBp", timeMillis=milliseconds)


# --- Break ---


def test_a_break_in_a_try_leaves_the_loop_and_runs_no_catch(limits: Limits | None) -> None:
    tried = try_("t", [say("a", expr("blocks.r.index")), block("b", "BreakBp")], [say("c", "caught")])
    assert said(run(repeat("r", 3, tried), say("e", "after"), limits=limits)) == ["1", "after"]


def test_a_break_in_a_catch_leaves_the_loop_and_the_failure_is_forgotten(limits: Limits | None) -> None:
    tree = repeat("r", 3, try_("t", [throw("x", "m")], [block("b", "BreakBp")], swallow=False))
    result = run(tree, set_("s", "rounds", "blocks.r.index"), limits=limits)
    assert (result.code, result.variables) == (1003, {"rounds": 1})


def test_a_break_leaves_two_parallel_blocks_on_its_way_after_their_branches_have_ended(limits: Limits | None) -> None:
    inner = side_by_side("p2", block("b", "BreakBp"), serial("s", wait("d"), say("k", "inner")))
    result = run(
        repeat("r", 2, side_by_side("p", inner, say("l", "outer")), say("n", "never")), say("e", "after"), limits=limits
    )
    assert said(result) == ["outer", "inner", "after"]


@pytest.mark.parametrize(
    ("branches", "code"),
    [([block("b", "BreakBp"), throw("x", "boom")], 1003), ([throw("x", "boom"), block("b", "BreakBp")], 1004)],
    ids=["break first", "failure first"],
)
def test_of_a_break_and_a_failure_the_first_in_list_order_counts(
    branches: list[Block], code: int, limits: Limits | None
) -> None:
    assert run(repeat("r", 2, side_by_side("p", *branches)), limits=limits).code == code


def test_a_break_out_of_a_robot_selection_in_a_branch_completes_its_order(limits: Limits | None) -> None:
    selection = robot("a", "A", block("b", "BreakBp"))
    result = run(repeat("r", 2, side_by_side("p", selection, serial("s", wait("d"), say("k", "k")))), limits=limits)
    assert (result.code, said(result), calls(result)) == (1003, ["k"], ["setOrder", "markComplete"])
    assert [order.state for order in result.port.fleet.orders.values()] == ["FINISHED"]


# --- Return ---


@pytest.mark.parametrize(
    "tree",
    [
        repeat("r", 3, try_("t", [block("q", "ReturnBp")], [say("c", "caught")])),
        try_("t", [throw("x", "m")], [block("q", "ReturnBp")], swallow=False),
        side_by_side("p", throw("x", "boom"), serial("s", wait("d"), block("q", "ReturnBp"))),
        block("w", "WhileBp", block("q", "ReturnBp"), loopCondition="true"),
    ],
    ids=["try in a loop", "catch", "branch beside a failed one", "endless loop"],
)
def test_a_return_ends_the_task_as_finished_and_nothing_runs_after_it(tree: Block, limits: Limits | None) -> None:
    result = run(tree, say("e", "never"), limits=limits)
    assert (result.code, said(result)) == (1003, [])


def test_a_return_closes_the_records_of_all_blocks_that_were_open(limits: Limits | None) -> None:
    result = run(
        side_by_side("p", serial("s", wait("d", 60_000)), serial("s2", wait("d2"), block("q", "ReturnBp"))),
        limits=limits,
    )
    codes = {row.name: row.code for row in result.port.blocks.values()}
    assert codes == {"p": 1003, "s": 1003, "s2": 1003, "d": 1001, "d2": 1003, "q": 1003}


# --- Failures ---


def test_a_failure_is_caught_in_its_round_and_the_loop_goes_on(limits: Limits | None) -> None:
    failing = block("i", "IfBp", throw("x", "two"), condition=expr("blocks.r.index == 2"))
    tree = repeat("r", 3, try_("t", [failing, say("k", expr("blocks.r.index"))], [say("c", "caught")]))
    assert said(run(tree, limits=limits)) == ["1", "caught", "3"]


def test_a_failure_that_an_inner_catch_passes_on_reaches_the_outer_one(limits: Limits | None) -> None:
    inner = try_("t2", [throw("x", "1")], [say("c", "inner")], swallow=False)
    assert said(run(try_("t1", [inner], [say("d", "outer")]), say("e", "after"), limits=limits)) == [
        "inner",
        "outer",
        "after",
    ]


def test_a_catch_inside_one_branch_does_not_catch_for_the_others(limits: Limits | None) -> None:
    caught = try_("t", [wait("d"), throw("x", "1")], [say("c", "caught")])
    result = run(side_by_side("p", caught, throw("y", "2")), limits=limits)
    assert isinstance(result.outcome, Failed)
    assert (said(result), result.outcome.block, result.outcome.message) == (["caught"], "y", "2")


def test_a_failed_branch_waits_for_the_others_before_the_catch_around_runs(limits: Limits | None) -> None:
    branches = side_by_side("p", throw("x", "early"), serial("s", wait("d"), say("l", "late")))
    assert said(run(try_("t", [branches], [say("c", "caught")]), limits=limits)) == ["late", "caught"]


@pytest.mark.parametrize("ignore", ["true", "false", None])
@pytest.mark.parametrize("swallow", ["true", "false", None])
def test_swallow_error_decides_about_going_on_and_ignore_abort_about_the_catch(
    swallow: str | None, ignore: str | None, limits: Limits | None
) -> None:
    tree = block("t", "TryCatchBp", branches={"try": [throw("x", "m")], "catch": [say("c", "caught")]})
    given: dict[str, Any] = {"swallowError": swallow, "ignoreAbort": ignore}
    tree["inputParams"] = {name: {"type": "Simple", "value": value} for name, value in given.items() if value}
    result = run(tree, say("e", "after"), limits=limits)
    goes_on, skips = swallow == "true", ignore == "true"
    assert said(result) == ([] if skips else ["caught"]) + (["after"] if goes_on else [])
    assert result.code == (1003 if goes_on else 1004)


def test_a_try_without_branches_does_nothing_and_one_without_a_catch_swallows(limits: Limits | None) -> None:
    assert run(block("t", "TryCatchBp"), limits=limits).code == 1003
    assert said(run(try_("t", [throw("x", "m")], []), say("e", "after"), limits=limits)) == ["after"]


def test_a_business_end_of_a_robot_is_caught_and_its_order_is_ended(limits: Limits | None) -> None:
    port = MemoryPort(FakeSites([Site("C", disabled=True)]))
    tree = try_("t", [robot("r", "A", side_by_side("p", go("g", "C"), say("k", "beside")))], [say("c", "caught")])
    result = run(tree, port=port, limits=limits)
    assert (result.code, said(result)) == (1003, ["beside", "caught"])
    assert calls(result) == ["setOrder", "terminate"]
    assert [order.state for order in port.fleet.orders.values()] == ["STOPPED"]


def test_a_context_that_is_full_fails_its_block_and_can_be_caught() -> None:
    grow = set_("s", "v", 'task.variables.v == null ? "0123456789" : task.variables.v + task.variables.v')
    result = run(
        try_("t", [repeat("r", 100, grow)], [say("c", "caught")]),
        set_("z", "still", "1"),
        limits=Limits(context_bytes=10_000),
    )
    assert (result.code, said(result), result.variables["still"]) == (1003, ["caught"], 1)


# --- Cancel ---


@pytest.mark.parametrize(
    "tried", [[wait("d")], [side_by_side("p", wait("d"), wait("d2"))]], ids=["a block", "branches"]
)
def test_a_cancel_inside_a_try_is_no_failure_and_runs_no_catch(tried: list[Block]) -> None:
    def cancel(number: int, port: MemoryPort, end: SliceEnd) -> None:
        port.stop = "cancel"

    result = run_plan(plan(try_("t", tried, [say("c", "caught")]), say("e", "never")), on_slice=cancel)
    assert result.outcome == Stopped("cancel")
    assert said(result) == []
