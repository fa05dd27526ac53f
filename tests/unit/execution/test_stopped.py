"""What the text of a state tells about where its run stopped."""

from __future__ import annotations

import pytest

from execution.stopped import StoppedAt, stopped_blocks
from execution.testing import Result
from tests.unit.execution.trees import block, expr, robot, run, say, throw, try_


def where(result: Result) -> list[StoppedAt]:
    assert result.port.state is not None
    return stopped_blocks(result.port.state)


def test_it_stopped_at_the_block_that_failed_however_deep() -> None:
    result = run(block("b1", "SerialFlowBp", block("b2", "IfBp", throw("b3", "no"), condition="true")))

    assert where(result) == [StoppedAt("b3")]


def test_every_branch_that_failed_is_told_once() -> None:
    result = run(block("b1", "ParallelFlowBp", throw("b2", "no"), say("b3", "yes"), throw("b4", "no")))

    assert [each.block for each in where(result)] == ["b2", "b4"]


def test_copies_that_failed_at_the_same_block_are_one() -> None:
    result = run(block("b1", "ParallelRepeatNBp", throw("b2", "no"), num="3"))

    assert where(result) == [StoppedAt("b2")]


def test_what_holds_an_order_around_it_is_told_from_inside_a_parallel_block_too() -> None:
    inner = block("b3", "ParallelFlowBp", throw("b4", "no"), say("b5", "yes"))

    assert where(run(robot("b1", "S1", inner))) == [StoppedAt("b4", "b1")]


def test_a_robot_selection_that_failed_itself_holds_nothing() -> None:
    assert where(run(robot("b1", " , "))) == [StoppedAt("b1")]


def test_a_failure_that_was_caught_is_no_stop() -> None:
    result = run(try_("b1", [throw("b2", "no")], []), block("b3", "IterateListBp", list=expr("blocks.b0.none")))

    assert where(result) == [StoppedAt("b3")]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"branches": [{}]}', '{"branches": 3}', "{", '{"branches":[]}']
)
def test_a_text_that_cannot_be_read_tells_nothing(text: str) -> None:
    assert stopped_blocks(text) == []
