"""Slices: when they end, what they write, how they are stopped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.limits import Limits, RunInfo
from execution.outcome import Finished, SliceOver, Snapshot, Stopped, Suspended
from execution.testing import FakeSites, MemoryPort, Site
from execution.walker import Run
from tests.unit.execution.trees import block, declare, expr, plan, run, say, set_


class Ticking(MemoryPort):
    """A clock that moves by a millisecond whenever it is read."""

    def now_ms(self) -> int:
        self.now += 1
        return self.now


class Saving(MemoryPort):
    """Remembers every snapshot that a checkpoint commits."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.saved: list[Snapshot] = []

    def commit(self, snapshot: Snapshot | None, outcome: Any = None) -> None:
        if snapshot is not None:
            self.saved.append(snapshot)
        super().commit(snapshot, outcome)


LONG = block("b1", "RepeatNumBp", say("b2", "x"), num="1000")


def test_a_short_run_writes_everything_once_at_its_end() -> None:
    port = Saving()
    with Run.start(plan(set_("b1", "v", "1"), say("b2", "x")), {}, RunInfo("r")) as walking:
        end = walking.advance(port)
    assert (port.saved, end.outcome) == ([], Finished())
    assert [row.name for row in end.snapshot.blocks] == ["b1", "b2"]
    assert [line.code for line in end.snapshot.logs] == ["block.print"]
    assert json.loads(end.snapshot.variables or "") == {"v": 1}
    assert end.snapshot.first_block_ms == port.now


def test_a_slice_of_pure_work_ends_with_its_time() -> None:
    port = Ticking()
    with Run.start(plan(LONG), {}, RunInfo("r"), Limits(slice_ms=200)) as walking:
        begun = port.now
        end = walking.advance(port)
    assert end.outcome == SliceOver()
    assert 200 <= port.now - begun <= 260
    assert end.snapshot.state is not None


def test_a_slice_makes_progress_even_when_its_time_is_over_at_once() -> None:
    port = Ticking()
    result = run(say("b1", "x"), say("b2", "x"), port=port, limits=Limits(slice_ms=0))
    assert (result.steps, result.slices) == (["b1", "b2"], 3)


def test_what_has_come_together_is_written_during_a_long_slice() -> None:
    port = Saving()
    with Run.start(plan(LONG), {}, RunInfo("r"), Limits(flush_rows=300)) as walking:
        end = walking.advance(port)
    assert [len(snapshot.blocks) for snapshot in port.saved] == [301, 301, 301]
    assert len(end.snapshot.blocks) == 101
    assert port.saved[0].state is not None


@pytest.mark.parametrize("why", ["cancel", "pause", "drain"])
def test_a_stop_is_noticed_at_the_next_block_and_the_state_is_kept(why: str) -> None:
    class Stopping(MemoryPort):
        asked = 0

        def stop_requested(self) -> str | None:
            self.asked += 1
            return why if self.asked > 5 else None

    port = Stopping()
    made = plan(*(say(f"b{number}", "x") for number in range(10)))
    with Run.start(made, {}, RunInfo("r")) as walking:
        end = walking.advance(port)
        assert end.outcome == Stopped(why)
        assert len(end.snapshot.blocks) == 5
    port.commit(end.snapshot)
    port.asked = -100
    with Run.restore(made, port.state or "", RunInfo("r")) as walking:
        end = walking.advance(port)
    assert [row.name for row in end.snapshot.blocks] == [f"b{number}" for number in range(5, 10)]


def test_a_state_text_is_written_at_once() -> None:
    port = Saving()
    run(block("b1", "TaskStateBp", stateMsg=" on its way "), block("b2", "DelayBp", timeMillis="5"), port=port)
    assert port.saved[0].state_text == "on its way"
    assert port.state_text == "on its way"


def test_a_waiting_block_shows_itself_and_the_blocks_around_it() -> None:
    port = MemoryPort()
    tree = block("b1", "SerialFlowBp", block("b2", "DelayBp", timeMillis="1000"))
    with Run.start(plan(tree), {}, RunInfo("r")) as walking:
        end = walking.advance(port)
    assert [(row.seq, row.name, row.code, row.ended_ms) for row in end.snapshot.blocks] == [
        (1, "b1", 1000, None),
        (2, "b2", 1007, None),
    ]
    assert isinstance(end.outcome, Suspended)
    (wait,) = end.outcome.waits
    assert (wait.key, wait.code, wait.due_ms) == ("time", "time", port.now + 1000)
    result = run(tree)
    assert {row.seq: row.code for row in result.port.blocks.values()} == {1: 1003, 2: 1003}


def test_waking_early_changes_nothing_but_the_waking() -> None:
    port = MemoryPort()
    made = plan(block("b1", "DelayBp", timeMillis="1000"), say("b2", "x"))
    with Run.start(made, {}, RunInfo("r")) as walking:
        first = walking.advance(port)
    port.now += 400
    with Run.restore(made, first.snapshot.state or "", RunInfo("r")) as walking:
        second = walking.advance(port)
    assert first.outcome == second.outcome
    assert second.snapshot.blocks == []


def test_an_effect_is_handed_out_once_while_its_answer_is_awaited() -> None:
    port = MemoryPort()
    made = plan(block("b1", "CSelectAgvBp", keyRoute="S1"))
    with Run.start(made, {}, RunInfo("r")) as walking:
        first = walking.advance(port)
    assert [(effect.key, effect.kind, effect.block) for effect in first.snapshot.effects] == [("r~b1:1", "fleet", "b1")]
    with Run.restore(made, first.snapshot.state or "", RunInfo("r")) as walking:
        assert walking.advance(port).snapshot.effects == []


def test_parameters_are_evaluated_once_however_long_the_block_waits() -> None:
    port = MemoryPort(FakeSites([Site("A", locked_by="x"), Site("B")]))
    waits = block("b2", "SetSiteLockedBp", siteId=expr("task.variables.site"))
    changes = block("s", "SerialFlowBp", block("b3", "DelayBp", timeMillis="10"), set_("b4", "site", '"B"'))
    frees = block("b5", "SetSiteUnlockedBp", siteId="A", unLockedId="x")
    tree = block("p", "ParallelFlowBp", waits, block("q", "SerialFlowBp", changes, frees))
    result = run(set_("b1", "site", '"A"'), tree, port=port)
    assert (result.code, port.sites.sites["A"].locked_by, port.sites.sites["B"].locked_by) == (1003, "rec-1", "")


def test_expressions_see_the_record() -> None:
    info = RunInfo("r-7", "def-1", "Transport", "2024-01-01 00:00:00", priority=3)
    words = expr('task.id + "|" + task.defLabel + "|" + task.taskRecordId + "|" + task.priority + "|" + task.status')
    result = run(say("b1", words), info=info)
    assert json.loads(result.port.logs[0].args)["message"] == "def-1|Transport|r-7|3|1000"


def test_strict_variables_are_refused_when_the_plan_says_so() -> None:
    from execution.plan import compile
    from execution.testing import run_plan
    from tests.unit.execution.trees import detail

    tree = detail(block("b1", "IfBp", condition=expr("task.variables.x == true")))
    assert run_plan(compile(tree)).code == 1003
    assert run_plan(compile(tree, strict_variables=True)).code == 1006


def test_long_parameters_and_outputs_are_cut_and_say_how_long_they_were() -> None:
    result = run(
        say("b1", expr("taskInputs.long + taskInputs.long")),
        inputs=[declare("long", "String", "x" * 700)],
        limits=Limits(row_text=1000),
    )
    row = json.loads(result.port.blocks[1].params)
    assert row["$cut"] == len('{"message":""}') + 1400
    assert len(row["text"]) == 500


@pytest.mark.parametrize(("limit", "block_name"), [(2, "b2"), (3, "b3")])
def test_a_depth_limit_lowered_after_the_import_fails_the_block_that_holds_more(limit: int, block_name: str) -> None:
    tree = block("b1", "SerialFlowBp", block("b2", "SerialFlowBp", block("b3", "SerialFlowBp", say("b4", "x"))))
    result = run(tree, limits=Limits(max_block_depth=limit))
    assert (result.code, result.outcome.block) == (1006, block_name)  # type: ignore[attr-defined]
    assert run(tree, limits=Limits(max_block_depth=4)).code == 1003
