"""What a run keeps is its own: never the map it was read from, never too deep, never unwritable."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.errors import PlanErrors
from execution.limits import Limits
from execution.outcome import Failed
from execution.testing import Result
from tests.unit.execution.trees import Block, block, declare, expr, go, plan, robot, run, say, set_, simple, try_

CUT = Limits(slice_steps=1)


def loop(name: str, *children: Block, rounds: int = 1) -> Block:
    return block(name, "RepeatNumBp", *children, num=rounds)


def error_of(result: Result) -> str:
    assert isinstance(result.outcome, Failed)
    return result.outcome.error_code


@pytest.mark.parametrize(
    "value",
    ["task.variables", "task", "[task.variables]", '["k": task]', "[blocks]"],
)
def test_a_variable_may_hold_what_the_variables_were_and_never_holds_itself(value: str) -> None:
    tree = set_("a", "x", value), set_("b", "y", "1"), set_("c", "z", "task.variables")
    results = [run(*tree, limits=limits) for limits in (None, CUT)]
    assert [result.code for result in results] == [1003, 1003]
    assert results[0].variables == results[1].variables
    assert results[0].variables["z"].keys() == {"x", "y"}


def test_a_key_value_row_that_reads_all_variables_is_a_copy_too() -> None:
    rows = {"type": "Key-Value", "value": '[{"k": "all", "v": "=task.variables"}]'}
    tree = {"name": "a", "blockType": "SetTaskVariableBp", "inputParams": {"varName": simple("m"), "varValue": rows}}
    assert run(set_("b", "n", "1"), tree).variables == {"n": 1, "m": {"all": {"n": 1}}}


def test_outputs_kept_in_a_variable_stay_as_they_were() -> None:
    tree = (
        loop("L", set_("s", "v", "blocks")),
        loop("M", say("p", expr("blocks.M.index")), rounds=2),
        set_("t", "n", "task.variables.v.size()"),
    )
    assert [run(*tree, limits=limits).variables["n"] for limits in (None, CUT)] == [1, 1]


def test_the_items_of_a_loop_do_not_change_while_it_runs() -> None:
    body = set_("s", "v", "1"), set_("u", "u", "blocks.i.item.size()")
    tree = block("i", "IterateListBp", *body, list=expr("[task.variables, task.variables]"))
    assert [run(tree, limits=limits).variables["u"] for limits in (None, CUT)] == [0, 0]


def test_a_list_that_is_nested_too_deeply_is_refused_where_it_stands() -> None:
    deep = "[" * 600 + "]" * 600
    with pytest.raises(PlanErrors, match="100 levels"):
        plan(block("i", "IterateListBp", list=deep))
    given = block("i", "IterateListBp", say("a", "x"), list=expr("taskInputs.x"))
    assert error_of(run(given, inputs=[declare("x", "String", deep)])) == "block.parameter"


def test_a_row_that_is_nested_too_deeply_fails_its_block_and_can_be_caught() -> None:
    rows = json.dumps([{"k": "a", "v": "[" * 600 + "]" * 600, "t": "object"}])
    tree = {
        "name": "s",
        "blockType": "SetTaskVariableBp",
        "inputParams": {"varName": simple("m"), "varValue": {"type": "Key-Value", "value": rows}},
    }
    assert error_of(run(tree)) == "context.too-deep"
    assert run(try_("t", [tree], [])).code == 1003


@pytest.mark.parametrize("row", ['{"k": null, "v": "1"}', '{"k": "=null", "v": "1"}'])
def test_a_key_value_row_without_a_key_fails_its_block(row: str) -> None:
    tree = {
        "name": "s",
        "blockType": "SetTaskVariableBp",
        "inputParams": {"varName": simple("m"), "varValue": {"type": "Key-Value", "value": f"[{row}]"}},
    }
    assert error_of(run(tree)) == "block.parameter"


def test_half_of_a_character_becomes_a_replacement_that_can_be_written() -> None:
    half = declare("x", "String", "a\ud800b")
    said = run(say("p", expr("taskInputs.x")), inputs=[half]).port.logs[0]
    assert json.loads(said.args) == {"message": "a\ufffdb"}
    failed = run(block("t", "ThrowExceptionBp", message=expr("taskInputs.x")), inputs=[half])
    assert failed.outcome.message == "a\ufffdb"  # type: ignore[union-attr]


@pytest.mark.parametrize("priority", ["99999999999999999999", "2147483648", "-2147483649"])
def test_a_priority_that_no_column_holds_is_refused(priority: str) -> None:
    with pytest.raises(PlanErrors, match="32 bits"):
        plan(robot("r", "A", priority=priority))
    assert error_of(run(robot("r", "A", priority=expr(f'"{priority}"')))) == "block.parameter"


@pytest.mark.parametrize("speed", [expr("1 / 0"), expr("0.0 / 0"), expr("true"), expr('"nan"')])
def test_a_speed_that_is_no_number_fails_the_action(speed: Any) -> None:
    action = go("g", "B")
    action["inputParams"]["max_speed"] = speed
    assert error_of(run(robot("r", "A", action))) == "block.parameter"


@pytest.mark.parametrize("first", ["say", "wait"])
def test_the_log_of_a_long_loop_thins_out_although_its_body_waits(first: str) -> None:
    body = [say("p", "x"), block("d", "DelayBp", timeMillis=5)]
    count = set_("s", "n", "task.variables.n == null ? 1 : task.variables.n + 1")
    more = expr("task.variables.n == null || task.variables.n < 300")
    order = body if first == "say" else body[::-1]
    result = run(block("w", "WhileBp", *order, count, loopCondition=more, retryPeriod=1))
    assert len([line for line in result.port.logs if line.code == "block.print"]) == 102
