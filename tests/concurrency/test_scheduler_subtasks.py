"""Parents, children and runs that stop each other, on two real connections: each ends once, no wake is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from execution.effects import SetOutOrderNo, StartSubTask
from execution.errors import BlockError
from scheduler import clock, executor, queue, settlement, transitions
from scheduler.commands import cancel, pausing
from scheduler.effects import gateway
from scheduler.effects.asking import Asking
from scheduler.models import JournalEntry, RunState, TaskDefinition, TaskRecord, Wait
from scheduler.states import ENDED, Status
from tests.concurrency.storage_threads import side_by_side
from tests.db.scheduler.making import block, claim_and_execute, definition, delay, process, record, say, status_of

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 25


def claimed(run: TaskRecord, name: str) -> Callable[[], object]:
    """The slice of a run that is about to begin in a worker of that name."""
    mine = process(name, boot_id=name)
    assert transitions.claim([run.pk], boot_id=name, mark="m")
    return lambda: executor.execute(run.pk, mine, boot_id=name)


def to_the_end(*runs: TaskRecord) -> list[Status]:
    """Go on with what is left of these runs, as workers would."""
    for _ in range(20):
        queue.promote()
        ready = TaskRecord.objects.filter(pk__in=[run.pk for run in runs], status=Status.READY).first()
        if ready is None:
            return [status_of(run) for run in runs]
        claim_and_execute(ready)
    raise AssertionError("it never rests")


def ended_once(*runs: TaskRecord) -> None:
    for run in runs:
        terminal = JournalEntry.objects.filter(record=run, to_status__in=ENDED).values_list("to_status", "reason")
        assert len(terminal) == 1, (run.record_id, status_of(run), list(terminal))
    assert not TaskRecord.objects.filter(status=Status.INTERRUPTED).exists()


def parent_of(task: TaskDefinition, child_id: str) -> tuple[TaskRecord, TaskRecord]:
    """A run that has started its child under a given id and is about to join it."""
    call = block(f"SubTask::{task.definition_id}", taskRecordId=child_id)
    parent = record(definition(call, say("after")))
    return parent, record(task, parent=parent, record_id=child_id, depth=1)


def test_a_child_that_ends_while_its_parent_is_being_suspended_wakes_it() -> None:
    task = definition(say("x"))
    for number in range(ROUNDS):
        parent, child = parent_of(task, f"c-{number}")
        side_by_side(claimed(parent, "one"), claimed(child, "two"))
        assert status_of(child) == Status.FINISHED
        assert status_of(parent) in (Status.READY, Status.FINISHED), number
        assert to_the_end(parent) == [Status.FINISHED]
        ended_once(parent, child)
    assert not Wait.objects.exists()
    assert not RunState.objects.exists()


def test_a_parent_is_cancelled_while_its_child_ends() -> None:
    task = definition(say("x"))
    for number in range(ROUNDS):
        parent, child = parent_of(task, f"c-{number}")
        assert claim_and_execute(parent) == Status.WAITING

        def stop(run: TaskRecord = parent) -> object:
            return cancel.cancel([run.record_id], actor="kim", reason="enough", origin="command")

        side_by_side(stop, claimed(child, "two"))

        assert to_the_end(parent, child)[0] == Status.CANCELLED
        assert status_of(child) in (Status.CANCELLED, Status.FINISHED)
        ended_once(parent, child)


def test_a_family_is_paused_while_its_child_ends() -> None:
    task = definition(say("x"))
    for number in range(ROUNDS):
        parent, child = parent_of(task, f"c-{number}")
        assert claim_and_execute(parent) == Status.WAITING
        family = [parent.record_id, child.record_id]
        # The one locks the parent first, the other the child.
        side_by_side(
            lambda ids=family: pausing.pause(ids, actor="kim", reason="lunch", origin="command"),  # type: ignore[misc]
            claimed(child, "two"),
        )
        for _ in range(2):
            pausing.resume(family, actor="kim", origin="command")
            ends = to_the_end(child, parent)
        assert ends == [Status.FINISHED, Status.FINISHED], number
        ended_once(parent, child)


def test_a_failing_child_and_a_cancelled_one_end_their_parent_once() -> None:
    bad = definition(block("ThrowExceptionBp", message="no"))
    for number in range(ROUNDS):
        parent, child = parent_of(bad, f"c-{number}")
        other = record(definition(), parent=parent, watched_attempt=1)
        assert claim_and_execute(parent) == Status.WAITING
        side_by_side(
            claimed(child, "two"),
            lambda run=other: settlement.settle([run.pk], Status.CANCELLED, reason="x", actor="kim"),  # type: ignore[misc]
        )
        assert to_the_end(parent, child, other)[0] in (Status.FAILED, Status.CANCELLED)
        ended_once(parent, child, other)


def test_two_runs_that_stop_each_other_are_stopped_once() -> None:
    for number in range(ROUNDS):
        names = (f"a-{number}", f"b-{number}")
        runs = [
            record(definition(block("StopTaskBp", taskRecordId=other), delay(60_000)), record_id=name)
            for name, other in (names, names[::-1])
        ]
        side_by_side(*(claimed(run, name) for run, name in zip(runs, ("one", "two"), strict=True)))
        ends = to_the_end(*runs)
        assert Status.CANCELLED in ends, "whoever came first stopped the other"
        assert set(ends) <= {Status.CANCELLED, Status.WAITING}
        ended_once(*(run for run in runs if status_of(run) == Status.CANCELLED))


def test_the_same_child_started_twice_at_once_is_one_run() -> None:
    task, parent = definition(say("x")), record()

    def start() -> Any:
        with transaction.atomic():
            return gateway.carry_out(StartSubTask(task.definition_id, {}), Asking(parent.pk, "p", 1, "key", 0))

    answers = side_by_side(start, start)
    assert sorted(answer.created for answer in answers) == [False, True]
    assert TaskRecord.objects.filter(parent=parent).count() == 1


def test_one_of_two_parents_gets_a_given_id() -> None:
    task = definition(say("x"))
    for number in range(ROUNDS):
        effect = StartSubTask(task.definition_id, {}, f"mine-{number}")
        told = side_by_side(*(_attempt(record(), effect) for _ in range(2)))
        assert sorted(told) == ["", "key_taken"]


def test_one_of_two_runs_gets_an_out_order_number() -> None:
    for number in range(ROUNDS):
        runs = [record(), record()]
        told = side_by_side(*(_attempt(run, SetOutOrderNo(f"W-{number}")) for run in runs))
        assert sorted(told) == ["", "key_taken"]
        assert TaskRecord.objects.filter(out_order_no=f"W-{number}").count() == 1


def _attempt(run: TaskRecord, effect: Any) -> Callable[[], str]:
    """Carry an effect out as a checkpoint does; the code of the refusal."""

    def attempt() -> str:
        try:
            with transaction.atomic():
                TaskRecord.objects.select_for_update().get(pk=run.pk)
                gateway.carry_out(effect, Asking(run.pk, run.record_id, run.priority, "key", clock.now_ms()))
        except BlockError as error:
            return error.code
        return ""

    return attempt
