"""Pausing and resuming: a state of the record, kept across everything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from scheduler import audit, clock, queue, wakes
from scheduler.commands import pausing
from scheduler.commands.pausing import PauseResult
from scheduler.errors import Refused
from scheduler.models import AuditEntry, JournalEntry
from scheduler.states import Status
from tests.db.scheduler.making import claim_and_execute, definition, delay, process, record, say, status_of

pytestmark = pytest.mark.django_db(transaction=True)


def pause(*ids: str) -> PauseResult:
    return pausing.pause(ids, actor="ann", reason="lunch", origin="command")


def resume(*ids: str) -> PauseResult:
    return pausing.resume(ids, actor="bob", origin="command")


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.READY, Status.CLAIMED, Status.WAITING])
def test_what_nobody_works_on_is_paused_at_once(status: Status) -> None:
    run = record(status=status)

    assert pause(run.record_id).done == (run.record_id,)

    run.refresh_from_db()
    assert (run.status, run.code) == (Status.PAUSED, 1002)
    assert (run.request_actor, run.request_reason) == ("ann", "lunch")
    assert queue.claim("boot", ["default"], 10) == []
    assert JournalEntry.objects.get().to_status == Status.PAUSED
    assert AuditEntry.objects.get().action == "pause"


def test_a_paused_run_sleeps_through_wakes_and_goes_on_when_resumed() -> None:
    run, mine = record(definition(delay(1), say("on"))), process()
    assert claim_and_execute(run, mine) == Status.WAITING
    pause(run.record_id)

    wakes.wake_record(run.pk)
    assert (queue.promote(), status_of(run)) == (0, Status.PAUSED)

    assert resume(run.record_id).done == (run.record_id,)
    assert claim_and_execute(run, mine) == Status.FINISHED


def test_one_that_was_paused_before_its_time_keeps_that_time() -> None:
    due = clock.now() + timedelta(hours=1)
    run = record(status=Status.SCHEDULED, due_at=due, ready_at=None)
    pause(run.record_id)

    assert resume(run.record_id).done == (run.record_id,)

    run.refresh_from_db()
    assert (run.status, run.due_at) == (Status.SCHEDULED, due)
    assert queue.promote() == 0
    assert JournalEntry.objects.order_by("-pk")[0].to_status == Status.SCHEDULED
    assert AuditEntry.objects.order_by("-pk")[0].after == {"status": "scheduled"}


def test_one_whose_time_came_while_it_was_paused_goes_on_at_once() -> None:
    run = record(status=Status.SCHEDULED, due_at=clock.now() - timedelta(seconds=1), ready_at=None)
    pause(run.record_id)

    resume(run.record_id)

    run.refresh_from_db()
    assert (run.status, run.due_at) == (Status.READY, None)


def test_a_running_one_is_asked_and_the_request_can_be_taken_back() -> None:
    run = record(status=Status.RUNNING, token="t")

    assert pause(run.record_id).requested == (run.record_id,)
    run.refresh_from_db()
    assert run.pause_requested

    assert resume(run.record_id).done == (run.record_id,)
    run.refresh_from_db()
    assert (run.status, run.pause_requested) == (Status.RUNNING, False)


def test_a_request_that_came_before_the_run_was_started_pauses_it() -> None:
    run = record(definition(say("a")), pause_requested=True)

    assert claim_and_execute(run) == Status.PAUSED
    run.refresh_from_db()
    assert not run.pause_requested


def test_what_cannot_be_paused_is_refused_by_name() -> None:
    over, undecided = record(status=Status.FINISHED), record(status=Status.INTERRUPTED)

    result = pause(over.record_id, undecided.record_id, "nobody")

    assert (set(result.refused), result.unknown) == ({over.record_id, undecided.record_id}, ("nobody",))
    with pytest.raises(Refused):
        pause()


@pytest.mark.parametrize("act", [pause, resume])
def test_a_transaction_that_the_database_took_back_is_tried_again(
    act: Callable[[str], PauseResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record(status=Status.READY if act is pause else Status.PAUSED)
    conflicts = [OperationalError(1213, "Deadlock found when trying to get lock")]
    write = audit.record

    def once(**told: Any) -> None:
        if conflicts:
            raise conflicts.pop()
        write(**told)

    monkeypatch.setattr(audit, "record", once)

    assert act(run.record_id).done == (run.record_id,)

    assert status_of(run) == (Status.PAUSED if act is pause else Status.READY)
    assert JournalEntry.objects.filter(record=run).count() == 1
    assert AuditEntry.objects.count() == 1
