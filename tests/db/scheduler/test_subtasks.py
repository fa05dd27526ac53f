"""Sub-tasks on real rows: started once, joined at once, and what their ends mean for the parent."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from execution.effects import JoinSubTask, Pending, StartSubTask, SubTaskEnded
from scheduler import clock, conf, queue, settlement, subtasks, wakes
from scheduler.commands import cancel, continuing, pausing, restarting
from scheduler.errors import Refused
from scheduler.explain import Reason, explain
from scheduler.models import BlockRecord, JournalEntry, LogLine, RunState, TaskDefinition, TaskRecord, Wait
from scheduler.states import ACTIVE, Status
from storage.models import StorageLocation
from tests.db.scheduler.making import (
    assign,
    block,
    claim_and_execute,
    definition,
    delay,
    process,
    record,
    say,
    status_of,
)
from tests.db.storage.warehouse import build

pytestmark = pytest.mark.django_db(transaction=True)


def call(of: TaskDefinition, name: str = "", **params: Any) -> dict[str, Any]:
    return block(f"SubTask::{of.definition_id}", name=name, **params)


def children(run: TaskRecord) -> list[TaskRecord]:
    return list(TaskRecord.objects.filter(parent=run).order_by("pk"))


def settle(run: TaskRecord, worker: Any = None) -> Status:
    """Slices of everything that is ready, the youngest first, until nothing moves."""
    worker = worker or process()
    for _ in range(50):
        queue.promote()
        ready = TaskRecord.objects.filter(status=Status.READY).order_by("-pk").first()
        if ready is None:
            return status_of(run)
        claim_and_execute(ready, worker)
    raise AssertionError("it never rests")


def why(run: TaskRecord) -> list[Reason]:
    return explain(TaskRecord.objects.get(pk=run.pk))


def fails(message: str = "no pallet") -> dict[str, Any]:
    return block("ThrowExceptionBp", message=message)


def caught(*tried: dict[str, Any], instead: str = "instead") -> dict[str, Any]:
    tree = block("TryCatchBp", swallowError="true")
    tree["children"] = {"try": list(tried), "catch": [say(instead)]}
    return tree


# --- Starting --------------------------------------------------------------------------------------------------------


def test_the_parent_waits_for_its_child_and_is_woken_by_its_end() -> None:
    child_task = definition(assign("got", "=taskInputs.n + 1"), inputs={"n": ("Long", "1")}, queue="cold")
    parent = record(definition(call(child_task, "call", n="=6"), say("=blocks.call.taskRecordId")), priority=7)
    TaskRecord.objects.filter(pk=parent.pk).update(created_by="kim", root_record_id=parent.record_id)

    assert claim_and_execute(parent) == Status.WAITING

    (child,) = children(parent)
    assert (child.queue, child.priority, child.created_by, child.depth) == ("cold", 7, "kim", 1)
    assert (child.root_record_id, child.definition_id, child.watched_attempt) == (parent.record_id, child_task.pk, 0)
    assert child.record_id.startswith("child-")
    wait = Wait.objects.get(record=parent)
    assert (wait.code, wait.key, wait.args) == ("child", f"subtask:{child.record_id}", {"id": child.record_id})

    assert claim_and_execute(child) == Status.FINISHED
    child.refresh_from_db()
    assert child.variables == '{"got": 7}'
    assert status_of(parent) == Status.READY
    assert claim_and_execute(parent) == Status.FINISHED
    assert LogLine.objects.get(record=parent).args == f'{{"message":"{child.record_id}"}}'
    assert BlockRecord.objects.get(record=parent, name="call").outputs == f'{{"taskRecordId":"{child.record_id}"}}'
    assert not RunState.objects.exists()


def test_an_asynchronous_child_is_not_waited_for_and_goes_on_without_its_parent() -> None:
    child_task = definition(delay(60_000))
    parent = record(definition(call(child_task, ifAsync="true"), call(child_task, ifAsync="=true"), say("on")))

    assert claim_and_execute(parent) == Status.FINISHED
    assert [child.status for child in children(parent)] == ["ready", "ready"]
    for child in children(parent):
        assert claim_and_execute(child) == Status.WAITING
    assert len({child.record_id for child in children(parent)}) == 2


def test_the_rounds_of_a_loop_have_children_of_their_own() -> None:
    parent = record(definition(block("RepeatNumBp", call(definition(say("x"))), num="3")))
    assert settle(parent) == Status.FINISHED
    assert len(children(parent)) == 3


def test_the_same_start_again_finds_the_same_child() -> None:
    task, parent = definition(), record()
    effect = StartSubTask(task.definition_id, {})
    first, again = (subtasks.start(effect, parent.pk, "key-1") for _ in range(2))
    assert (first.created, again.created) == (True, False)
    assert first.record_id == again.record_id == children(parent)[0].record_id
    assert subtasks.start(effect, parent.pk, "key-2").record_id != first.record_id


def test_a_given_id_is_the_child_s_and_no_other_run_may_have_it() -> None:
    task = definition(say("x"), label="called")
    parent = record(definition(block("RepeatNumBp", call(task, taskRecordId="mine"), num="2")))
    assert settle(parent) == Status.FINISHED
    assert [child.record_id for child in children(parent)] == ["mine"]

    for other in (record(task, record_id="taken"), record(definition(), record_id="taken-2")):
        thief = record(definition(call(task, taskRecordId=other.record_id)))
        assert claim_and_execute(thief) == Status.INTERRUPTED
        thief.refresh_from_db()
        assert thief.error_code == "key_taken"
        assert other.record_id in thief.ended_reason


def test_what_is_given_wrongly_to_a_child_is_in_its_log() -> None:
    task = definition(say("x"), inputs={"n": ("Long", "1")})
    parent = record(definition(call(task, n="many", m="1")))
    assert settle(parent) == Status.FINISHED
    lines = LogLine.objects.filter(record=children(parent)[0], code="input.note", level=4).order_by("pk")
    assert ["n is declared" in lines[0].args, "m is not an input" in lines[1].args] == [True, True]


def test_a_definition_that_is_not_there_interrupts_the_parent_until_it_is() -> None:
    parent = record(definition(block("SubTask::id of late", name="call")))
    assert claim_and_execute(parent) == Status.INTERRUPTED
    parent.refresh_from_db()
    assert (parent.error_code, parent.failed_block) == ("subtask.unknown", "call")
    assert "Import it" in parent.ended_reason

    definition(say("x"), label="late")
    continuing.go_on([parent.record_id], actor="kim", reason="imported", origin="command")
    assert settle(parent) == Status.FINISHED


def test_a_disabled_definition_is_not_started() -> None:
    task = definition(enabled=False)
    parent = record(definition(call(task)))
    assert claim_and_execute(parent) == Status.INTERRUPTED
    assert children(parent) == []


def test_recursion_ends_at_the_depth_that_is_set() -> None:
    conf.use(lambda: conf.Values(max_task_depth=3))
    again = definition(block("SubTask::id of again", ifAsync="=1 < 2"), label="again")
    top = record(again)
    settle(top)
    deepest = TaskRecord.objects.order_by("pk").last()
    assert deepest is not None
    assert (TaskRecord.objects.count(), deepest.depth, deepest.status) == (4, 3, Status.INTERRUPTED)
    assert deepest.error_code == "subtask.too-deep"
    assert "max_task_depth" in deepest.ended_reason


def test_starting_and_joining_cost_a_bounded_number_of_statements() -> None:
    task, parent = definition(), record()
    for number in range(30):
        started = subtasks.start(StartSubTask(task.definition_id, {}), parent.pk, f"k{number}")
    with CaptureQueriesContext(connection) as queries:
        subtasks.join(JoinSubTask(started.record_id), parent.pk)
    assert len(queries) == 2


# --- Ends ------------------------------------------------------------------------------------------------------------


def test_a_failed_child_fails_its_parent_for_good() -> None:
    parent = record(definition(call(definition(fails("no pallet")), "call"), say("never")))
    assert settle(parent) == Status.FAILED
    parent.refresh_from_db()
    (child,) = children(parent)
    assert (parent.code, parent.error_code, parent.failed_block) == (1004, "subtask.failed", "call")
    assert child.record_id in parent.ended_reason
    assert "no pallet" in parent.ended_reason


def test_a_cancelled_child_cancels_its_parent_whatever_catches_failures() -> None:
    parent = record(definition(caught(call(definition(delay(60_000)))), say("never")))
    settle(parent)
    (child,) = children(parent)
    cancel.cancel([child.record_id], actor="kim", reason="wrong pallet", origin="command")
    assert settle(parent) == Status.CANCELLED
    parent.refresh_from_db()
    assert parent.code == 1001
    assert child.record_id in parent.ended_reason
    assert "wrong pallet" in parent.ended_reason
    assert not LogLine.objects.filter(record=parent).exists()


def test_an_unrecoverable_child_fails_its_parent() -> None:
    parent = record(definition(call(definition(delay(60_000)))))
    settle(parent)
    (child,) = children(parent)
    TaskRecord.objects.filter(pk=child.pk).update(status=Status.RUNNING, lease_until="2020-01-01T00:00:00Z")
    settlement.settle([child.pk], Status.UNRECOVERABLE, reason="died", actor="", lease_before=clock.now())
    assert settle(parent) == Status.FAILED


def test_a_caught_failure_is_not_told_again() -> None:
    bad, good = definition(fails()), definition(say("fine"))
    parent = record(definition(caught(call(bad)), call(good, "good")))
    assert settle(parent) == Status.FINISHED
    assert [child.status for child in children(parent)] == ["failed", "finished"]


def test_the_next_join_is_told_once_of_an_asynchronous_child_that_failed() -> None:
    bad, good = definition(fails("far away")), definition(delay(60_000))
    parent = record(definition(call(bad, ifAsync="true"), caught(call(good)), say("after")))
    assert settle(parent) == Status.FINISHED
    failed, other = children(parent)
    assert (failed.status, failed.watched_attempt, other.status) == ("failed", 0, "waiting")
    lines = LogLine.objects.filter(record=parent).values_list("code", flat=True)
    assert list(lines) == ["block.print", "block.print"]


def test_without_a_catch_it_takes_the_other_children_with_it() -> None:
    bad, good = definition(fails("far away")), definition(delay(60_000))
    parent = record(definition(call(bad, ifAsync="true"), call(good), say("never")))
    assert settle(parent) == Status.FAILED
    parent.refresh_from_db()
    assert "far away" in parent.ended_reason
    assert [child.status for child in children(parent)] == ["failed", "cancelled"]


def test_a_branch_is_told_of_its_own_child_only() -> None:
    bad, good = definition(fails()), definition(say("fine"))
    parent = record(definition(block("ParallelFlowBp", call(good, "b-good"), caught(call(bad)))))
    assert settle(parent) == Status.FINISHED


def test_a_child_that_waits_for_a_decision_or_is_paused_is_waited_for() -> None:
    parent = record(definition(call(definition(block("SetSiteFilledBp", siteId="nowhere")), "call")))
    assert settle(parent) == Status.WAITING
    (child,) = children(parent)
    assert status_of(child) == Status.INTERRUPTED
    (reason,) = why(parent)
    assert (reason.code, reason.args["id"], reason.args["status"]) == ("child", child.record_id, "interrupted")
    assert "Needs decision" in reason.sentence
    assert reason.below is not None
    assert (reason.below.code, reason.chain) == ("decision", (child.record_id,))

    build("nowhere")
    continuing.go_on([child.record_id], actor="kim", reason="made it", origin="command")
    pausing.pause([child.record_id], actor="kim", reason="lunch", origin="command")
    assert settle(parent) == Status.WAITING
    assert "Paused" in why(parent)[0].sentence
    pausing.resume([child.record_id], actor="kim", origin="command")
    assert settle(parent) == Status.FINISHED


# --- The parent ends or begins anew ----------------------------------------------------------------------------------


def test_a_cancelled_parent_takes_a_deep_tree_with_it() -> None:
    leaf = definition(delay(60_000))
    middle = definition(call(leaf, ifAsync="true"), call(leaf))
    parent = record(definition(call(middle, ifAsync="true"), call(middle)))
    settle(parent)
    assert TaskRecord.objects.filter(status=Status.WAITING).count() == 7
    running = TaskRecord.objects.filter(depth=2).order_by("pk").last()
    assert running is not None
    TaskRecord.objects.filter(pk=running.pk).update(status=Status.RUNNING, token="t")

    cancel.cancel([parent.record_id], actor="kim", reason="enough", origin="command")

    assert set(TaskRecord.objects.exclude(pk=running.pk).values_list("status", flat=True)) == {"cancelled"}
    running.refresh_from_db()
    assert (running.status, running.cancel_requested) == ("running", True)
    assert JournalEntry.objects.filter(to_status="cancelled").count() == 6
    assert not TaskRecord.objects.filter(watched_attempt__gt=0).exists()


@pytest.mark.parametrize("release", [True, False])
def test_who_frees_the_locks_of_a_cancelled_run_frees_those_of_its_family(release: bool) -> None:
    build("A-01", "A-02")
    leaf = definition(block("SetSiteLockedBp", siteId="A-01"), delay(60_000))
    middle = definition(block("SetSiteLockedBp", siteId="A-02"), call(leaf))
    parent = record(definition(call(middle)))
    settle(parent)
    assert set(StorageLocation.objects.values_list("locked_by", flat=True)) != {""}

    cancel.cancel([parent.record_id], actor="kim", reason="x", origin="command", release_sites=release)

    assert (set(StorageLocation.objects.values_list("locked_by", flat=True)) == {""}) is release


def test_a_parent_continued_after_a_failed_child_starts_a_new_one() -> None:
    task = definition(block("ThrowExceptionBp", message="x"), label="bad")
    parent = record(definition(call(task), say("done")))
    assert settle(parent) == Status.FAILED
    calm = definition(say("fine"), label="calm")
    TaskDefinition.objects.filter(pk=task.pk).update(current=calm.current_id)

    continuing.go_on([parent.record_id], actor="kim", reason="mended", origin="command")

    assert settle(parent) == Status.FINISHED
    assert [child.status for child in children(parent)] == ["failed", "finished"]


def test_a_parent_restarted_is_not_told_of_the_children_it_had_before() -> None:
    bad, good = definition(fails(), label="bad"), definition(say("x"))
    broken = block("SetSiteFilledBp", siteId="nowhere")
    parent = record(definition(call(bad, ifAsync="true"), delay(1), broken, call(good)))
    assert settle(parent) == Status.INTERRUPTED
    (untold,) = children(parent)
    assert (untold.status, untold.watched_attempt) == ("failed", 1)
    build("nowhere")
    TaskDefinition.objects.filter(pk=bad.pk).update(current=definition(say("fine")).current_id)

    restarting.restart([parent.record_id], actor="kim", reason="again", origin="command")

    assert settle(parent) == Status.FINISHED
    assert [child.watched_attempt for child in children(parent)] == [1, 2, 0]


def test_a_parent_continued_is_told_of_the_children_it_had_before() -> None:
    bad, good = definition(fails()), definition(say("x"))
    broken = block("SetSiteFilledBp", siteId="nowhere")
    parent = record(definition(call(bad, ifAsync="true"), delay(1), broken, call(good)))
    assert settle(parent) == Status.INTERRUPTED
    build("nowhere")

    continuing.go_on([parent.record_id], actor="kim", reason="made it", origin="command")

    assert settle(parent) == Status.FAILED


def test_joining_a_child_whose_record_is_gone_fails() -> None:
    with pytest.raises(Refused, match="gone"):
        subtasks.join(JoinSubTask("child-none"), record().pk)


def test_join_looks_at_the_rows_and_not_at_wakes() -> None:
    parent = record(status=Status.WAITING)
    child = record(parent=parent, record_id="c")
    assert isinstance(subtasks.join(JoinSubTask("c"), parent.pk), Pending)
    TaskRecord.objects.filter(pk=child.pk).update(status=Status.FINISHED)
    assert subtasks.join(JoinSubTask("c"), parent.pk) == SubTaskEnded("c", 1003, "")


def test_a_key_of_a_sub_task_wakes_the_parent() -> None:
    parent = record(status=Status.WAITING)
    record(parent=parent, record_id="c")
    assert wakes.wake(["subtask:c"]) == 1
    assert status_of(parent) == Status.READY


@pytest.mark.parametrize("status", sorted(ACTIVE - {Status.RUNNING}))
def test_an_active_child_ends_with_a_failing_parent(status: Status) -> None:
    parent = record(definition(fails()))
    child = record(definition(), parent=parent, status=status)
    claim_and_execute(parent)
    assert status_of(child) == Status.CANCELLED
