"""Conditions, loops, breaks, returns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.limits import Limits
from execution.outcome import Failed, Finished, SliceEnd, Suspended
from execution.testing import MemoryPort, Result
from tests.unit.execution.trees import block, declare, expr, run, say, set_, throw, try_


def outputs(result: Result, name: str) -> list[dict[str, Any]]:
    return [json.loads(row.outputs) for row in result.port.blocks.values() if row.name == name]


def said(result: Result) -> list[str]:
    return [json.loads(line.args)["message"] for line in result.port.logs if line.code == "block.print"]


@pytest.mark.parametrize(
    ("value", "runs"),
    [
        ('"TRUE"', True),
        ("true", True),
        ("1 == 1", True),
        ("1", False),
        ('"yes"', False),
        ("null", False),
        ('" true "', True),
    ],
)
def test_a_condition_is_true_when_its_text_is(value: str, runs: bool) -> None:
    assert ("b2" in run(block("b1", "IfBp", say("b2", "x"), condition=expr(value))).steps) is runs


def test_exactly_one_branch_of_a_choice_runs() -> None:
    both = {"if": [say("b2", "x")], "else_if": [say("b3", "x")], "else": [say("b4", "x")]}

    def steps(first: str, second: str) -> list[str]:
        return run(
            block("b1", "IfElseIfBp", branches=both, conditionIf=expr(first), conditionElseIf=expr(second))
        ).steps

    assert steps("true", "true") == ["b1", "b2"]
    assert steps("false", "true") == ["b1", "b3"]
    assert steps("false", "false") == ["b1", "b4"]
    del both["else_if"]
    assert run(block("b1", "IfElseBp", branches=both, conditionIf=expr("false"))).steps == ["b1", "b4"]


def test_both_conditions_are_evaluated_up_front_so_a_broken_second_fails_the_block() -> None:
    result = run(block("b1", "IfElseIfBp", conditionIf=expr("true"), conditionElseIf=expr("blocks.b9.x")))
    assert result.code == 1006


def test_a_repetition_counts_from_one_and_its_index_stays() -> None:
    result = run(
        block("b1", "RepeatNumBp", say("b2", expr("blocks.b1.index")), num="3"), say("b3", expr("blocks.b1.index"))
    )
    assert said(result) == ["1", "2", "3", "3"]
    assert [result.port.blocks[seq].iteration for seq in range(1, 6)] == ["", "1", "2", "3", ""]


@pytest.mark.parametrize("rounds", ["-1", "1001", "2.5", '"x"', "null", "true"])
def test_rounds_that_are_no_number_from_0_to_1000_fail_the_block(rounds: str) -> None:
    result = run(block("b1", "RepeatNumBp", say("b2", "x"), num=expr(rounds)))
    assert (result.code, result.steps) == (1006, ["b1"])


def test_a_list_may_be_text_and_its_last_values_stay() -> None:
    loop = block("b1", "IterateListBp", say("b2", expr("blocks.b1.item")), list=expr('"[1, 2.5, \\"x\\"]"'))
    result = run(loop, say("b3", expr('blocks.b1.index + "/" + blocks.b1.size')))
    assert said(result) == ["1", "2.5", "x", "2/3"]


def test_no_list_means_no_rounds_and_no_outputs_but_a_broken_one_fails() -> None:
    result = run(block("b1", "IterateListBp", say("b2", "x"), list=expr("null")))
    assert (result.code, result.steps, outputs(result, "b1")) == (1003, ["b1"], [{}])
    assert run(block("b1", "IterateListBp", list=expr('"[1,"'))).code == 1006


@pytest.mark.parametrize("loop", [("RepeatNumBp", {"num": "5"}), ("IterateListBp", {"list": expr("taskInputs.five")})])
def test_a_break_leaves_the_nearest_loop_only(loop: tuple[str, dict[str, Any]]) -> None:
    kind, params = loop
    inner = block("b2", kind, say("b3", "in"), block("b4", "BreakBp"), say("b5", "never"), **params)
    outer = block("b1", "RepeatNumBp", inner, say("b6", "after"), num="2")
    result = run(outer, inputs=[declare("five", "JSONArray", "[1,2,3,4,5]")])
    assert said(result) == ["in", "after", "in", "after"]


def test_a_break_without_a_loop_ends_the_task_with_an_error_that_can_be_caught() -> None:
    assert run(block("b1", "BreakBp"), say("b2", "x")).code == 1004
    assert said(run(try_("b1", [block("b2", "BreakBp")], [say("b3", "caught")]))) == ["caught"]


def test_a_return_ends_the_task_as_finished_from_wherever_it_stands() -> None:
    deep = block("b1", "RepeatNumBp", try_("b2", [block("b3", "ReturnBp")], [say("b4", "never")]), num="3")
    result = run(deep, say("b5", "never"))
    assert result.code == 1003
    assert result.steps == ["b1", "b2", "b3"]
    assert {row.code for row in result.port.blocks.values()} == {1003}


def test_a_return_in_a_branch_ends_the_other_branches_too() -> None:
    result = run(block("b1", "ParallelFlowBp", block("b2", "DelayBp", timeMillis="90000"), block("b3", "ReturnBp")))
    assert isinstance(result.outcome, Finished)
    assert {row.name: row.code for row in result.port.blocks.values()} == {"b1": 1003, "b2": 1001, "b3": 1003}


def counting(limit: int, **more: Any) -> Any:
    step = set_("b2", "n", "task.variables.n == null ? 1 : task.variables.n + 1")
    condition = expr(f"task.variables.n == null || task.variables.n < {limit}")
    return block("b1", "WhileBp", step, loopCondition=condition, **more)


def test_a_while_loop_sleeps_between_its_rounds_as_a_suspension_and_not_after_the_last() -> None:
    sleeps: list[int] = []

    def look(number: int, port: MemoryPort, end: SliceEnd) -> None:
        if isinstance(end.outcome, Suspended):
            (wait,) = end.outcome.waits
            assert (wait.code, wait.key, wait.args["period"]) == ("condition", "time", 700)
            sleeps.append((wait.due_ms or 0) - wait.since_ms)

    result = run(counting(3, retryPeriod="700"), on_slice=look)
    assert (result.variables, sleeps) == ({"n": 3}, [700, 700])


def test_a_while_loop_that_never_holds_does_nothing_unless_it_runs_once() -> None:
    never = {"loopCondition": expr("false")}
    assert run(block("b1", "WhileBp", say("b2", "x"), **never)).steps == ["b1"]
    assert run(block("b1", "WhileBp", say("b2", "x"), runOnce="true", **never)).steps == ["b1", "b2"]


def test_a_condition_without_a_value_fails_the_loop() -> None:
    result = run(block("b1", "WhileBp", say("b2", "x"), loopCondition=expr("task.variables.nope")))
    assert (result.code, result.outcome.error_code) == (1006, "loop.condition")  # type: ignore[attr-defined]


def test_the_log_of_a_long_while_loop_thins_out_after_a_hundred_rounds() -> None:
    loop = counting(350, retryPeriod="0")
    loop["children"]["default"].append(say("b3", "round"))
    assert len(said(run(loop))) == 102
    loop["inputParams"]["printContinuously"] = {"type": "Simple", "value": "true"}
    assert len(said(run(loop))) == 350


def test_the_memory_of_a_loop_does_not_grow_with_its_rounds() -> None:
    sizes: list[int] = []

    def look(number: int, port: MemoryPort, end: SliceEnd) -> None:
        sizes.append(len(port.state or ""))

    inner = [block("b2", "RepeatNumBp", say("b3", "x"), block("b4", "DelayBp", timeMillis="1"), num="3")]
    run(block("b1", "RepeatNumBp", *inner, num="40"), limits=Limits(path_ring=5), on_slice=look)
    assert max(sizes[60:-1]) - max(sizes[:10]) < 40


def test_an_endless_loop_without_blocks_still_ends_its_slices() -> None:
    seen: list[SliceEnd] = []

    def look(number: int, port: MemoryPort, end: SliceEnd) -> None:
        seen.append(end)
        port.stop = "cancel" if number == 3 else None

    loop = block("b1", "WhileBp", loopCondition=expr("true"), retryPeriod="0")
    result = run(loop, limits=Limits(slice_steps=50), on_slice=look)
    assert (len(seen), type(result.outcome).__name__) == (4, "Stopped")


def test_a_failure_names_the_block_its_path_and_what_to_do() -> None:
    result = run(block("b1", "SerialFlowBp", throw("b2", "no pallet")))
    failed = result.outcome
    assert isinstance(failed, Failed)
    assert (failed.block, failed.path) == ("b2", "rootBlock › b1 SerialFlowBp › b2 ThrowExceptionBp")
    assert (failed.message, failed.final) == ("no pallet", True)


@pytest.mark.parametrize("limits", [Limits(), Limits(slice_steps=1)])
def test_a_disabled_block_is_skipped_with_its_children_and_its_record_says_so(limits: Limits) -> None:
    off = {**block("p", "ParallelFlowBp", throw("b1", "no")), "disabled": True}
    lonely = {**throw("b4", "no"), "disabled": True}
    result = run(say("b0", "x"), off, block("q", "ParallelFlowBp", lonely, say("b3", "x")), limits=limits)
    rows = {row.name: row.code for row in result.port.blocks.values()}
    assert (result.code, rows) == (1003, {"b0": 1003, "p": 1005, "q": 1003, "b4": 1005, "b3": 1003})
    assert all(row.ended_ms is not None for row in result.port.blocks.values())
