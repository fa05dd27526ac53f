"""What parameters may be: conditions, lists, counts, Key-Value rows, odd names; right ones and wrong ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.errors import PlanErrors
from execution.limits import Limits
from execution.outcome import Failed
from execution.testing import Result
from tests.unit.execution.trees import Block, block, declare, expr, plan, robot, run, say, set_, simple


def said(result: Result) -> list[Any]:
    return [json.loads(line.args)["message"] for line in result.port.logs if line.code == "block.print"]


def with_param(kind: str, name: str, value: Any) -> Block:
    """A block with one parameter exactly as given."""
    return {"name": "b1", "blockType": kind, "inputParams": {name: value}, "children": {}}


def error_of(result: Result) -> str:
    assert isinstance(result.outcome, Failed)
    return result.outcome.error_code


# --- Conditions ---


@pytest.mark.parametrize(
    ("condition", "branch"),
    [
        ('"True"', "if"),
        ('"tRuE"', "if"),
        ("true && true", "if"),
        ("taskInputs.flag", "if"),
        ("1", "else"),
        ('"yes"', "else"),
        ("null", "else"),
        ('["true"]', "else"),
        ("task.variables.nowhere", "else"),
    ],
)
def test_a_choice_goes_by_the_text_of_its_condition(condition: str, branch: str) -> None:
    tree = block(
        "b1", "IfElseBp", branches={"if": [say("a", "if")], "else": [say("b", "else")]}, conditionIf=expr(condition)
    )
    assert said(run(tree, inputs=[declare("flag", "Boolean", "TRUE")])) == [branch]


def test_a_choice_without_a_condition_or_without_the_branch_does_nothing() -> None:
    result = run(
        block("b1", "IfBp", say("a", "x")), block("b2", "IfElseBp", branches={"if": [say("b", "x")]}), say("e", "end")
    )
    assert said(result) == ["end"]


# --- Loops ---


@pytest.mark.parametrize(
    ("given", "items"),
    [
        ("[1, 1]", ["1", "1"]),
        (" [1] ", ["1"]),
        ("[null]", [None]),
        ('[[1], {"a": [2]}]', ["[1]", "{a=[2]}"]),
        ("[]", []),
        ("  ", []),
    ],
)
def test_a_list_may_be_given_as_text(given: str, items: list[Any]) -> None:
    assert said(run(block("b1", "IterateListBp", say("b2", expr("blocks.b1.item")), list=given))) == items


@pytest.mark.parametrize("given", ["null", "{}", "[1,", '"x"', '"[1]"'])
def test_a_text_that_holds_no_list_is_refused_at_the_import(given: str) -> None:
    with pytest.raises(PlanErrors) as caught:
        plan(block("b1", "IterateListBp", list=given))
    assert [(problem.path, problem.code) for problem in caught.value.problems] == [
        ("rootBlock › b1 IterateListBp › list", "parameter.type")
    ]


@pytest.mark.parametrize("given", ['["a" : 1]', "5", "true", '""', '"[1,"'])
def test_an_expression_that_gives_no_list_fails_the_loop(given: str) -> None:
    assert error_of(run(block("b1", "IterateListBp", list=expr(given)))) == "block.parameter"


def test_no_rounds_leave_no_outputs() -> None:
    result = run(block("b1", "RepeatNumBp", num=0), set_("b2", "index", 'blocks["b1"] == null'))
    assert result.variables == {"index": True}


@pytest.mark.parametrize("given", ["3", "3.0", "3L", '"3"', '" 3 "', "3.0B"])
def test_a_whole_number_may_come_in_any_form(given: str) -> None:
    assert run(block("b1", "RepeatNumBp", num=expr(given)), set_("b2", "n", "blocks.b1.index")).variables == {"n": 3}


@pytest.mark.parametrize(
    "given", ["2.5", "true", '"abc"', '"1_0"', "[1]", "1 / 0", "0.0 / 0", "null", "-1", "99999999999L"]
)
def test_what_is_no_count_of_rounds_fails_the_loop(given: str) -> None:
    assert error_of(run(block("b1", "RepeatNumBp", num=expr(given)))) in {"block.parameter", "loop.rounds"}


@pytest.mark.parametrize("given", ["2.5", "abc", "0x10", "1_0", True, [1]])
def test_a_literal_that_is_no_count_of_rounds_is_refused_at_the_import(given: Any) -> None:
    with pytest.raises(PlanErrors, match="a whole number is wanted"):
        plan(block("b1", "RepeatNumBp", num=given))


@pytest.mark.parametrize(
    ("given", "words"), [("null", "num is empty"), ("[true, null]", "not [true, null]"), ('["a" : 1]', "not {a=1}")]
)
def test_a_refused_value_is_shown_in_the_language_of_the_task(given: str, words: str) -> None:
    outcome = run(block("b1", "RepeatNumBp", say("b2", "x"), num=expr(given))).outcome
    assert isinstance(outcome, Failed)
    assert words in outcome.message
    assert outcome.remedy


@pytest.mark.parametrize("period", ['"abc"', "0 - 5", "400000000000L"])
def test_a_period_that_is_no_duration_fails_the_loop_before_its_first_round(period: str) -> None:
    loop = block("b1", "WhileBp", say("b2", "never"), loopCondition="true", retryPeriod=expr(period))
    result = run(loop)
    assert (error_of(result), said(result)) == ("block.parameter", [])


# --- Parameter types ---


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (simple(True), "true"),
        (simple(5), "5"),
        (simple("  x "), "x"),
        (simple("   "), None),
        (simple({"a": 1}), '{"a": 1}'),
        ({"type": "Expression", "value": "  "}, None),
        ({"type": "Expression", "value": True}, "true"),
        ({"type": "JSON", "value": "{}"}, None),
        ({"type": "Simple"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_parameter_is_trimmed_text_an_evaluated_text_or_nothing(given: Any, message: str | None) -> None:
    assert said(run(with_param("PrintBp", "message", given))) == [message]


@pytest.mark.parametrize("given", ["x", [], 5])
def test_a_parameter_that_is_no_object_is_refused(given: Any) -> None:
    with pytest.raises(PlanErrors, match="object with type and value"):
        plan(with_param("PrintBp", "message", given))


def key_value(rows: Any) -> Block:
    tree = with_param("SetTaskVariableBp", "varValue", {"type": "Key-Value", "value": rows})
    tree["inputParams"]["varName"] = simple("m")
    return tree


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ('[{"k": "a", "v": "1", "t": ""}]', {"a": "1"}),
        ('[{"k": "=\\"a\\" + 1", "v": "=1 + 1"}]', {"a1": 2}),
        ('[{"k": "a", "v": "{\\"x\\": 1}", "t": "object"}]', {"a": {"x": 1}}),
        ('[{"k": "a", "v": "{\\"x\\": 1}", "t": "text"}]', {"a": '{"x": 1}'}),
        ('[{"k": "a", "v": "1"}, {"k": "a", "v": "2"}]', {"a": "2"}),
        ([{"first": "a", "second": "b"}], {"a": "b"}),
        ("[]", {}),
    ],
)
def test_key_value_rows_are_read_by_the_order_of_their_fields(rows: Any, value: dict[str, Any]) -> None:
    for limits in (None, Limits(slice_steps=1)):
        result = run(key_value(rows), set_("b2", "again", "task.variables.m"), limits=limits)
        assert result.variables == {"m": value, "again": value}


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ('[{"k": "a", "v": "{bad", "t": "object"}]', "block.parameter"),
        ('[{"k": "a", "v": "=foo"}]', "block.expression"),
        ('[{"k": "=blocks.b9.x", "v": "1"}]', "block.expression"),
    ],
)
def test_a_key_value_row_that_cannot_be_evaluated_fails_its_block(rows: str, code: str) -> None:
    assert error_of(run(key_value(rows))) == code


# --- Variables and names ---


@pytest.mark.parametrize(("name", "code"), [(expr("null"), 1006), (expr('""'), 1006), (expr("5"), 1003)])
def test_a_variable_needs_a_name(name: Any, code: int) -> None:
    assert run(block("b1", "SetTaskVariableBp", varName=name, varValue="1")).code == code


@pytest.mark.parametrize(
    "name", ["b 1", "a.b", "é中", 'x"y', "it's", "b1[0]", "%s", "{}", "__class__", "size", "null", "a/b", "a~1", "-1"]
)
def test_outputs_of_a_block_with_an_odd_name_are_readable_across_suspensions(name: str) -> None:
    read = "blocks['" + name.replace("'", "\\'") + "'].selectedAgvId"
    tree = robot(name, "A", block("d", "DelayBp", timeMillis=5)), set_("s", "vehicle", read)
    for limits in (None, Limits(slice_steps=1)):
        result = run(*tree, limits=limits)
        assert (result.code, result.variables) == (1003, {"vehicle": "AMB-01"})


def test_names_that_only_look_like_a_round_do_not_share_an_order() -> None:
    loop = block("L", "RepeatNumBp", robot("a", "A", say("q", "q")), num=2)
    result = run(loop, robot("a~1", "B", say("w", "w")))
    assert len(result.port.fleet.orders) == 3


def test_a_branch_per_value_keeps_every_variable_beside_ninety_nine_others() -> None:
    branches = [
        block(f"s{n}", "SerialFlowBp", block(f"d{n}", "DelayBp", timeMillis=10), set_(f"v{n}", f"v{n}", str(n)))
        for n in range(100)
    ]
    for limits in (None, Limits(slice_steps=1)):
        result = run(block("p", "ParallelFlowBp", *branches), limits=limits)
        assert result.variables == {f"v{n}": n for n in range(100)}
