"""Inputs: defaults, conversion, and what is given wrongly."""

from __future__ import annotations

from typing import Any

import pytest

from execution.errors import PlanErrors
from execution.plan import compile
from execution.values import Long
from tests.unit.execution.trees import declare, detail, say


def bind(kind: str, *given: Any, default: Any = "") -> tuple[Any, list[str]]:
    made = compile(detail(say("b1", "x"), inputs=[declare("x", kind, default)]))
    values, notes = made.bind_inputs({"x": given[0]} if given else {})
    return values["x"], [note.code for note in notes]


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("String", "a", "a"),
        ("String", 5, "5"),
        ("String", True, "true"),
        ("Boolean", "TRUE", True),
        ("Boolean", False, False),
        ("Long", "7", Long(7)),
        ("Long", 7.0, Long(7)),
        ("Long", -(2**63), Long(-(2**63))),
        ("Double", "2.5", 2.5),
        ("Double", 2, 2.0),
        ("JSONArray", "[1, 2]", [1, 2]),
        ("JSONArray", [1], [1]),
        ("JSONObject", '{"a": 1}', {"a": 1}),
        ("Long", " +7 ", Long(7)),
        ("Double", "-.5e1", -5.0),
        ("Double", "-Infinity", float("-inf")),
        ("Strange", "x", "x"),
        ("Strange", [1], "[1]"),
    ],
)
def test_a_given_value_becomes_what_was_declared(kind: str, given: Any, value: Any) -> None:
    bound, notes = bind(kind, given)
    assert (bound, type(bound), notes) == (value, type(value), [])


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("Long", "abc", "abc"),
        ("Long", "1.5", "1.5"),
        ("Long", True, "true"),
        ("Long", 2**63, str(2**63)),
        ("Long", "9" * 5000, "9" * 5000),
        ("Double", "x", "x"),
        ("Boolean", "maybe", "maybe"),
        ("JSONArray", "{}", "{}"),
        ("JSONArray", "[" * 100_000, "[" * 100_000),
        ("JSONObject", "[1]", "[1]"),
    ],
)
def test_a_value_that_does_not_fit_is_passed_on_as_text_with_a_note(kind: str, given: Any, value: str) -> None:
    assert bind(kind, given) == (value, ["input.type"])


@pytest.mark.parametrize(
    ("kind", "given"),
    [("Long", "1_0"), ("Long", "\u0667"), ("Double", "1_0.5"), ("Double", "nan"), ("Double", "inf"), ("Double", "0x1")],
)
def test_only_numbers_as_java_spells_them_are_numbers(kind: str, given: str) -> None:
    assert bind(kind, given) == (given, ["input.type"])


@pytest.mark.parametrize("kind", ["Boolean", "Long", "Double", "JSONArray", "JSONObject"])
def test_a_blank_default_is_none_and_needs_no_note(kind: str) -> None:
    assert bind(kind, default=" ") == bind(kind, default=None)
    assert bind(kind, default="")[1] == []


@pytest.mark.parametrize("kind", ["String", "Boolean", "Long", "Double", "JSONArray", "JSONObject"])
def test_a_null_is_an_empty_text(kind: str) -> None:
    assert bind(kind, None) == ("", [])


@pytest.mark.parametrize(
    ("kind", "value"), [("Boolean", False), ("Long", Long(0)), ("Double", 0.0), ("String", ""), ("JSONArray", "")]
)
def test_what_is_missing_has_the_nothing_of_its_type(kind: str, value: Any) -> None:
    bound, _ = bind(kind, default=None)
    assert (bound, type(bound)) == (value, type(value))


def test_a_given_value_replaces_the_default_and_unknown_names_are_noted() -> None:
    made = compile(detail(say("b1", "x"), inputs=[declare("x", "Long", "3")]))
    assert made.bind_inputs({}) == ({"x": Long(3)}, [])
    values, notes = made.bind_inputs({"x": 4, "y": 1})
    assert values == {"x": Long(4)}
    assert [(note.name, note.code) for note in notes] == [("y", "input.unknown")]
    assert notes[0].remedy == "Its inputs: x."


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ("x", "inputs.not-list"),
        ([5], "input.no-name"),
        ([{"type": "Long"}], "input.no-name"),
        ([declare("x", "Long"), declare("x", "Long")], "input.duplicate"),
    ],
)
def test_malformed_declarations_are_refused(inputs: Any, code: str) -> None:
    with pytest.raises(PlanErrors) as caught:
        compile({**detail(say("b1", "x")), "inputParams": inputs})
    assert [problem.code for problem in caught.value.problems] == [code]
