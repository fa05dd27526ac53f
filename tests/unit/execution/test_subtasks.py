"""Sub-tasks in memory: what is started, what the ends of children mean, and which calls are refused beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from execution.calls import SubTaskCall, called, is_call
from execution.effects import JoinSubTask, StartSubTask, SubTaskEnded, SubTaskStarted
from execution.errors import PlanErrors
from execution.outcome import Cancelled, Failed, Finished
from execution.plan import compile
from execution.testing import MemoryPort, run_plan
from execution.testing.tasks import FakeTask, FakeTasks
from tests.unit.execution.trees import block, detail, expr, plan, run, say, set_, simple, try_


def world(*runs: FakeTask, **ends: int) -> MemoryPort:
    port = MemoryPort()
    port.tasks = FakeTasks(list(runs), ends)
    return port


def child(port: MemoryPort) -> FakeTask:
    (found,) = [task for task in port.tasks.records.values() if task.parent]
    return found


def test_every_other_parameter_is_an_input_of_the_child() -> None:
    port = world()
    call = block("b1", "SubTask::d-1", inputs="a", pallet=expr("1 + 1"), taskRecordId="mine", ifAsync="false", none="")
    assert run(call, port=port).code == 1003
    assert child(port).inputs == {"inputs": "a", "pallet": 2, "none": None}
    assert (child(port).record_id, child(port).definition_id, child(port).watched) == ("mine", "d-1", False)


def test_the_block_record_shows_the_child_while_it_waits() -> None:
    port = world()
    shown: list[str] = []
    run_plan(
        plan(block("b1", "SubTask::d-1"), set_("b2", "child", "blocks.b1.taskRecordId")),
        port=port,
        on_slice=lambda number, port, end: shown.append(port.blocks[1].outputs),
    )
    assert len(shown) == 2
    assert shown[0] == shown[1] == f'{{"taskRecordId":"{child(port).record_id}"}}'
    assert port.variables == {"child": child(port).record_id}


def test_an_asynchronous_call_goes_on_at_once() -> None:
    port = world()
    result = run(block("b1", "SubTask::d-1", ifAsync=True), port=port)
    assert (result.code, result.slices, child(port).code, child(port).watched) == (1003, 1, 1000, True)


def test_a_failed_child_ends_the_task_with_an_error_that_can_be_caught() -> None:
    call = block("b1", "SubTask::bad")
    result = run(call, say("b2", "never"), port=world(bad=1004))
    assert isinstance(result.outcome, Failed)
    assert (result.code, result.outcome.error_code, result.outcome.final) == (1004, "subtask.failed", True)
    assert "ended with 1004" in result.outcome.message
    caught = try_("t", [call], [set_("c", "child", "blocks.b1.taskRecordId")])
    result = run(caught, port=world(bad=1004))
    assert result.code == 1003
    assert result.variables["child"].startswith("child-")


def test_a_cancelled_child_ends_the_task_as_cancelled_and_nothing_catches_that() -> None:
    result = run(try_("t", [block("b1", "SubTask::gone")], [say("c", "x")]), say("b2", "x"), port=world(gone=1001))
    assert isinstance(result.outcome, Cancelled)
    assert result.steps == ["t", "b1"]
    assert "was cancelled" in result.outcome.reason


def test_a_cancelled_child_ends_the_branches_beside_it_too() -> None:
    beside = block("s", "SerialFlowBp", block("d", "DelayBp", timeMillis=60_000), say("never", "x"))
    result = run(block("p", "ParallelFlowBp", block("b1", "SubTask::gone"), beside), port=world(gone=1001))
    assert isinstance(result.outcome, Cancelled)
    assert "never" not in result.steps
    assert all(row.ended_ms is not None for row in result.port.blocks.values())


def test_an_asynchronous_child_that_failed_is_told_to_the_next_join_once() -> None:
    asynchronous = block("b1", "SubTask::bad", ifAsync=True)
    again = try_("t", [block("b2", "SubTask::good")], [say("c", "x")])
    result = run(asynchronous, again, block("b3", "SubTask::good"), port=world(bad=1004))
    assert isinstance(result.outcome, Finished)
    assert result.steps == ["b1", "t", "b2", "c", "b3"]


def test_a_definition_that_is_not_there_can_be_caught() -> None:
    assert run(block("b1", "SubTask::unknown")).code == 1006
    assert run(try_("t", [block("b1", "SubTask::unknown")], [])).code == 1003


def test_the_type_of_a_call_names_its_definition() -> None:
    assert [called(kind) for kind in ("SubTask::a:b", "SubTask:: x ", "SubTask", "SubTask::", "SubTaskX::a", "a")] == [
        *("a:b", "x"),
        *("", "", "", ""),
    ]
    assert is_call("SubTask")
    assert not is_call("subtask::x")


@pytest.mark.parametrize("kind", ["SubTask", "SubTask::", "SubTask:: ", "SubTaskBp"])
def test_a_call_that_names_nothing_is_refused_with_the_right_spelling(kind: str) -> None:
    with pytest.raises(PlanErrors) as raised:
        compile(detail(block("b1", kind)))
    (problem,) = raised.value.problems
    assert problem.code == "subtask.no-id"
    assert "SubTask::<definition id>" in problem.remedy


@pytest.mark.parametrize(
    ("given", "waits"),
    [
        (None, True), (simple(""), True), (simple("false"), True), (simple(" TRUE "), False), (simple(True), False),
        (expr("true"), False), (expr("taskInputs.x"), False), ({"type": "Simple"}, True), ("junk", True),
    ],
)  # fmt: skip
def test_a_call_is_known_to_wait_unless_something_else_is_written(given: Any, waits: bool) -> None:
    tree = block("b1", "SubTask::other")
    if given is not None:
        tree["inputParams"]["ifAsync"] = given
    if given == "junk":
        with pytest.raises(PlanErrors):
            compile(detail(tree))
        return
    inputs = [{"name": "x", "type": "Boolean"}]
    assert compile(detail(tree, inputs=inputs)).calls == (SubTaskCall("other", "rootBlock › b1 SubTask::other", waits),)


def test_a_task_that_calls_itself_is_refused_unless_it_may_go_on() -> None:
    again = detail(block("b1", "SubTask::me"))
    with pytest.raises(PlanErrors) as raised:
        compile(again, definition_id="me")
    assert [problem.code for problem in raised.value.problems] == ["subtask.cycle"]
    assert compile(again, definition_id="you").calls
    assert compile(detail(block("b1", "SubTask::me", ifAsync="true")), definition_id="me").calls
    disabled = {**block("b1", "SubTask::me"), "disabled": True}
    assert compile(detail(disabled), definition_id="me").calls == ()


def test_the_same_id_is_the_same_child_and_another_run_s_is_refused() -> None:
    tasks = FakeTasks([FakeTask("other")])
    start = StartSubTask("d", {}, "mine")
    assert tasks.apply(start, "k1", "me") == SubTaskStarted("mine", created=True)
    assert tasks.apply(start, "k2", "me") == SubTaskStarted("mine", created=False)
    tasks.step()
    assert tasks.apply(JoinSubTask("mine"), "k3", "me") == SubTaskEnded("mine", 1003)
    result = run(block("b1", "SubTask::d", taskRecordId="other"), port=world(FakeTask("other")))
    assert isinstance(result.outcome, Failed)
    assert result.outcome.error_code == "key_taken"
