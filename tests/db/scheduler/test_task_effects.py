"""Blocks about runs, on real rows: what other connections see, and what other runs notice."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import pytest

from execution.effects import ActOnTask, ReadTask, ReadTaskInput, SetOutOrderNo, TaskExists
from execution.errors import BlockError
from scheduler import clock, taskview
from scheduler.effects import gateway
from scheduler.effects.asking import Asking
from scheduler.models import AuditEntry, JournalEntry, LogLine, TaskEvent, TaskRecord
from scheduler.states import ACTIVE, ENDED, Status
from tests.concurrency.storage_threads import side_by_side
from tests.db.scheduler.making import (
    assign,
    block,
    claim_and_execute,
    definition,
    delay,
    record,
    say,
    status_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


def ask(run: TaskRecord, effect: Any) -> Any:
    return gateway.carry_out(effect, Asking(run.pk, run.record_id, run.priority, "k", clock.now_ms()))


def refused(run: TaskRecord, effect: Any) -> BlockError:
    with pytest.raises(BlockError) as raised:
        ask(run, effect)
    return raised.value


# --- Its own record --------------------------------------------------------------------------------------------------


def test_another_connection_sees_the_state_text_while_the_run_goes_on() -> None:
    run = record(definition(block("TaskStateBp", stateMsg="at the gate"), block("SuspendTaskBp", taskRecordId="none")))
    seen: list[tuple[str, str]] = []

    def look(effect: Any, asking: Any) -> bool:
        seen.extend(side_by_side(lambda: TaskRecord.objects.values_list("state_description", "status").get(pk=run.pk)))
        return False

    # The second block looks while the run is in the middle of its slice.
    with mock.patch.dict(gateway._ACTIONS, {ActOnTask: look}):
        assert claim_and_execute(run) == Status.FINISHED
    assert seen == [("at the gate", "running")]


def test_what_a_run_says_of_itself_is_on_its_record() -> None:
    run = record(
        definition(
            block("MarkTaskStartBp"),
            block("WorkTypesBp", workTypes="picker,driver", workStations="gate 1"),
            block("SetOutOrderNoBp", orderNo="W-1"),
            block("SetResponseBp", code="201", body='=["ok": true]'),
            block("TriggerTaskEventBp", eventName="ready", eventData='=["n": 1]'),
            delay(1),
            block("MarkTaskEndBp"),
        )
    )
    before = clock.now_ms()
    assert claim_and_execute(run) == Status.WAITING
    TaskRecord.objects.filter(pk=run.pk).update(due_at=clock.now())
    assert claim_and_execute(run) == Status.FINISHED

    run.refresh_from_db()
    assert (run.work_types, run.work_stations, run.out_order_no) == ("picker,driver", "gate 1", "W-1")
    assert json.loads(run.response) == {"code": 201, "body": {"ok": True}}
    assert run.marked_start_ms is not None
    assert run.marked_end_ms is not None
    assert before <= run.marked_start_ms < run.marked_end_ms
    assert run.blocks_run == 7
    event = TaskEvent.objects.get()
    assert (event.name, event.data, event.record_id) == ("ready", '{"n":1}', run.pk)
    codes = LogLine.objects.filter(record=run).order_by("pk").values_list("code", flat=True)
    assert list(codes) == ["task.marked-start", "task.event", "task.marked-end"]


def test_an_out_order_number_belongs_to_one_run() -> None:
    mine, other = record(), record(out_order_no="W-1")
    assert ask(mine, SetOutOrderNo("W-2")) is None
    assert ask(mine, SetOutOrderNo("W-2")) is None
    error = refused(mine, SetOutOrderNo("W-1"))
    assert (error.code, other.record_id in error.message) == ("key_taken", True)
    mine.refresh_from_db()
    assert mine.out_order_no == "W-2"
    for wrong in ("", " x", "x" * 129, "a\x00"):
        assert refused(mine, SetOutOrderNo(wrong)).code == "key_invalid"


# --- Other runs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", sorted(Status))
def test_stopping_another_run_in_any_state(status: Status) -> None:
    me, other = record(), record(status=status, token="t" if status == Status.RUNNING else "")
    assert ask(me, ActOnTask(other.record_id, "stop")) is (status in ACTIVE)
    other.refresh_from_db()
    if status == Status.RUNNING:
        assert (other.cancel_requested, other.request_actor) == (True, me.record_id)
    else:
        assert other.status == (Status.CANCELLED if status in ACTIVE else status)
        entry = JournalEntry.objects.filter(record=other).first()
        assert (entry is not None) is (status in ACTIVE)
        assert entry is None or (entry.actor, me.record_id in entry.reason) == (me.record_id, True)
    assert not AuditEntry.objects.exists(), "the audit log is for people"


@pytest.mark.parametrize("status", sorted(Status))
def test_suspending_another_run_in_any_state(status: Status) -> None:
    me, other = record(), record(status=status, token="t" if status == Status.RUNNING else "")
    fitting = status in ACTIVE - {Status.PAUSED, Status.INTERRUPTED}
    assert ask(me, ActOnTask(other.record_id, "suspend")) is fitting
    other.refresh_from_db()
    if status == Status.RUNNING:
        assert other.pause_requested
    else:
        assert other.status == (Status.PAUSED if fitting else status)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("status", sorted(Status))
def test_starting_another_run_in_any_state(status: Status) -> None:
    me, other = record(), record(status=status, token="t" if status == Status.RUNNING else "")
    fitting = status in (Status.PAUSED, Status.INTERRUPTED)
    assert ask(me, ActOnTask(other.record_id, "start")) is fitting
    assert status_of(other) == (Status.READY if fitting else status)
    assert not AuditEntry.objects.exists()


def test_a_pause_that_was_only_asked_for_is_taken_back() -> None:
    me, other = record(), record(status=Status.RUNNING, token="t", pause_requested=True)
    assert ask(me, ActOnTask(other.record_id, "start")) is True
    other.refresh_from_db()
    assert not other.pause_requested


@pytest.mark.parametrize("action", ["start", "stop", "suspend"])
def test_a_run_that_is_not_there_is_no_error(action: str) -> None:
    assert ask(record(), ActOnTask("nobody", action)) is False


@pytest.mark.parametrize("action", ["stop", "suspend"])
def test_a_run_does_not_saw_at_its_own_branch(action: str) -> None:
    top = record()
    middle = record(parent=top)
    me, child = record(parent=middle), record()
    TaskRecord.objects.filter(pk=child.pk).update(parent=me)
    for own in (me, middle, top):
        error = refused(me, ActOnTask(own.record_id, action))
        assert error.code == "task.own"
        assert action in error.message
    assert ask(me, ActOnTask(child.record_id, action)) is True
    assert {status_of(run) for run in (top, middle, me)} == {Status.READY}


def test_a_run_stops_another_with_its_children_through_a_block() -> None:
    other = record(definition(), status=Status.WAITING)
    child = record(parent=other, status=Status.WAITING)
    stop = block("StopTaskBp", taskRecordId=other.record_id, name="stop")
    run = record(definition(stop, assign("done", "=blocks.stop.stopSuccess")))
    assert claim_and_execute(run) == Status.FINISHED
    run.refresh_from_db()
    assert json.loads(run.variables) == {"done": True}
    assert (status_of(other), status_of(child)) == (Status.CANCELLED, Status.CANCELLED)


def test_a_parent_that_stops_its_own_child_is_not_told_of_that_end() -> None:
    child_task = definition(delay(60_000))
    start = block(f"SubTask::{child_task.definition_id}", taskRecordId="mine", ifAsync="true")
    stop = block("StopTaskBp", taskRecordId="mine")
    run = record(definition(start, stop, block(f"SubTask::{definition(say('x')).definition_id}")))
    # Its child's end wakes it while it is still in its slice.
    assert claim_and_execute(run) == Status.READY
    assert claim_and_execute(run) == Status.WAITING
    stopped, other = TaskRecord.objects.filter(parent=run).order_by("pk")
    assert (stopped.status, stopped.watched_attempt) == ("cancelled", 0)
    claim_and_execute(other)
    assert claim_and_execute(run) == Status.FINISHED


# --- Reading ---------------------------------------------------------------------------------------------------------


def test_a_record_has_the_fields_that_definitions_read() -> None:
    task = definition(
        assign("v", "=[1, 'x']"), inputs={"n": ("Long", "1"), "map": ("JSONObject", '{"a": 1}'), "t": ("String", "")}
    )
    parent = record(definition(), record_id="top", root_record_id="top")
    other = record(
        task,
        parent=parent,
        root_record_id="top",
        inputs='{"n": {"$long": 7}, "map": {"a": 1}, "t": "äx"}',
        out_order_no="W-1",
        priority=4,
    )
    assert claim_and_execute(other) == Status.FINISHED
    found = ask(parent, ReadTask(other.record_id))
    assert {name: found[name] for name in ("id", "defId", "defLabel", "defVersion", "status", "priority")} == {
        **{"id": other.record_id, "defId": task.definition_id, "defLabel": task.label},
        **{"defVersion": 1, "status": 1003, "priority": 4},
    }
    assert (found["parentTaskRecordId"], found["rootTaskRecordId"], found["outOrderNo"]) == ("top", "top", "W-1")
    assert (found["ifHaveChildTask"], found["periodicTask"]) == (False, False)
    assert found["createdOn"] is not None
    assert found["endedOn"] >= found["createdOn"]
    assert json.loads(found["variables"]) == {"v": [1, "x"]}
    given = {row["name"]: (row["type"], row["defaultValue"]) for row in json.loads(found["inputParams"])}
    assert given == {"n": ("Long", "7"), "map": ("JSONObject", '{"a":1}'), "t": ("String", "äx")}
    assert ask(parent, ReadTask("top"))["ifHaveChildTask"] is True
    assert ask(parent, ReadTask("nobody")) is None


def test_texts_that_are_too_long_are_left_out() -> None:
    other = record(variables=json.dumps({"v": "x" * taskview.MAX_TEXT}))
    found = ask(record(), ReadTask(other.record_id))
    assert found["variables"] is None
    run = record(definition(block("GetTaskRecordBp", taskRecordId=other.record_id), say("on")))
    assert claim_and_execute(run) == Status.FINISHED
    assert LogLine.objects.filter(record=run, code="task.left-out", level=4).count() == 1


def test_an_input_keeps_its_type_and_existence_is_asked_cheaply(django_assert_num_queries: Any) -> None:
    other = record(inputs='{"n": {"$long": 7}, "list": [1, "a"]}')
    me = record()
    with django_assert_num_queries(4):
        assert ask(me, ReadTaskInput(other.record_id, "n")) == 7
        assert ask(me, ReadTaskInput(other.record_id, "list")) == [1, "a"]
        assert ask(me, ReadTaskInput("nobody", "n")) is None
        assert ask(me, TaskExists(other.record_id)) is True
    assert type(ask(me, ReadTaskInput(other.record_id, "n"))).__name__ == "Long"
    assert ask(me, TaskExists("nobody")) is False


def test_a_run_finds_records_and_reads_them_through_its_blocks() -> None:
    other = record(definition(inputs={"n": ("Long", "1")}), inputs='{"n": {"$long": 7}}', out_order_no="W-9")
    run = record(
        definition(
            block("GetTaskRecordByOutOrderIdBp", outOrderId="W-9", name="find"),
            block("CheckTaskRecordIdIsExistBp", taskRecordId="=blocks.find.taskRecordIdList[0]", name="is"),
            block(
                "GetTaskInputParamsByTaskRecordAndKeyBp",
                taskRecordId="=blocks.find.taskRecordIdList[0]",
                inputParamsKey="n",
                name="input",
            ),
            block("GetTaskRecordBp", taskRecordId=other.record_id, name="read"),
            assign("there", "=blocks.is.taskRecordIdIsExist"),
            assign("n", "=blocks.input.inputParamValue / 2"),
            assign("code", "=blocks.read.taskRecord.status"),
            assign("ended", "=blocks.read.taskRecord.endedOn == null"),
        )
    )
    assert claim_and_execute(run) == Status.FINISHED
    run.refresh_from_db()
    assert json.loads(run.variables) == {"there": True, "n": 3, "code": 1000, "ended": True}
    assert status_of(other) not in ENDED
