"""The context: what it holds, how large it may become, that it dies."""

from __future__ import annotations

import gc
import json
from typing import Any

import pytest

from execution.context import ContextRegister, TaskContext, measure, text_bytes
from execution.errors import BlockError
from execution.limits import Limits, RunInfo
from execution.outcome import Failed
from execution.testing import MemoryPort
from execution.walker import Run
from tests.unit.execution.trees import block, declare, expr, plan, robot, run, say, set_, throw, try_


def test_a_context_that_would_grow_beyond_its_limit_fails_the_run_and_names_the_block() -> None:
    doubling = set_("b2", "v", "task.variables.v + task.variables.v")
    result = run(
        set_("b1", "v", '"x"'), block("b3", "RepeatNumBp", doubling, num="40"), limits=Limits(context_bytes=10_000)
    )
    assert isinstance(result.outcome, Failed)
    assert (result.outcome.block, result.outcome.error_code) == ("b2", "context.too-large")
    assert "b2" in result.outcome.message
    assert "10000" in result.outcome.message


def test_replacing_a_value_gives_its_bytes_back() -> None:
    context = TaskContext({}, RunInfo("r"), Limits(context_bytes=5_000))
    for _ in range(100):
        context.set_variable("v", "x" * 3_000, "b1")
    assert 3_000 < context.bytes < 4_000
    assert context.sources == {"v": "b1"}


def test_names_count_too_and_no_name_meets_another_kind_of_value() -> None:
    context = TaskContext({}, RunInfo("r"), Limits(context_bytes=100_000))
    for number in range(19):
        context.set_variable(f"{number:x<5000}", 1, "b1")
    with pytest.raises(BlockError, match="limit is 100000"):
        context.set_variable("y" * 5000, 1, "b1")
    context = TaskContext({}, RunInfo("r"), Limits())
    context.keep_outputs("b1", {"text": "x" * 1000})
    before = context.bytes
    context.set_variable("o:b1", "y", "b2")
    assert context.bytes > before


@pytest.mark.parametrize("value", [{}, {"index": 1, "done": True}, {1: 2}, {"a": "x"}, {"a": [1]}])
def test_a_map_measures_as_much_in_a_list_as_alone(value: dict[Any, Any]) -> None:
    assert measure([value], 10_000) == measure(value, 10_000) + 72


def test_a_list_that_a_loop_holds_counts_while_it_runs() -> None:
    items = expr('"[" + StringUtils.repeat("[],", 900) + "[]]"')
    inner = block("b2", "IterateListBp", say("b3", "x"), list=items)
    twice = block("b1", "IterateListBp", inner, list=items)
    limits = Limits(context_bytes=100_000)
    assert run(inner, limits=limits).code == 1003
    for each in (limits, Limits(context_bytes=100_000, slice_steps=1)):
        outcome = run(twice, limits=each).outcome
        assert isinstance(outcome, Failed)
        assert (outcome.block, outcome.error_code) == ("b2", "context.too-large")
    assert run({**inner, "name": "b4"}, {**inner, "children": {}}, limits=limits).code == 1003


def test_a_value_nested_too_deeply_is_refused() -> None:
    value: list[object] = []
    for _ in range(200):
        value = [value]
    with pytest.raises(BlockError, match="levels deep"):
        TaskContext({}, RunInfo("r"), Limits()).set_variable("v", value, "b1")


def test_inputs_count_too() -> None:
    with pytest.raises(BlockError):
        TaskContext({"x": "y" * 2_000}, RunInfo("r"), Limits(context_bytes=1_000))


def test_outputs_that_nobody_reads_are_recorded_and_not_kept() -> None:
    made = plan(
        block("b1", "RepeatNumBp", num="2"), block("b2", "RepeatNumBp", num="2"), say("b3", expr("blocks.b2.index"))
    )
    port = MemoryPort()
    with Run.start(made, {}, RunInfo("r")) as walking:
        walking.advance(port)
        assert walking.context.outputs == {"b2": {"index": 2}}


def test_the_path_is_a_ring() -> None:
    with Run.start(
        plan(block("b1", "RepeatNumBp", say("b2", "x"), num="50")), {}, RunInfo("r"), Limits(path_ring=3)
    ) as walking:
        walking.advance(MemoryPort())
        assert list(walking.context.path) == ["b2", "b2", "b2"]


def test_a_run_that_is_left_leaves_an_empty_context_and_a_reference_to_it_is_noticed() -> None:
    register = ContextRegister()
    made = plan(set_("b1", "v", "1"), inputs=[declare("x", "String", "y")])
    with Run.start(made, made.bind_inputs({})[0], RunInfo("r"), register=register) as walking:
        walking.advance(MemoryPort())
        assert (register.alive(), register.left_behind()) == (1, [])
        kept = walking.context
    assert (kept.variables, kept.inputs, kept.scope, kept.bytes) == ({}, {}, {}, 0)
    assert register.left_behind() == [kept]
    del walking, kept
    assert register.left_behind() == []
    assert register.alive() == 0


def test_a_run_leaves_nothing_to_the_garbage_collector() -> None:
    waiting = block("b1", "RepeatNumBp", say("b2", "x"), block("b3", "DelayBp", timeMillis="5"), num="3")
    caught = try_("b4", [block("p", "ParallelFlowBp", throw("b5", "x"), say("b6", "x"))], [])
    made = plan(caught, block("q", "ParallelFlowBp", waiting, robot("b7", "S1")))
    gc.collect()
    gc.disable()
    try:
        register = ContextRegister()
        with Run.start(made, {}, RunInfo("r"), register=register) as walking:
            walking.advance(MemoryPort())
        del walking
        assert register.alive() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("character", ["x", "ß", "\x01", "\ud800", "\U0001f916", '"'])
@pytest.mark.parametrize("length", [10, 150, 201, 5000])
def test_a_text_counts_as_much_as_it_takes_in_the_stored_state(character: str, length: int) -> None:
    text = character * length
    if length > 200 or character in "xß":
        assert len(json.dumps(text)) <= text_bytes(text) <= 6 * len(json.dumps(text)) + 64
    assert text_bytes("x" * length) == 64 + length + 2 * (length > 200)
