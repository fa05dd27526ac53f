"""Failures: thrown, caught, passed on, in branches; and going on after one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.limits import RunInfo
from execution.outcome import Failed
from execution.plan import Plan
from execution.testing import FakeFleet, FakeSites, MemoryPort, Result, Site, run_plan
from execution.walker import Run
from tests.unit.execution.trees import block, expr, go, plan, robot, run, say, set_, throw, try_


def said(result: Result) -> list[str]:
    return [json.loads(line.args)["message"] for line in result.port.logs if line.code == "block.print"]


def code_of(result: Result, name: str) -> int:
    return next(row.code for row in result.port.blocks.values() if row.name == name)


@pytest.mark.parametrize(
    "failing",
    [
        throw("b2", "x"),
        block("b2", "SetSiteFilledBp", siteId="nowhere"),
        set_("b2", "v", "blocks.b9.x"),
        go("b2", "LM1"),
    ],
)
def test_the_catch_branch_runs_whatever_failed_and_the_run_goes_on_when_it_is_swallowed(failing: Any) -> None:
    result = run(try_("b1", [failing, say("b3", "never")], [say("b4", "caught")]), say("b5", "after"))
    assert (result.code, said(result)) == (1003, ["caught", "after"])
    assert code_of(result, "b2") == 1004


def test_without_swallow_error_the_first_failure_travels_on() -> None:
    result = run(try_("b1", [throw("b2", "first")], [say("b3", "caught")], swallow=False), say("b4", "never"))
    assert said(result) == ["caught"]
    assert isinstance(result.outcome, Failed)
    assert (result.outcome.block, result.outcome.message, result.code) == ("b2", "first", 1004)


def test_ignore_abort_skips_the_catch_branch() -> None:
    tree = try_("b1", [throw("b2", "x")], [say("b3", "never")])
    tree["inputParams"]["ignoreAbort"] = {"type": "Simple", "value": "true"}
    assert said(run(tree, say("b4", "after"))) == ["after"]


def test_a_failure_in_the_catch_branch_goes_to_the_next_catch_outside() -> None:
    inner = try_("b1", [throw("b2", "one")], [throw("b3", "two")])
    result = run(try_("b0", [block("b4", "SerialFlowBp", inner)], [say("b5", "outer")]))
    assert said(result) == ["outer"]


def test_an_uncaught_failure_interrupts_and_a_business_end_is_final() -> None:
    interrupted = run(block("b1", "SetSiteFilledBp", siteId="nowhere"))
    assert (interrupted.code, code_of(interrupted, "b1")) == (1006, 1002)
    ended = run(throw("b1", "x"))
    assert (ended.code, code_of(ended, "b1")) == (1004, 1004)


def test_a_fault_of_a_handler_fails_its_block_and_nothing_else() -> None:
    result = run(set_("b1", "v", "blocks.b9.x"), say("b2", "x"))
    assert result.code == 1006
    assert result.outcome.error_code == "block.expression"  # type: ignore[attr-defined]


def test_the_first_failing_branch_in_list_order_counts_and_all_run_to_their_end() -> None:
    slow = block("s", "SerialFlowBp", block("d", "DelayBp", timeMillis="5000"), throw("b1", "first in order"))
    result = run(block("p", "ParallelFlowBp", slow, throw("b2", "first in time"), say("b3", "still ran")))
    assert said(result) == ["still ran"]
    assert isinstance(result.outcome, Failed)
    assert result.outcome.message == "first in order"


def test_a_child_that_answers_success_false_fails_the_parallel_block() -> None:
    port = MemoryPort(FakeSites([Site("A", locked_by="maria")]))
    lock = block("b1", "SetSiteLockedBp", siteId="A", retryTimes="1")
    assert run(lock, port=MemoryPort(FakeSites([Site("A", locked_by="maria")]))).code == 1003
    result = run(block("p", "ParallelFlowBp", lock, say("b2", "x")), port=port)
    assert (result.code, result.outcome.block) == (1006, "b1")  # type: ignore[attr-defined]


def test_a_break_in_a_branch_leaves_the_loop_around_the_parallel_block() -> None:
    branches = block("p", "ParallelFlowBp", say("b2", "one"), block("b3", "BreakBp"))
    result = run(block("b1", "RepeatNumBp", branches, say("b4", "never"), num="3"), say("b5", "after"))
    assert said(result) == ["one", "after"]


# --- Going on after a failure ---


def again(made: Plan, port: MemoryPort) -> Result:
    """What an operator's "continue" does: the same state, the next attempt."""
    port.outcome = None
    return run_plan(made, port=port, info=RunInfo("rec-1", attempt=2))


def test_a_run_goes_on_from_the_failed_block_and_only_from_there() -> None:
    made = plan(
        say("b1", "once"),
        block(
            "b2", "RepeatNumBp", say("b3", expr("blocks.b2.index")), block("b4", "SetSiteFilledBp", siteId="A"), num="2"
        ),
        say("b5", "end"),
    )
    port = MemoryPort()
    assert run_plan(made, port=port).code == 1006
    port.sites.sites["A"] = Site("A")
    result = again(made, port)
    assert (result.code, said(result)) == (1003, ["once", "1", "2", "end"])


def test_only_the_failed_branches_of_a_parallel_block_are_tried_again() -> None:
    made = plan(
        block(
            "p",
            "ParallelFlowBp",
            block(
                "s", "SerialFlowBp", say("b1", "one"), block("b2", "SetSiteFilledBp", siteId="A"), say("b3", "three")
            ),
            say("b4", "four"),
        )
    )
    port = MemoryPort()
    assert run_plan(made, port=port).code == 1006
    port.sites.sites["A"] = Site("A")
    result = again(made, port)
    assert (result.code, sorted(said(result))) == (1003, ["four", "one", "three"])


def test_a_second_attempt_orders_under_a_new_key_but_goes_on_with_the_open_order() -> None:
    fleet = FakeFleet()
    fleet.refuse["addBlocks"] = "no path"
    port = MemoryPort(fleet=fleet)
    made = plan(robot("b1", "S1", go("b2", "LM1")))
    first = run_plan(made, port=port)
    assert (first.code, first.outcome.block) == (1006, "b2")  # type: ignore[attr-defined]
    assert "no path" in first.outcome.message  # type: ignore[attr-defined]
    del fleet.refuse["addBlocks"]
    result = again(made, port)
    assert result.code == 1003
    assert list(fleet.orders) == ["rec-1~b1"]
    assert list(fleet.orders["rec-1~b1"].actions) == ["rec-1~a2~b2"]


def test_whatever_the_port_raises_leaves_the_run_and_is_no_failure_of_a_block() -> None:
    class Broken(MemoryPort):
        def checkpoint(self) -> Any:
            raise ConnectionError("the database is gone")

    made = plan(try_("b1", [block("b2", "SetSiteFilledBp", siteId="A")], [say("b3", "never")]))
    with Run.start(made, {}, RunInfo("rec-1")) as walking, pytest.raises(ConnectionError):
        walking.advance(Broken())
