"""Every block, given every kind of wrong parameter: a clear error or a run that goes on, and a process unharmed.

The blocks come from the registry and their valid parameters from their examples, so a new block is tested without
being named here.
"""

from __future__ import annotations

import copy
import json
import re
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execution import handlers
from execution.errors import PlanErrors
from execution.examples import detail_of
from execution.limits import Limits
from execution.outcome import Failed, SliceEnd, Suspended
from execution.plan import compile
from execution.registry import REGISTRY, BlockSpec
from execution.testing import MemoryPort, Result, run_plan
from execution.testing.running import Stuck
from scheduler.models import BlockRecord, Effect, LogLine, RunState, TaskRecord, Wait
from tests.unit.execution.test_blocklist import world

MB = 1_000_000
LIMITS = Limits(slice_steps=2_000, max_steps=20_000, context_bytes=2 * MB)
"""Small enough that a run which would go on for ever is stopped soon."""

BIGINT = 2**63

TAKES_NOTHING = {("CheckTaskRecordIdIsExistBp", "taskRecordId")}
"""Parameters that must be given and may give nothing: no record has no id."""


def nested(depth: int) -> Any:
    value: Any = "x"
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


LITERALS: dict[str, Any] = {
    "nothing": None,
    "empty": "",
    "blank": " \t\n",
    "word": "no such thing",
    "true": True,
    "negative": -1,
    "fraction": 1.5,
    "huge number": 10**400,
    "number too long for Python": "9" * 5000,
    "overflowing": "1e999",
    "NaN": float("nan"),
    "infinity": float("-inf"),
    "NaN as text": "NaN",
    "huge": "x" * MB,
    "huge, not ASCII": "ß" * MB,
    "NUL": "a\x00b",
    "surrogate": "a\ud800b",
    "control": "\x1b[31mred\x07\r\n",
    "bidi": "\u202eabc\u2066",
    "astral": "\U0001f916" * 300,
    "quotes": "'\"\\`;--<script>",
    "list": [1, "a", None],
    "map": {"k": {"v": [1]}},
    "deep": nested(150),
    "too deep": nested(400),
    "list text": "[[[1]]]",
    "long list": list(range(5_000)),
}

EXPRESSIONS: dict[str, str] = {
    "no expression": "((((",
    "too long": "1+" * 500_000 + "1",
    "unknown word": "nowhere",
    "missing input": "taskInputs.nope",
    "missing output": "blocks.b99.x",
    "null": "null",
    "true": "true",
    "number": "-7",
    "long": "9223372036854775807L",
    "beyond 32 bits": "2147483648",
    "fraction": "1.5",
    "infinity": "1 / 0",
    "NaN": "0.0 / 0",
    "huge decimal": "10B ** 400",
    "text": "'word'",
    "NUL": '"a\\u0000b"',
    "surrogate": '"a\\ud800b"',
    "bidi": '"\\u202eabc"',
    "huge text": "taskInputs.huge + 'x'",
    "list": "[1, 'a', null]",
    "empty list": "[]",
    "map": '["k": ["v": 1]]',
    "deep": "taskInputs.deep",
    "long list": "taskInputs.many",
    "whole scope": "taskInputs",
}

MALFORMED: dict[str, Any] = {
    "a number": 5,
    "a text": "text",
    "a list": [],
    "an empty object": {},
    "no type": {"value": "x"},
    "no value": {"type": "Simple"},
    "unknown type": {"type": "JSON", "value": "{}"},
    "type of a wrong kind": {"type": ["Simple"], "value": 1},
    "huge type": {"type": "x" * MB, "value": 1},
    "key-value of text": {"type": "Key-Value", "value": "no JSON"},
    "key-value of numbers": {"type": "Key-Value", "value": [1, 2]},
    "key-value of short rows": {"type": "Key-Value", "value": [{"key": "a"}]},
    "key-value of empty rows": {"type": "Key-Value", "value": [{}]},
    "key-value without a key": {"type": "Key-Value", "value": [{"key": None, "value": 1, "type": "object"}]},
    "key-value": {"type": "Key-Value", "value": [{"key": "a\ud800", "value": "=1/0", "type": "object"}]},
    "key-value of broken JSON": {"type": "Key-Value", "value": [{"key": "a", "value": "{", "type": "object"}]},
    "key-value of a deep text": {"type": "Key-Value", "value": "[" * 50_000},
    "expression of an object": {"type": "Expression", "value": {"a": 1}},
}

INPUTS = [
    {"name": "huge", "type": "String", "defaultValue": ""},
    {"name": "deep", "type": "JSONArray", "defaultValue": ""},
    {"name": "many", "type": "JSONArray", "defaultValue": ""},
]
GIVEN = {"huge": "x" * MB, "deep": [nested(60)], "many": list(range(5_000))}

WRONG: dict[str, Any] = {
    **{f"literal: {name}": {"type": "Simple", "value": value} for name, value in LITERALS.items()},
    **{f"expression: {name}": {"type": "Expression", "value": text} for name, text in EXPRESSIONS.items()},
    **{f"malformed: {name}": value for name, value in MALFORMED.items()},
}


def registered() -> list[BlockSpec]:
    handlers.load()
    return list(REGISTRY)


def example(spec: BlockSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    """A definition around the block's example, and the block in it."""
    detail = detail_of(spec)
    detail["inputParams"] = INPUTS
    block = detail["rootBlock"]
    while spec.name != "RootBp" and block["name"] != "b1":
        block = next(iter(block["children"].values()))[0]
    return detail, block


def caught(detail: Mapping[str, Any]) -> dict[str, Any]:
    """The same definition inside a TryCatchBp that swallows every failure."""
    detail = copy.deepcopy(dict(detail))
    blocks = detail["rootBlock"]["children"]["default"]
    children = {"try": blocks[:-1], "catch": [{"name": "catch", "blockType": "PrintBp"}]}
    swallow = {"swallowError": {"type": "Simple", "value": "true"}}
    around = {"name": "around", "blockType": "TryCatchBp", "inputParams": swallow, "children": children}
    detail["rootBlock"]["children"]["default"] = [around, blocks[-1]]
    return detail


# --- What must hold, whatever was given -------------------------------------------------------------------------------


def storable(text: str, most: int | None) -> None:
    text.encode("utf-8")
    assert "\x00" not in text
    assert most is None or len(text) <= most, f"{len(text)} characters where {most} fit"


def strict(text: str) -> None:
    """JSON as databases and browsers read it: no NaN, no broken text."""
    storable(text, None)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


def length(model: Any, column: str) -> int:
    found = model._meta.get_field(column).max_length
    assert isinstance(found, int)
    return found


def look_at_rows(number: int, port: MemoryPort, end: SliceEnd) -> None:
    """Everything a slice writes fits its column."""
    snapshot = end.snapshot
    assert len(snapshot.state or "") <= 3 * LIMITS.context_bytes
    for row in snapshot.blocks:
        storable(row.reason, length(BlockRecord, "reason"))
        for text in (row.params, row.outputs):
            strict(text)
            assert len(text) <= LIMITS.row_text + 200
    for line in snapshot.logs:
        strict(line.args)
        storable(line.code, length(LogLine, "code"))
    for effect in snapshot.effects:
        storable(effect.key, length(Effect, "key"))
        storable(str(effect.request.get("operation", "")), length(Effect, "operation"))
        storable(str(effect.request.get("order_id", "")), length(Effect, "order_id"))
        json.dumps(effect.request, allow_nan=False).encode("utf-8")
    if snapshot.variables is not None:
        strict(snapshot.variables)
    storable(snapshot.state_text or "", length(TaskRecord, "state_description"))
    storable(snapshot.vehicles or "", length(TaskRecord, "agv_id"))
    assert -(2**31) <= (snapshot.priority or 0) < 2**31
    for column, value in snapshot.facts.items():
        field = TaskRecord._meta.get_field(column)
        if isinstance(value, str):
            storable(value, getattr(field, "max_length", None))
        elif isinstance(value, int):
            assert abs(value) < BIGINT
        else:
            strict(json.dumps(value))
    if isinstance(end.outcome, Suspended):
        for wait in end.outcome.waits:
            storable(wait.key, length(Wait, "key"))
            storable(wait.code, length(Wait, "code"))
            assert len(json.dumps(wait.args, allow_nan=False)) <= 20_000
            assert all(abs(at) < BIGINT for at in (wait.since_ms, wait.due_ms or 0, wait.deadline_ms or 0))
    assert RunState._meta.get_field("text").max_length is None


def inputs_for(block: Mapping[str, Any]) -> dict[str, Any]:
    """The large inputs, when an expression reads some: they are in every state that a run stores."""
    given = [item.get("value") for item in block["inputParams"].values() if isinstance(item, Mapping)]
    return GIVEN if any(isinstance(text, str) and "taskInputs" in text[:100] for text in given) else {}


def walk(detail: Mapping[str, Any], inputs: Mapping[str, Any]) -> PlanErrors | Result | None:
    """Compile and run: the faults, how it ended, or ``None`` when it waits for something that does not come."""
    started = time.monotonic()
    try:
        plan = compile(detail)
    except PlanErrors as errors:
        for problem in errors.problems:
            storable(problem.path, 4000)
            storable(problem.message, 1000)
            storable(problem.remedy, 1000)
        return errors
    try:
        result = run_plan(plan, inputs, port=world(), limits=LIMITS, on_slice=look_at_rows, max_slices=20)
    except Stuck:
        return None
    finally:
        assert time.monotonic() - started < 20
    if isinstance(result.outcome, Failed):
        storable(result.outcome.message, 1000)
        assert result.outcome.message.strip()
        assert result.outcome.error_code != "block.internal", result.outcome.message
    return result


def names_it(spec: BlockSpec, name: str, found: PlanErrors | Result | None) -> None:
    """An error says block and parameter, and what is wrong with the value."""
    if isinstance(found, PlanErrors):
        for problem in found.problems:
            assert problem.code != "parameter.type" or re.search("wanted|nested", problem.message), problem
            assert spec.name in problem.path, problem
            assert problem.path.endswith(f"› {name}"), problem
    elif found is not None and isinstance(found.outcome, Failed):
        assert found.outcome.block, found.outcome
        if found.outcome.error_code == "block.parameter":
            assert re.search("wanted|nested|no key", found.outcome.message), found.outcome.message
        if found.outcome.error_code in ("block.parameter", "block.expression") and found.outcome.block == "b1":
            assert found.outcome.message.startswith(f"{name.removesuffix('x')}"), found.outcome.message


def cases(spec: BlockSpec) -> Iterator[tuple[str, str, Any]]:
    """Parameter, what is wrong, and the value. After two parameters of a kind, the others of it share the cases."""
    seen: Counter[Any] = Counter()
    for item in spec.parameters:
        name = f"{item.prefix}x" if item.prefix else item.name
        yield name, "missing", None
        seen[item.convert] += 1
        first, step = (0, 1) if seen[item.convert] <= 2 else (seen[item.convert] % 4, 4)
        for words, wrong in list(WRONG.items())[first::step]:
            yield name, words, wrong


@pytest.mark.parametrize("spec", [spec for spec in registered() if spec.parameters], ids=lambda spec: spec.name)
def test_a_wrong_parameter_ends_in_a_clear_error_or_is_caught(spec: BlockSpec) -> None:
    for name, words, wrong in cases(spec):
        detail, block = example(spec)
        block["inputParams"][name] = wrong
        if words == "missing":
            del block["inputParams"][name]
        try:
            inputs = inputs_for(block)
            found = walk(detail, inputs)
            names_it(spec, name, found)
            if isinstance(found, Result) and isinstance(found.outcome, Failed):
                inside = walk(caught(detail), inputs)
                assert isinstance(inside, Result)
                assert inside.code == 1003, inside.outcome
                assert inside.steps[-1] == "after"
        except BaseException as error:
            error.add_note(f"{spec.name}, {name}: {words}")
            raise


@pytest.mark.parametrize("spec", [spec for spec in registered() if spec.parameters], ids=lambda spec: spec.name)
def test_a_parameter_that_must_be_given_is_named_when_it_gives_nothing(spec: BlockSpec) -> None:
    for item in spec.parameters:
        if (item.required or item.advised) and (spec.name, item.name) not in TAKES_NOTHING:
            detail, block = example(spec)
            block["inputParams"][item.name] = {"type": "Expression", "value": "null"}
            found = walk(detail, {})
            assert isinstance(found, Result)
            assert isinstance(found.outcome, Failed), item.name
            assert item.name in found.outcome.message


@pytest.mark.parametrize("spec", [spec for spec in registered() if spec.parameters], ids=lambda spec: spec.name)
def test_a_huge_parameter_takes_a_bounded_multiple_of_itself(spec: BlockSpec) -> None:
    huge = {"type": "Simple", "value": "ß" * MB}
    read = {"type": "Expression", "value": "taskInputs.huge"}
    for item in spec.parameters[:3]:
        for wrong in (huge, read):
            detail, block = example(spec)
            block["inputParams"][f"{item.prefix}x" if item.prefix else item.name] = wrong
            tracemalloc.start()
            try:
                walk(detail, inputs_for(block))
                assert tracemalloc.get_traced_memory()[1] < 60 * MB
            finally:
                tracemalloc.stop()


# --- Many at once -----------------------------------------------------------------------------------------------------

_TEXTS = st.text(st.characters(), max_size=30) | st.sampled_from(list(LITERALS.values()))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
_PARAMETERS = (
    st.sampled_from(list(WRONG.values()))
    | st.fixed_dictionaries({"type": st.sampled_from(["Simple", "Expression", "Key-Value"]), "value": _TEXTS | _JSON})
    | _JSON
)


@st.composite
def blocks_given_anything(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    spec = draw(st.sampled_from(registered()))
    names = [f"{item.prefix}x" if item.prefix else item.name for item in spec.parameters]
    anything = st.dictionaries(st.sampled_from([*names, "unknown", ""]), _PARAMETERS, max_size=len(names) + 1)
    return spec.name, draw(anything)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(blocks_given_anything(), st.booleans())
def test_whatever_a_block_is_given_the_process_is_unharmed(found: tuple[str, dict[str, Any]], inside: bool) -> None:
    spec = REGISTRY.get(found[0])
    assert spec is not None
    detail, block = example(spec)
    block["inputParams"].update(found[1])
    walk(caught(detail) if inside and spec.name != "RootBp" else detail, inputs_for(block))
