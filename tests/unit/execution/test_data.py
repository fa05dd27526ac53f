"""Blocks that read JSON texts and tell the time."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from execution.errors import PlanErrors
from execution.jsontext import MAX_TEXT, read_json
from execution.limits import RunInfo
from execution.outcome import Failed
from execution.testing import MemoryPort, Result
from execution.values import Long, type_name
from tests.unit.execution.trees import Block, block, declare, expr, plan, run, set_, try_

GIVEN = [declare("given", "String", "")]


def convert(kind: str, text: str, *more: Block) -> Result:
    """Convert what a start request gave, then go on."""
    made = block("b1", f"StringToJson{kind}Bp", convertString=expr("taskInputs.given"))
    return run(made, *more, inputs=GIVEN, given={"given": text})


def fault(result: Result) -> Failed:
    assert isinstance(result.outcome, Failed)
    return result.outcome


def test_the_entries_of_an_object_are_reached_by_expressions() -> None:
    result = convert("Object", ' {"a": {"b": [1, "x"]}} ', set_("b2", "v", "blocks.b1.convertObject.a.b[1]"))
    assert result.variables == {"v": "x"}


def test_the_items_of_an_array_are_iterated_over() -> None:
    loop = block("b2", "IterateListBp", set_("b3", "last", "blocks.b2.item"), list=expr("blocks.b1.convertArray"))
    assert convert("Array", '["S1", "S2"]', loop).variables == {"last": "S2"}


@pytest.mark.parametrize(
    ("digits", "value", "kind"),
    [
        ("7", 7, "Integer"),
        ("2147483648", 2147483648, "Long"),
        ("-9223372036854775808", -(2**63), "Long"),
        ("9223372036854775808", Decimal(2**63), "BigDecimal"),
        ("1.5", 1.5, "Double"),
        ("1e3", 1000.0, "Double"),
        ("1e400", Decimal("1e400"), "BigDecimal"),
        ("1e-400", 0.0, "Double"),
    ],
)
def test_numbers_keep_what_they_say(digits: str, value: Any, kind: str) -> None:
    assert read_json(f"[{digits}]") == [value]
    assert type_name(read_json(digits)) == kind


@pytest.mark.parametrize("kind", ["Object", "Array"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nothing like it", "JSON is wanted, not 'nothing like it'"),
        ("", "JSON is wanted, not ''"),
        ('{"a": 1', "at character"),
        ('"text"', "is wanted, not"),
        ("12", "is wanted, not"),
        ('[{"a": 1, "a": 2}]', "names each key once"),
        ('{"a": {"b": 1, "b": 1}}', "names each key once"),
        ("[NaN]", "no number NaN"),
        ('{"a": -Infinity}', "no number -Infinity"),
        ("[" * 200_000 + "]" * 200_000, "100 levels"),
        (f"[{'9' * 401}]", "at most 400 digits"),
        ("[1e99999999999]", "at most 400 digits"),
        (f'["{"x" * MAX_TEXT}"]', "at most 1,000,000 characters"),
    ],
)
def test_what_cannot_be_read_names_block_parameter_and_value(kind: str, text: str, words: str) -> None:
    failed = fault(convert(kind, text))
    assert (failed.block, failed.error_code) == ("b1", "block.parameter")
    assert failed.message.startswith("convertString: ")
    assert words in failed.message
    assert len(failed.message) < 250


def test_an_object_is_no_array_and_the_other_way_round() -> None:
    assert "an object is wanted, not '[1]'" in fault(convert("Object", "[1]")).message
    assert "an array is wanted, not '{}'" in fault(convert("Array", "{}")).message


def test_a_hundred_levels_are_read_and_kept_and_one_more_is_refused() -> None:
    kept = convert("Array", "[" * 100 + "]" * 100, set_("b2", "v", "blocks.b1.convertArray.size()"))
    assert kept.variables == {"v": 1}
    assert "100 levels" in fault(convert("Array", "[" * 101 + "]" * 101)).message
    assert "100 levels" in fault(convert("Object", '{"a": ' * 101 + "1" + "}" * 101)).message


def test_brackets_inside_texts_are_no_levels() -> None:
    assert read_json('["' + "[" * 500 + '"]') == ["[" * 500]


@pytest.mark.parametrize("kind", ["Object", "Array"])
@pytest.mark.parametrize("value", ["true", "12", "1.5"])
def test_other_values_are_refused_with_their_type(kind: str, value: str) -> None:
    failed = fault(run(block("b1", f"StringToJson{kind}Bp", convertString=expr(value))))
    assert "convertString: JSON text of an" in failed.message
    assert value in failed.message


@pytest.mark.parametrize("kind", ["Object", "Array"])
def test_nothing_fails_when_it_runs_and_a_missing_or_wrong_text_when_it_is_read(kind: str) -> None:
    assert fault(run(block("b1", f"StringToJson{kind}Bp", convertString=expr("null")))).error_code == "data.empty"
    for given in ({}, {"convertString": "  "}, {"convertString": "{wrong"}):
        with pytest.raises(PlanErrors) as refused:
            plan(block("b1", f"StringToJson{kind}Bp", **given))
        assert "convertString" in refused.value.problems[0].path


def test_one_key_twice_among_many_is_found_at_once() -> None:
    names = [f"k{number}" for number in range(60_000)]
    with pytest.raises(ValueError, match="not 'k7' twice"):
        read_json(json.dumps(dict.fromkeys(names, 1))[:-1] + ', "k7": 1}')


def test_a_structure_is_taken_as_it_is_and_shares_nothing_with_its_source() -> None:
    result = run(
        set_("b1", "v", '["k": [1]]'),
        block("b2", "StringToJsonObjectBp", convertString=expr("task.variables")),
        set_("b3", "w", "2"),
        set_("b4", "seen", "blocks.b2.convertObject"),
        block("b5", "StringToJsonArrayBp", convertString=expr("task.variables.v.k")),
        set_("b6", "items", "blocks.b5.convertArray"),
    )
    assert result.variables["seen"] == {"v": {"k": [1]}}
    assert result.variables["items"] == [1]


def test_a_failure_can_be_caught() -> None:
    tried = block("b2", "StringToJsonArrayBp", convertString=expr("taskInputs.given"))
    result = run(try_("b1", [tried], [set_("b3", "v", "1")]), inputs=GIVEN, given={"given": "["})
    assert (result.code, result.variables) == (1003, {"v": 1})


def test_the_time_is_a_long_in_milliseconds_of_the_ports_clock() -> None:
    port = MemoryPort()
    port.now = 1_767_225_599_123
    result = run(block("b1", "CurrentTimeStampBp"), set_("b2", "v", "blocks.b1.currentTimeStamp"), port=port)
    assert result.variables == {"v": 1_767_225_599_123}
    assert type(result.variables["v"]) is Long


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "2025-12-31 23:59:59"),
        ("Asia/Shanghai", "2026-01-01 07:59:59"),
        ("America/New_York", "2025-12-31 18:59:59"),
    ],
)
def test_the_time_as_text_is_that_of_the_installation(zone: str, text: str) -> None:
    port = MemoryPort()
    port.now = 1_767_225_599_123
    info = RunInfo("rec-1", time_zone=zone)
    result = run(block("b1", "TimestampBp"), set_("b2", "v", "blocks.b1.timestamp"), port=port, info=info)
    assert result.variables == {"v": text}
