"""What a person decides about a run that stopped: try again, skip, begin anew what was held elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from execution.decision import Decision, DecisionError
from execution.limits import Limits, RunInfo
from execution.outcome import Failed, Finished, SliceEnd, Suspended
from execution.plan import Plan
from execution.testing import FakeFleet, FakeSites, MemoryPort, Site
from execution.walker import Run
from tests.unit.execution.trees import Block, block, expr, go, plan, robot, say, set_, try_


def failing(name: str) -> Block:
    """Fails until the variable of the same name is there (the tests set it from outside)."""
    return block(name, "IterateListBp", list=expr(f"taskInputs.{name}"))


def serial(name: str, *children: Block) -> Block:
    return block(name, "SerialFlowBp", *children)


def side_by_side(name: str, *children: Block) -> Block:
    return block(name, "ParallelFlowBp", *children)


def world() -> MemoryPort:
    """Location C is disabled; there are robots for two attempts."""
    return MemoryPort(FakeSites([Site("C", disabled=True)]), FakeFleet(["R1", "R2", "R3", "R4"]))


class Story:
    """A run over several attempts, with its port."""

    def __init__(self, *blocks: Block, inputs: dict[str, Any] | None = None, port: MemoryPort | None = None) -> None:
        self.plan: Plan = plan(*blocks)
        self.port = port or MemoryPort()
        self.inputs = inputs or {}
        self.attempt = 1
        self.limits = Limits()
        self.end = self._walk(None)

    def _walk(self, decision: Decision | None) -> SliceEnd:
        for _ in range(200):
            info = RunInfo(self.port.record_id, attempt=self.attempt)
            begun = self.port.state is None
            with (
                Run.start(self.plan, dict(self.inputs), info, self.limits)
                if begun
                else Run.restore(self.plan, self.port.state or "", info, self.limits, decision=decision)
            ) as walking:
                if not begun:
                    walking.context.inputs.update(self.inputs)
                end = walking.advance(self.port)
                self.variables, self.outputs = dict(walking.context.variables), dict(walking.context.outputs)
            decision = None
            self.port.commit(end.snapshot, end.outcome)
            if not isinstance(end.outcome, Suspended):
                return end
            self.port.io()
            self.port.now += 1000
        raise AssertionError(f"no end: {end.outcome}")

    def go_on(self, decision: Decision | None, **inputs: Any) -> SliceEnd:
        self.inputs |= inputs
        self.attempt += 1
        self.end = self._walk(decision)
        return self.end

    def codes(self, name: str) -> list[int]:
        return [row.code for row in sorted(self.port.blocks.values()) if row.name == name]

    def operations(self) -> list[tuple[str, str]]:
        return [(str(row.request["operation"]), str(row.request["order_id"])) for row in self.port.effects.values()]


# --- Retry ---


@pytest.mark.parametrize("decision", [None, Decision(), Decision.from_text(Decision().to_text())])
def test_the_failed_block_is_tried_again_and_nothing_before_it(decision: Decision | None) -> None:
    story = Story(say("a", "x"), serial("s", failing("b"), say("c", "x")), inputs={"b": 5})
    assert isinstance(story.end.outcome, Failed)
    assert story.codes("b") == [1002]
    assert isinstance(story.go_on(decision, b=[]).outcome, Finished)
    assert (story.codes("a"), story.codes("b"), story.codes("c")) == ([1003], [1002, 1003], [1003])


def test_all_failed_branches_are_tried_again_and_those_that_ended_well_are_not() -> None:
    tree = side_by_side("p", serial("s1", failing("b"), say("k1", "x")), say("ok", "x"), serial("s2", failing("c")))
    story = Story(tree, inputs={"b": 5, "c": 5})
    assert isinstance(story.go_on(Decision(), b=[]).outcome, Failed)
    assert (story.codes("b"), story.codes("k1"), story.codes("ok"), story.codes("c")) == (
        [1002, 1003],
        [1003],
        [1003],
        [1002, 1002],
    )
    assert isinstance(story.go_on(Decision(), c=[]).outcome, Finished)
    assert (story.codes("k1"), story.codes("s1")) == ([1003], [1003])


def test_what_is_tried_again_has_new_keys_and_open_blocks_keep_theirs() -> None:
    port = MemoryPort(FakeSites([Site("C", disabled=True)]))
    story = Story(robot("r", "A", go("g1", "A"), go("g", "C"), go("g2", "B")), port=port)
    assert isinstance(story.end.outcome, Failed)
    port.sites.sites["C"].disabled = False
    assert isinstance(story.go_on(Decision()).outcome, Finished)
    orders = {order for _, order in story.operations()}
    assert orders == {"rec-1~r"}
    actions = [
        row.request["body"]["blocks"][0]["blockId"] for row in port.effects.values() if "blocks" in row.request["body"]
    ]
    assert actions == ["rec-1~g1", "rec-1~a2~g", "rec-1~a2~g2"]


def test_a_wait_that_ran_out_begins_anew() -> None:
    port = MemoryPort(FakeSites([Site("A", group="g", filled=True, locked_by="kim")]))
    story = Story(block("f", "GetIdleSiteBp", groupName="g", filled="true", lock="true", retryPeriod=100), port=port)
    assert isinstance(story.end.outcome, Failed)
    port.now += 10**9
    story.attempt = 2
    with Run.restore(story.plan, port.state or "", RunInfo("rec-1", attempt=2), decision=Decision()) as walking:
        end = walking.advance(port)
    assert isinstance(end.outcome, Suspended)
    (wait,) = end.outcome.waits
    assert (wait.since_ms, wait.key) == (port.now, "site:rec-1~a2~f:0")


def test_branches_that_waited_when_the_run_was_stopped_wait_anew() -> None:
    endless = block("w", "WhileBp", loopCondition=expr("taskInputs.go == true"), retryPeriod=0)
    made = plan(side_by_side("p", block("d", "DelayBp", timeMillis=5000), endless))
    port = MemoryPort()
    with Run.start(made, {"go": True}, RunInfo("rec-1"), Limits(max_steps=100)) as walking:
        end = walking.advance(port)
    assert isinstance(end.outcome, Failed)
    port.now += 10**6
    with Run.restore(made, end.snapshot.state or "", RunInfo("rec-1", attempt=2), decision=Decision()) as walking:
        walking.context.inputs["go"] = False
        again = walking.advance(port)
    assert isinstance(again.outcome, Suspended)
    assert [(wait.block, wait.due_ms) for wait in again.outcome.waits] == [("d", port.now + 5000)]


# --- Skip ---


def test_a_skipped_block_ends_by_hand_with_the_outputs_it_was_given() -> None:
    story = Story(serial("s", failing("b"), set_("c", "seen", "blocks.b.item")), inputs={"b": 5})
    end = story.go_on(Decision.from_text(Decision("skip", "b", {"item": "by hand", "index": 3}).to_text()))
    assert isinstance(end.outcome, Finished)
    assert (story.codes("b"), story.variables) == ([1002, 1008], {"seen": "by hand"})
    (row,) = [row for row in story.port.blocks.values() if row.code == 1008]
    assert (row.outputs, row.params, row.block_type) == ('{"item":"by hand","index":3}', "{}", "IterateListBp")
    assert story.outputs == {"b": {"item": "by hand"}}


def test_the_other_failed_branches_are_tried_again() -> None:
    tree = side_by_side("p", serial("s1", failing("b"), say("k", "x")), failing("c"))
    story = Story(tree, inputs={"b": 5, "c": 5})
    assert isinstance(story.go_on(Decision("skip", "b")).outcome, Failed)
    assert (story.codes("b"), story.codes("k"), story.codes("c")) == ([1002, 1008], [1003], [1002, 1002])
    assert isinstance(story.go_on(Decision("skip", "c")).outcome, Finished)
    assert story.codes("c") == [1002, 1002, 1008]


def test_the_same_block_of_several_copies_is_skipped_in_all_of_them() -> None:
    story = Story(block("p", "ParallelRepeatNBp", failing("b"), say("k", "x"), num=2), inputs={"b": 5})
    assert isinstance(story.go_on(Decision("skip", "b")).outcome, Finished)
    assert (story.codes("b"), story.codes("k")) == ([1002, 1002, 1008, 1008], [1003, 1003])


def test_a_block_that_rethrew_is_skipped_by_the_name_of_what_failed_inside_it() -> None:
    for name in ("b", "t"):
        story = Story(try_("t", [failing("b")], [say("c", "x")], swallow=False), say("e", "x"), inputs={"b": 5})
        assert isinstance(story.go_on(Decision("skip", name)).outcome, Finished)
        assert (story.codes("t")[-1], story.codes("e")) == (1008, [1003])


def test_a_refused_child_of_a_parallel_block_is_skipped() -> None:
    port = MemoryPort(FakeSites([Site("A", locked_by="kim")]))
    story = Story(side_by_side("p", block("l", "SetSiteLockedBp", siteId="A", retryTimes=1)), say("e", "x"), port=port)
    assert isinstance(story.end.outcome, Failed)
    assert isinstance(story.go_on(Decision("skip", "l")).outcome, Finished)
    assert story.codes("l")[-1] == 1008


@pytest.mark.parametrize("name", ["a", "s", "nothing", ""])
def test_a_block_that_did_not_fail_cannot_be_skipped(name: str) -> None:
    story = Story(say("a", "x"), serial("s", failing("b")), inputs={"b": 5})
    with pytest.raises(DecisionError, match=name or "did not stop"):
        story.go_on(Decision("skip", name))


def test_outputs_that_are_too_large_fail_the_block_again() -> None:
    story = Story(failing("b"), set_("c", "seen", "blocks.b.item"), inputs={"b": 5})
    story.limits = Limits(context_bytes=2000)
    end = story.go_on(Decision("skip", "b", {"item": "x" * 10_000}))
    assert isinstance(end.outcome, Failed)
    assert (end.outcome.error_code, end.outcome.block) == ("context.too-large", "b")
    assert isinstance(story.go_on(Decision(), b=[1]).outcome, Finished)


def test_a_crash_before_the_first_commit_applies_the_decision_once_more() -> None:
    story = Story(failing("b"), say("e", "x"), inputs={"b": 5})
    for _ in range(2):
        with Run.restore(
            story.plan, story.port.state or "", RunInfo("rec-1", attempt=2), decision=Decision("skip", "b")
        ) as run:
            end = run.advance(story.port)
    assert [(row.name, row.code) for row in end.snapshot.blocks] == [("b", 1008), ("e", 1003)]


# --- Anew ---


def test_a_robot_selection_begins_anew_with_all_that_is_inside_it() -> None:
    port = world()
    story = Story(say("a", "x"), serial("s", robot("r", "A", go("g1", "A"), go("g2", "C"))), port=port)
    port.sites.sites["C"].disabled = False
    assert isinstance(story.go_on(Decision(anew=True)).outcome, Finished)
    assert (story.codes("a"), story.codes("g1"), story.codes("g2")) == ([1003], [1003, 1003], [1004, 1003])
    assert [order for name, order in story.operations() if name == "setOrder"] == ["rec-1~r", "rec-1~a2~r"]


def test_the_outermost_one_of_each_branch_begins_anew() -> None:
    port = world()
    inner = robot("r2", "B", side_by_side("q", go("g", "C"), say("k", "x")))
    story = Story(
        side_by_side("p", robot("r1", "A", say("o", "x"), inner), say("ok", "x"), serial("s", failing("b"))),
        port=port,
        inputs={"b": 5},
    )
    port.sites.sites["C"].disabled = False
    assert isinstance(story.go_on(Decision(anew=True), b=[]).outcome, Finished)
    made = [order for name, order in story.operations() if name == "setOrder"]
    assert made == ["rec-1~r1", "rec-1~r2", "rec-1~a2~r1", "rec-1~a2~r2"]
    assert (story.codes("o"), story.codes("ok"), story.codes("b")) == ([1003, 1003], [1003], [1002, 1003])


def test_without_anything_held_only_the_failed_block_is_tried_again() -> None:
    story = Story(say("a", "x"), block("r", "RepeatNumBp", say("k", "x"), failing("b"), num=1), inputs={"b": 5})
    assert isinstance(story.go_on(Decision(anew=True), b=[]).outcome, Finished)
    assert (story.codes("a"), story.codes("k"), story.codes("b")) == ([1003], [1003], [1002, 1003])


def test_what_is_inside_a_block_that_begins_anew_cannot_be_skipped() -> None:
    port = world()
    inner = side_by_side("q", go("g2", "C"), say("k", "x"))
    story = Story(side_by_side("p", robot("r", "A", go("g1", "A"), inner), failing("b")), port=port, inputs={"b": 5})
    with pytest.raises(DecisionError, match="begins anew"):
        story.go_on(Decision("skip", "g2", anew=True))
    port.sites.sites["C"].disabled = False
    assert isinstance(story.go_on(Decision("skip", "b", anew=True)).outcome, Finished)
    assert (story.codes("g1"), story.codes("g2"), story.codes("b")) == ([1003, 1003], [1004, 1003], [1002, 1008])
