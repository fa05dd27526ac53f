"""The small parts: keys, rows, registry, parameters, Key-Value."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution import handlers
from execution.effects import ChildFailure, Effect, Log
from execution.keys import effect_key, execution_key, inner_iteration
from execution.limits import RunInfo
from execution.parameters import duration, extras, flag, is_true, list_of, number, param, specs_of, text, whole
from execution.registry import REGISTRY, BlockSpec, Registry, RegistryError
from execution.rows import clean, cut_text, object_text
from execution.values import Long
from tests.unit.execution.trees import block, declare, expr, run, set_

# --- Keys ---


def test_a_key_tells_record_block_round_and_number() -> None:
    assert execution_key(RunInfo("r"), "b1", "2.3", 1) == "r~b1~2.3"
    assert execution_key(RunInfo("r"), "b1", "", 2) == "r~a2~b1"
    assert effect_key("r~b1", None, 4) == "r~b1:4"
    assert effect_key("r~b1", 2, 0) == "r~b1:2.0"


@given(st.lists(st.tuples(st.text(max_size=150), st.text(min_size=1, max_size=150), st.integers(1, 1000)), min_size=2))
def test_keys_are_different_for_different_blocks_bounded_and_safe_in_a_url(found: list[tuple[str, str, int]]) -> None:
    keys = {entry: execution_key(RunInfo(entry[0] or "r"), entry[1], str(entry[2]), 1) for entry in found if entry[0]}
    assert len(set(keys.values())) == len(keys)
    for key in keys.values():
        assert len(effect_key(key, 1000, 99)) <= 120
        assert not set(key) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.~-")


def test_iterations_stay_short_however_deep_loops_nest() -> None:
    iteration, seen = "", set()
    for level in range(200):
        iteration = inner_iteration(iteration, level)
        seen.add(iteration)
    assert len(seen) == 200
    assert max(map(len, seen)) <= 100


# --- Rows ---


@given(
    st.dictionaries(
        st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.floats() | st.text(), max_size=4
    )
)
def test_outputs_are_always_json(values: dict[str, Any]) -> None:
    parsed = json.loads(object_text(values, 10_000), parse_constant=pytest.fail)
    assert set(parsed) == set(values)


def test_values_of_the_language_are_written_as_ordinary_json() -> None:
    values = {"a": Long(5), "b": Decimal("1.50"), "c": [1, {"d": None}], "e": '"\ud800'}
    assert json.loads(object_text(values, 1000)) == {"a": 5, "b": "1.50", "c": [1, {"d": None}], "e": '"\ud800'}
    assert object_text({}, 10) == "{}"


def test_a_cut_text_is_json_and_a_message_fits_its_column() -> None:
    assert json.loads(cut_text('{"a":"' + "x" * 100, 20)) == {"$cut": 106, "text": '{"a":"xxxx'}
    assert clean("a\x00b\ud800" + "x" * 2000)[:4] == "ab?x"
    assert len(clean("x" * 2000)) == 1000


# --- Registry ---


def spec(name: str) -> BlockSpec:
    return BlockSpec(name, lambda run, params: None, None, (), (), (), False, True, "")


def test_a_block_registered_twice_names_its_owner_and_a_frozen_registry_refuses() -> None:
    registry = Registry()
    registry.add(spec("XBp"))
    with pytest.raises(RegistryError, match="registered twice"):
        registry.add(spec("XBp"))
    registry.freeze()
    with pytest.raises(RegistryError, match="frozen"):
        registry.add(spec("YBp"))
    with registry.temporary(spec("YBp")):
        assert registry.get("YBp") is not None
    assert registry.get("YBp") is None


def test_every_family_on_disk_is_loaded() -> None:
    handlers.load()
    folder = Path(handlers.__file__).parent
    families = {f"execution.handlers.{file.stem}" for file in folder.glob("*.py") if file.stem != "__init__"}
    assert {spec.handler.__module__ for spec in REGISTRY} == families


def test_a_handler_that_yields_something_unknown_fails_its_block() -> None:
    class Odd(Effect):
        pass

    def strange(run: Any, params: Any) -> Any:
        yield Odd()

    def act(run: Any, params: Any) -> Any:
        return ChildFailure

    def crash(run: Any, params: Any) -> Any:
        raise ZeroDivisionError("inside")

    odd = BlockSpec("OddBp", strange, None, (), (), (), False, False, "")
    broken = BlockSpec("CrashBp", crash, None, (), (), (), False, True, "")
    with REGISTRY.temporary(odd, broken):
        for kind in ("OddBp", "CrashBp"):
            result = run(block("b1", kind))
            assert (result.code, result.outcome.error_code) == (1006, "block.internal")  # type: ignore[attr-defined]


def test_a_plain_handler_may_answer_outputs_or_one_act() -> None:
    def outputs(run: Any, params: Any) -> Any:
        return {"x": 1}

    def act(run: Any, params: Any) -> Any:
        return Log("said", {"a": 1}, level=4)

    first = BlockSpec("OneBp", outputs, None, (), (), ("x",), False, True, "")
    second = BlockSpec("TwoBp", act, None, (), (), (), False, True, "")
    with REGISTRY.temporary(first, second):
        result = run(block("b1", "OneBp"), set_("b2", "v", "blocks.b1.x"), block("b3", "TwoBp"))
    assert result.variables == {"v": 1}
    assert [line.code for line in result.port.logs] == ["said"]


# --- Parameters ---


@dataclass(slots=True)
class Sample:
    max_speed: Any = param(number, name="max_speed")
    retry_times: Any = param(whole, required=True)
    more: Any = extras("var_")


def test_a_parameter_is_named_in_camel_case_unless_told() -> None:
    assert [(item.name, item.required, item.prefix) for item in specs_of(Sample)] == [
        ("max_speed", False, None),
        ("retryTimes", True, None),
        ("more", False, "var_"),
    ]


@pytest.mark.parametrize(
    ("convert", "value", "wanted"),
    [
        (text, True, "true"), (text, 2.0, "2.0"), (text, Long(5), "5"), (text, None, None), (text, [1, "a"], "[1, a]"),
        (whole, "7", 7), (whole, 7.0, 7), (whole, Long(7), 7), (whole, Decimal(7), 7), (whole, None, None),
        (number, "1.5", 1.5), (number, "2", 2), (duration, "10", 10), (list_of, "[1]", [1]), (list_of, (1,), [1]),
        (flag, "", None), (flag, "TRUE", True), (flag, "no", False), (is_true, " True ", True), (is_true, 1, False),
    ],
)  # fmt: skip
def test_a_converter_takes_what_expressions_give(convert: Any, value: Any, wanted: Any) -> None:
    assert convert(value) == wanted
    assert type(convert(value)) is type(wanted)


@pytest.mark.parametrize(
    ("convert", "value"),
    [(whole, True), (whole, "x"), (whole, 1.5), (whole, float("inf")), (whole, []), (number, "x"), (number, {}),
     (duration, -1), (duration, 10**15), (list_of, "x"), (list_of, 5), (list_of, '{"a": 1}')],
)  # fmt: skip
def test_a_converter_says_what_it_wanted(convert: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="wanted"):
        convert(value)


def test_a_key_value_parameter_is_read_by_the_order_of_its_fields() -> None:
    rows = [
        {"key": "a", "value": "text", "type": "string"},
        {"k": "=taskInputs.name", "v": "=1 + 1", "t": "x"},
        {"key": "o", "value": '{"n": [1]}', "type": "object"},
    ]
    result = run(
        set_("b1", "v", {"type": "Key-Value", "value": json.dumps(rows)}), inputs=[declare("name", "String", "dyn")]
    )
    assert result.variables == {"v": {"a": "text", "dyn": 2, "o": {"n": [1]}}}


def test_literals_are_trimmed_text_and_other_kinds_are_nothing() -> None:
    result = run(
        set_("b1", "a", {"type": "Simple", "value": "  x "}),
        set_("b2", "b", {"type": "Simple", "value": True}),
        set_("b3", "c", {"type": "Simple", "value": 5}),
        block("b4", "PrintBp", message={"type": "JSON", "value": "{}"}),
        block("b5", "PrintBp", message=expr("   ")),
    )
    assert result.variables == {"a": "x", "b": "true", "c": "5"}
    assert [json.loads(line.args)["message"] for line in result.port.logs] == [None, None]
