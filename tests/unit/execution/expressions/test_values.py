"""Values keep their type through JSON, and have the text form tasks expect."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.values import (
    Character,
    JavaArray,
    Long,
    NestingError,
    dump_tagged,
    from_json,
    is_true,
    load_tagged,
    to_plain,
    to_text,
    type_name,
)

KEYS = st.text(max_size=8) | st.sampled_from(["$long", "$map", "$", "$x"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Long),
    st.floats(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.characters().map(Character),
    st.text(max_size=20),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(JavaArray),
        st.dictionaries(KEYS, inner, max_size=4),
        st.dictionaries(st.integers(0, 9) | st.booleans(), inner, max_size=2),
    ),
    max_leaves=12,
)


def shape(value: Any) -> Any:
    """A form of a value in which values of different types are never equal, and NaN is NaN."""
    if isinstance(value, dict):
        return ("Map", [(shape(key), shape(item)) for key, item in value.items()])
    if isinstance(value, list):
        return (type(value), [shape(item) for item in value])
    return (type(value), repr(value))


@given(VALUES)
def test_a_value_comes_back_from_tagged_json_as_what_it_was(value: Any) -> None:
    stored = json.dumps(dump_tagged(value), allow_nan=False)
    assert shape(load_tagged(json.loads(stored))) == shape(value)


@given(VALUES)
def test_dumping_changes_nothing_in_the_value(value: Any) -> None:
    before = shape(value)
    dump_tagged(value)
    assert shape(value) == before


def test_what_needs_no_tag_is_passed_through_uncopied() -> None:
    value = {"a": [1, "x", True, None, 2.5], "b": {"c": []}}
    assert dump_tagged(value) is value


def test_one_tag_copies_only_the_way_to_it() -> None:
    plain = {"x": 1}
    value = {"plain": plain, "tagged": [1, Long(2)]}
    dumped = dump_tagged(value)
    assert dumped == {"plain": {"x": 1}, "tagged": [1, {"$long": 2}]}
    assert dumped["plain"] is plain


@pytest.mark.parametrize("tag", [{"$long": "x"}, {"$decimal": "x"}, {"$other": 1}, {"$map": 5}, {"$map": [[1]]}])
def test_a_tag_that_does_not_hold_is_refused(tag: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the tag"):
        load_tagged(tag)


def test_a_value_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        dump_tagged({"a": [object()]})


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_nesting_without_end_is_refused_not_a_crash() -> None:
    deep = nested(5000)
    with pytest.raises(NestingError):
        dump_tagged(deep)
    with pytest.raises(NestingError):
        to_text(deep)
    assert to_text(nested(150)).startswith("[[[")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (Long(5), "5"),
        (2.0, "2.0"),
        (-0.0, "-0.0"),
        (1e7, "1.0E7"),
        (9999999.0, "9999999.0"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (1.5e-10, "1.5E-10"),
        (1e100, "1.0E100"),
        (123456789.125, "1.23456789125E8"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (Decimal("1.50"), "1.50"),
        ([1, [None, "x"], {"k": True}], "[1, [null, x], {k=true}]"),
        (JavaArray([1, 2.5]), "[1, 2.5]"),
        ({}, "{}"),
        (Character("c"), "c"),
    ],
)
def test_the_text_form_is_javas(value: Any, text: str) -> None:
    assert to_text(value) == text


def test_a_limited_text_form_stops_soon_after_its_limit() -> None:
    assert 100 <= len(to_text(["abcdefghij"] * 1_000_000, 100)) < 200


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (True, "Boolean"),
        (1, "Integer"),
        (2**31, "Long"),
        (Long(1), "Long"),
        (1.0, "Double"),
        (Decimal(1), "BigDecimal"),
        ("", "String"),
        (Character("a"), "Character"),
        ([], "List"),
        (JavaArray(), "Array"),
        ({}, "Map"),
        (None, "null"),
    ],
)
def test_every_type_has_its_name(value: Any, name: str) -> None:
    assert type_name(value) == name


@pytest.mark.parametrize("value", [True, "true", "TRUE", "True"])
def test_a_condition_holds_for_true_in_any_case(value: Any) -> None:
    assert is_true(value)


@pytest.mark.parametrize("value", [False, None, 1, "yes", "", " true", Long(1), [True]])
def test_nothing_else_makes_a_condition_hold(value: Any) -> None:
    assert not is_true(value)


def test_plain_json_shows_what_json_cannot_hold_as_text() -> None:
    value = {"a": Long(1), "b": math.inf, "c": Decimal("1.50"), 5: JavaArray([Character("x")])}
    assert to_plain(value) == {"a": 1, "b": "Infinity", "c": "1.50", "5": ["x"]}


def test_hand_written_json_marks_longs() -> None:
    value = from_json({"a": {"$long": 5}, "b": [5, {"$long": "no"}]})
    assert type(value["a"]) is Long
    assert value["b"] == [5, {"$long": "no"}]
