"""Compiling definitions: every fault at once, each with its path; what a plan knows."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from execution.catalogue import NOT_SUPPORTED_YET
from execution.errors import PlanErrors, Problem
from execution.plan import compile
from execution.registry import REGISTRY
from tests.unit.execution.trees import block, declare, detail, expr, go, plan, robot, say, set_, simple, throw


def problems(data: Any, **options: Any) -> list[Problem]:
    with pytest.raises(PlanErrors) as caught:
        compile(data, **options)
    assert all(problem.remedy for problem in caught.value.problems)
    return caught.value.problems


def codes(data: Any, **options: Any) -> list[str]:
    return [problem.code for problem in problems(data, **options)]


def test_all_faults_are_reported_together_with_their_paths() -> None:
    broken = detail(
        block(
            "b3",
            "IfElseBp",
            branches={"if": [say("b7", expr("1 +"))], "then": [], "otherwise": [say("b8", "x")]},
            conditionIf=expr("true"),
        ),
        block("b4", "NoSuchBp"),
        block("b5", "PostBp"),
        block("b6", "RepeatNumBp", num="many"),
    )
    found = {problem.path: problem.code for problem in problems(broken)}
    assert found == {
        "rootBlock › b3 IfElseBp › otherwise": "branch.unknown",
        "rootBlock › b3 IfElseBp › if › b7 PrintBp › message": "expression.invalid",
        "rootBlock › b4 NoSuchBp": "block.unknown",
        "rootBlock › b5 PostBp": "block.not-supported",
        "rootBlock › b6 RepeatNumBp › num": "parameter.type",
    }


def test_an_expression_that_does_not_parse_tells_the_position() -> None:
    (problem,) = problems(detail(say("b1", expr("1 + * 2"))))
    assert "at character" in problem.message


@pytest.mark.parametrize("kind", sorted(NOT_SUPPORTED_YET))
def test_a_known_block_that_is_not_there_yet_is_refused_by_name(kind: str) -> None:
    assert REGISTRY.get(kind) is None
    (problem,) = problems(detail(block("b1", kind)))
    assert problem.code == "block.not-supported"
    assert "not supported yet" in problem.message


def test_a_sub_task_is_refused_and_one_that_calls_itself_is_named_so() -> None:
    assert codes(detail(block("b1", "SubTask::abc")), definition_id="abc") == ["subtask.cycle"]


def test_a_name_or_id_used_twice_is_refused_with_both_places() -> None:
    (problem,) = problems(detail(say("b1", "x"), block("b2", "SerialFlowBp", say("b1", "y"))))
    assert problem.code == "block.duplicate-name"
    assert problem.path == "rootBlock › b2 SerialFlowBp › b1 PrintBp"
    assert "rootBlock › b1 PrintBp" in problem.remedy
    twins = detail({**say("b1", "x"), "id": 1}, {**say("b2", "x"), "id": 1})
    assert codes(twins) == ["block.duplicate-id"]


def test_a_block_without_a_name_is_called_after_its_id() -> None:
    nameless = {**say("x", "hello"), "id": 4, "name": ""}
    assert list(compile(detail(nameless)).blocks) == ["-1", "b4"]


@pytest.mark.parametrize(
    ("root", "code"),
    [(None, "root.missing"), ({"blockType": "SerialFlowBp"}, "root.type"), ([], "root.missing")],
)
def test_a_definition_without_a_root_is_refused(root: Any, code: str) -> None:
    assert codes({"rootBlock": root}) == [code]


def test_a_root_inside_the_tree_is_refused() -> None:
    assert codes(detail(block("b1", "RootBp"))) == ["root.nested"]


@pytest.mark.parametrize("text", ["", "{", "nul", '{"rootBlock": NaN}', "[1]", "3", '"text"', "{'a': 1}"])
def test_text_that_is_no_json_object_is_refused(text: str) -> None:
    (problem,) = problems(text)
    assert problem.code in ("detail.not-json", "detail.not-object")
    assert problem.remedy


@pytest.mark.parametrize("data", [None, 5, [], "x"])
def test_what_is_no_object_is_refused(data: Any) -> None:
    assert problems(data)


def _nested_text(levels: int) -> str:
    opening = '{"name":"b%d","blockType":"SerialFlowBp","children":{"default":['
    inner = "".join(opening % number for number in range(levels)) + "]}}" * levels
    return '{"rootBlock":{"blockType":"RootBp","children":{"default":[' + inner + "]}}}"


def _nested(levels: int) -> dict[str, Any]:
    tree = say("last", "x")
    for number in range(levels):
        tree = block(f"b{number}", "SerialFlowBp", tree)
    return detail(tree)


@pytest.mark.parametrize("form", ["text", "parsed"])
def test_a_hundred_thousand_nested_blocks_are_refused_quickly_and_with_a_reason(form: str) -> None:
    begun = time.process_time()
    (problem,) = problems(_nested_text(100_000) if form == "text" else _nested(100_000))
    assert problem.code == "block.too-deep"
    assert problem.remedy
    assert time.process_time() - begun < 10


def test_nesting_up_to_the_limit_is_accepted_and_one_more_is_refused() -> None:
    compile(_nested(99))
    (problem,) = problems(_nested(100))
    assert problem.code == "block.too-deep"
    assert problem.path.startswith("rootBlock › b99 SerialFlowBp › b98")
    compile(json.dumps(_nested(99)))


def test_too_many_blocks_are_refused() -> None:
    many = detail(*(say(f"b{number}", "x") for number in range(12)))
    assert codes(many, max_blocks=10) == ["block.too-many"]


def test_the_number_of_reported_faults_is_bounded() -> None:
    assert len(problems(detail(*(block(f"b{number}", "NoSuchBp") for number in range(500))))) == 200


@pytest.mark.parametrize(
    "value",
    ["[", '{"a": 1}', "[1]", '[{"key": "a"}]', '[{"key": "=1 +", "value": "x"}]'],
)
def test_malformed_key_value_parameters_are_refused(value: str) -> None:
    given = {"type": "Key-Value", "value": value}
    (problem,) = problems(detail(set_("b1", "x", given)))
    assert problem.path == "rootBlock › b1 SetTaskVariableBp › varValue"


@pytest.mark.parametrize("children", [5, "x", [1]])
def test_children_that_are_no_object_are_refused(children: Any) -> None:
    assert codes(detail({**say("b1", "x"), "children": children})) == ["children.not-object"]


def test_blocks_and_branches_of_the_wrong_shape_are_refused_where_they_stand() -> None:
    odd = block("b1", "SerialFlowBp")
    odd["children"] = {"default": [5, None, {"blockType": "PrintBp"}, {"name": "b9"}]}
    assert codes(detail(odd)) == ["block.not-object", "block.not-object", "block.name", "block.no-type"]
    assert codes(detail({**say("b1", "x"), "inputParams": [1]})) == ["parameters.not-object"]
    assert codes(detail({**say("b1", "x"), "inputParams": {"message": "bare"}})) == ["parameter.malformed"]


def test_an_absent_required_parameter_is_refused_and_named() -> None:
    (problem,) = problems(detail(block("b1", "RepeatNumBp")))
    assert problem.path == "rootBlock › b1 RepeatNumBp › num"


def test_what_is_only_worth_a_word_is_a_warning() -> None:
    made = plan(
        robot("b1", "", go("b2", "LM1")),
        go("b3", "LM1"),
        block("b4", "BreakBp"),
        block("b5", "PrintBp", message=simple("x"), colour=simple("red")),
    )
    assert [(warning.path.split(" › ")[-1], warning.code) for warning in made.warnings] == [
        ("keyRoute", "parameter.empty"),
        ("colour", "parameter.ignored"),
        ("b3 CAgvOperationBp", "robot.no-selection"),
        ("b4 BreakBp", "break.no-loop"),
    ]
    assert all(warning.warning for warning in made.warnings)


def test_a_disabled_block_is_named_and_nothing_in_it_is_looked_at() -> None:
    off = {**block("b1", "PostBp", block("b2", "NoSuchBp"), block("b2", "RepeatNumBp")), "disabled": True}
    made = plan({**say("b0", "x"), "disabled": False}, off)
    assert [(warning.path, warning.code) for warning in made.warnings] == [("rootBlock › b1 PostBp", "block.disabled")]
    assert list(made.blocks) == ["-1", "b0", "b1"]
    root = detail(say("b1", "x"))["rootBlock"]
    assert codes({"rootBlock": {**root, "disabled": True}}) == ["root.disabled"]


def test_an_empty_tree_is_said_and_the_old_branch_name_is_read() -> None:
    assert [warning.code for warning in compile(detail()).warnings] == ["plan.empty"]
    old = {"rootBlock": {"blockType": "RootBp", "children": {"submodules": [say("b1", "x")]}}}
    assert list(compile(old).blocks) == ["-1", "b1"]


def test_a_plan_keeps_only_outputs_that_an_expression_reads() -> None:
    made = plan(
        block("b1", "RepeatNumBp", say("b2", expr("blocks.b1.index")), num="2"),
        block("b3", "RepeatNumBp", num="2"),
    )
    assert made.blocks["b1"].keeps is True
    items = plan(block("b1", "IterateListBp", say("b2", expr("blocks.b1.item")), list="[1]"))
    assert items.blocks["b1"].keeps == frozenset({"item"})
    assert made.blocks["b3"].keeps is False
    assert plan(block("b1", "RepeatNumBp", num="2"), say("b2", expr("blocks[taskInputs.x]"))).blocks["b1"].keeps is True


def test_a_plan_cannot_be_changed() -> None:
    made = plan(throw("b1", "x"))
    with pytest.raises(AttributeError):
        made.root = None  # type: ignore[misc, assignment]
    with pytest.raises(TypeError):
        made.blocks["b1"] = None  # type: ignore[index]
    with pytest.raises(AttributeError):
        made.blocks["b1"].name = "other"  # type: ignore[misc]


def test_problems_can_be_printed_whatever_the_definition_holds() -> None:
    odd = "\ud800\x00"
    broken = detail(block("b1", f"No{odd}Bp"), say(f"b{odd}", "x"), block("b2", "RepeatNumBp", num=odd * 50))
    for problem in problems({**broken, "inputParams": [declare(odd, "Long"), declare(odd, "Long")]}):
        str(problem).encode("utf-8")


def test_ten_thousand_blocks_that_read_each_other_compile_in_seconds() -> None:
    many = [say(f"b{number}", expr(f"blocks.b{number + 1}.x")) for number in range(9_990)]
    begun = time.process_time()
    compile(detail(*many))
    assert time.process_time() - begun < 20
