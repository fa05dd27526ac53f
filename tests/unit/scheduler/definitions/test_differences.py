"""What differs between two versions: exactly what was changed, whatever the ids and the depth."""

from __future__ import annotations

import copy
import json
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.definitions.differences import ADDED, REMOVED, Block, Difference, Value, compare
from tests.support.tasks import block, detail


def children(document: dict[str, Any], branch: str = "default") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document.get("rootBlock", document)["children"][branch]
    return found


def told(found: Difference) -> dict[str, int]:
    return {kind: count for kind, count in found.counts.items() if count}


def differing(found: Difference) -> list[Block]:
    return [each for each in found.blocks if each.differs]


def plain() -> dict[str, Any]:
    loop = block(3, "RepeatNumBp", {"default": [block(4, "PrintBp", message="d"), block(5, "DelayBp")]}, num="3")
    return detail(block(1, "PrintBp", message="a"), block(2, "PrintBp", message="b"), loop)


def test_the_same_content_in_another_order_of_names_is_no_difference() -> None:
    other = json.loads(json.dumps(plain(), sort_keys=True))

    found = compare(plain(), other)

    assert found.is_empty
    assert [(each.depth, each.name) for each in found.blocks] == [
        (0, "-1"),
        (1, "b1"),
        (1, "b2"),
        (1, "b3"),
        (2, "b4"),
        (2, "b5"),
    ]


def test_a_changed_parameter_shows_both_sides_with_their_types() -> None:
    new = plain()
    children(new)[1]["inputParams"] = {
        "message": {"type": "Expression", "value": "taskInputs.x"},
        "more": {"type": "Simple", "value": "1"},
    }

    (found,) = differing(compare(plain(), new))

    assert (found.name, found.where) == ("b2", "rootBlock › b2 PrintBp")
    message, more = found.parameters
    assert (message.old, message.new) == (Value("b", "Simple"), Value("taskInputs.x", "Expression"))
    assert (more.old, more.new) == (None, Value("1", "Simple"))


def test_a_type_alone_and_a_number_that_became_a_text_are_changes() -> None:
    old, new = plain(), plain()
    children(old)[0]["inputParams"]["message"]["value"] = 1
    children(new)[0]["inputParams"]["message"]["value"] = 1.0
    children(new)[1]["inputParams"]["message"]["type"] = "Expression"

    assert told(compare(old, new)) == {"parameters": 2}


def test_added_and_removed_blocks_stand_where_they_are_and_were() -> None:
    new = plain()
    children(new).insert(1, block(9, "PrintBp", message="n"))
    del children(children(new)[3])[0]

    found = compare(plain(), new)

    assert told(found) == {"added": 1, "removed": 1, "parameters": 1}
    assert [(each.name, each.state) for each in found.blocks][1:] == [
        ("b1", "same"),
        ("b9", ADDED),
        ("b2", "same"),
        ("b3", "same"),
        ("b4", REMOVED),
        ("b5", "same"),
    ]


def test_a_removed_subtree_is_told_whole_and_what_moved_out_of_it_is_moved() -> None:
    new = plain()
    loop = children(new).pop()
    children(new).append(children(loop)[1])

    found = compare(plain(), new)

    assert [(each.name, each.state) for each in differing(found)] == [("b3", REMOVED), ("b4", REMOVED), ("b5", "same")]
    assert differing(found)[-1].moved_from == "rootBlock › b3 RepeatNumBp › b5 DelayBp"


def test_one_block_taken_to_another_place_is_one_move() -> None:
    old = detail(*[block(number, "PrintBp", message=str(number)) for number in range(20)])
    new = copy.deepcopy(old)
    children(new).append(children(new).pop(3))

    assert [(each.name, bool(each.moved_from), each.places) for each in differing(compare(old, new))] == [
        ("b3", True, (4, 20))
    ]


def test_a_block_in_another_branch_is_moved_with_its_subtree() -> None:
    inner = block(2, "RepeatNumBp", {"default": [block(3, "PrintBp", message="x")]}, num="2")
    old = detail(block(1, "IfElseBp", {"if": [inner], "else": []}, condition="=true"))
    new = detail(block(1, "IfElseBp", {"if": [], "else": [inner]}, condition="=true"))

    (moved,) = differing(compare(old, new))

    assert (moved.name, moved.branch) == ("b2", "else")
    assert moved.where == "rootBlock › b1 IfElseBp › else › b2 RepeatNumBp"
    assert moved.moved_from == "rootBlock › b1 IfElseBp › if › b2 RepeatNumBp"


def test_renumbered_blocks_are_renamed_and_nothing_else() -> None:
    old = detail(*[block(number, "PrintBp", message=f"text {number}") for number in range(1, 30)])
    new = detail(
        block(1, "PrintBp", message="new"),
        *[block(number + 1, "PrintBp", message=f"text {number}") for number in range(1, 30)],
    )

    found = compare(old, new)

    assert told(found) == {"added": 1, "renamed": 29, "parameters": 1}
    assert [each.was for each in found.blocks[2:4]] == ["b1", "b2"]


def test_a_copy_that_was_edited_leaves_the_original_its_id() -> None:
    new = plain()
    children(new).append(block(9, "PrintBp", message="b"))
    children(new)[1]["inputParams"]["message"]["value"] = "changed"

    assert [(each.name, each.state) for each in differing(compare(plain(), new))] == [("b2", "same"), ("b9", ADDED)]


def test_a_block_that_changed_name_and_content_is_still_that_block() -> None:
    new = plain()
    children(new)[0].update(id=77, name="b77", inputParams={"message": {"type": "Simple", "value": "z"}})

    (found,) = differing(compare(plain(), new))

    assert (found.name, found.was, len(found.parameters)) == ("b77", "b1", 1)


def test_another_type_remark_and_switch_are_told_and_the_marks_of_the_editor_are_not() -> None:
    new = plain()
    children(new)[0].update(remark="look here", disabled=True, selected=True, expanded=False)
    children(new)[1]["blockType"] = "DelayBp"

    found = {each.name: each for each in differing(compare(plain(), new))}

    assert [change.name for change in found["b1"].fields] == ["remark", "disabled"]
    assert [(c.name, c.old, c.new) for c in found["b2"].fields] == [("blockType", Value("PrintBp"), Value("DelayBp"))]


def test_declared_inputs_and_other_fields_of_the_detail_are_compared() -> None:
    one, two = {"name": "a", "type": "String", "label": "A"}, {"name": "b", "type": "Long"}
    old = {**detail(inputs=[one, two]), "taskVariables": ["x"]}
    new = {**detail(inputs=[{**one, "type": "Double"}, {"name": "c"}]), "taskVariables": ["x", "y"]}

    found = compare(old, new)

    changes = {
        name: [(c.name, c.old and c.old.text, c.new and c.new.text) for c in each] for name, each in found.inputs
    }
    assert changes["a"] == [("type", "String", "Double")]
    assert changes["b"] == [("name", "b", None), ("type", "Long", None)]
    assert changes["c"] == [("name", None, "c")]
    assert [(c.name, c.new) for c in found.fields] == [("taskVariables", Value('["x", "y"]'))]
    (order,) = compare(detail(inputs=[one, two]), detail(inputs=[two, one])).inputs
    assert order[1][0].new == Value("b, a")


@pytest.mark.parametrize("shape", ["flat", "deep", "alike"])
def test_ten_thousand_blocks_take_a_moment(shape: str) -> None:
    count = 10_000
    flat = [block(number, "PrintBp", message=f"m{number if shape != 'alike' else 0}") for number in range(count)]
    old = detail(*flat)
    if shape == "deep":
        chain = flat[0]
        for each in flat[1:]:
            each["children"] = {"default": [chain]}
            chain = each
        old = detail(chain)
    new = detail(
        *[block(number + 5, "PrintBp", message=f"m{number}") for number in random.Random(1).sample(range(count), count)]
    )

    began = time.process_time()
    found = compare(old, new)

    assert time.process_time() - began < 10
    assert len(found.blocks) >= count


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["rootBlock", "children", "default", "if", "id", "name", "blockType", "inputParams", "value", "type", "x"]
    ), inner, max_size=4),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(old=_json, new=_json)
def test_nothing_in_a_detail_makes_it_fail(old: Any, new: Any) -> None:
    compare(old, new).counts  # noqa: B018 - the property is what is called
    compare({"rootBlock": old}, {"rootBlock": new, "inputParams": old}).counts  # noqa: B018


_blocks = st.recursive(
    st.just([]),
    lambda inner: st.lists(
        st.tuples(st.sampled_from(["PrintBp", "RepeatNumBp", "IfElseBp"]), st.sampled_from("abc"), inner), max_size=4
    ),
    max_leaves=20,
)


def grown(shape: Any, numbers: list[int]) -> list[dict[str, Any]]:
    found = []
    for kind, message, below in shape:
        numbers[0] += 1
        mine = block(numbers[0], kind, message=message)
        mine["children"] = {"default": grown(below, numbers)} if below else {}
        found.append(mine)
    return found


@settings(max_examples=150, deadline=None)
@given(old=_blocks, new=_blocks)
def test_every_block_of_both_sides_is_told_exactly_once(old: Any, new: Any) -> None:
    before, after = detail(*grown(old, [0])), detail(*grown(new, [0]))

    found = compare(before, after)

    def names(items: list[dict[str, Any]]) -> list[str]:
        return [n for each in items for n in [each["name"], *names(each["children"].get("default", []))]]

    assert sorted(b.name for b in found.blocks[1:] if b.state != REMOVED) == sorted(names(children(after)))
    assert sorted(
        [b.name for b in found.blocks if b.state == REMOVED]
        + [b.was or b.name for b in found.blocks[1:] if b.state == "same"]
    ) == sorted(names(children(before)))
    assert found.is_empty == (before == after)
    assert compare(after, after).is_empty
