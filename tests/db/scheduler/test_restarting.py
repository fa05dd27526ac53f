"""Restart: the same record begins anew, with nothing of its last attempt but locks, inputs and its order number."""

from __future__ import annotations

import pytest

from scheduler import clock
from scheduler.commands import cancel, restarting
from scheduler.errors import Refused
from scheduler.models import (
    AuditEntry,
    BlockRecord,
    Effect,
    EndedCounter,
    FleetOrder,
    JournalEntry,
    RunState,
    TaskRecord,
    Wait,
)
from scheduler.states import EffectStatus, Status
from storage.models import StorageLocation, StorageRequest
from tests.concurrency.storage_threads import side_by_side
from tests.db.scheduler.making import assign, block, claim_and_execute, definition, process, record, say, status_of
from tests.db.storage.warehouse import build, lock

pytestmark = pytest.mark.django_db(transaction=True)


def restart(*ids: str) -> restarting.AttemptResult:
    return restarting.restart(ids, actor="ann", reason="once more", origin="command")


def stopped(**columns: object) -> TaskRecord:
    """A run that set a variable and a text and stopped at ``fill``."""
    task = definition(
        assign("n", "=1"),
        block("TaskStateBp", stateMsg="half way"),
        block("SetSiteFilledBp", name="fill", siteId="A-01"),
        say("done"),
    )
    run = record(task, **columns)
    claim_and_execute(run)
    run.refresh_from_db()
    return run


@pytest.mark.parametrize("periodic", [False, True], ids=["interrupted", "failed"])
def test_a_stopped_run_begins_anew(periodic: bool) -> None:
    run = stopped(periodic=periodic, out_order_no="4711")
    first = list(BlockRecord.objects.filter(record=run).values_list("seq", "code"))
    assert (run.variables, run.state_description) == ('{"n": 1}', "half way")
    build("A-01")

    assert restart(run.record_id).done == (run.record_id,)

    run.refresh_from_db()
    assert (run.status, run.attempt, run.history_attempt, run.out_order_no) == (Status.READY, 2, 2, "4711")
    assert (run.variables, run.state_description, run.ended_reason, run.ended_at) == ("{}", "", "", None)
    assert not RunState.objects.exists()
    assert claim_and_execute(run) == Status.FINISHED
    second = BlockRecord.objects.filter(record=run, attempt=2).order_by("seq")
    assert [row.code for row in second] == [1003] * 4
    kept = dict(BlockRecord.objects.filter(record=run, attempt=1).values_list("seq", "code"))
    assert set(kept) == {seq for seq, _ in first}, "the first attempt can still be looked at"
    assert 1000 not in kept.values(), "nothing of it is open"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.before["attempt"], entry.after["attempt"]) == ("restart", 1, 2)


def test_an_unrecoverable_run_may_die_again_as_often_as_a_new_one() -> None:
    run = record(status=Status.UNRECOVERABLE, recoveries=3, ended_at=clock.now())

    restart(run.record_id)

    run.refresh_from_db()
    assert (run.status, run.recoveries, run.attempt) == (Status.READY, 0, 2)


def test_orders_calls_requests_and_waits_end_and_locks_stay() -> None:
    build("A-01", "A-02")
    run = record(status=Status.INTERRUPTED)
    lock(run.record_id, "A-01")
    now = clock.now()
    FleetOrder.objects.create(order_id="o1", record=run, block="b1", created_at=now, updated_at=now)
    made = {"record": run, "kind": "fleet", "target": "fleet", "due_at": now, "created_at": now}
    Effect.objects.create(key="k1", operation="addBlocks", order_id="o1", **made)
    Wait.objects.create(record=run, branch="0", block="b1", key="time", code="time", since_ms=1)
    RunState.objects.create(record=run, text="{}", updated_at=now)
    child = record(status=Status.WAITING, parent=run)

    restart(run.record_id)

    assert Effect.objects.get(key="k1").status == EffectStatus.ABANDONED
    assert Effect.objects.get(operation="terminate").order_id == "o1"
    assert not Wait.objects.exists()
    assert not RunState.objects.exists()
    assert StorageLocation.objects.get(site_id="A-01").locked_by == run.record_id
    assert status_of(child) == Status.CANCELLED
    assert not JournalEntry.objects.filter(record=run, to_status__in=("cancelled", "failed")).exists()
    assert not EndedCounter.objects.filter(status="failed").exists(), "an interruption is no end"


def test_a_location_that_waits_for_the_run_is_given_back() -> None:
    find = block("GetIdleSiteBp", name="find", groupName="B", lock="true", retryPeriod="60000")
    run, mine = record(definition(find)), process()
    build("B-1", group="B")
    lock("somebody", "B-1")
    claim_and_execute(run, mine)
    TaskRecord.objects.filter(pk=run.pk).update(status=Status.INTERRUPTED)

    restart(run.record_id)

    assert not StorageRequest.objects.filter(state__in=("pending", "granted")).exists()
    assert claim_and_execute(run, mine) == Status.WAITING
    assert StorageRequest.objects.get(state="pending").key.startswith(f"{run.record_id}~a2"), "a request of its own"


@pytest.mark.parametrize("status", [Status.FINISHED, Status.CANCELLED])
def test_one_that_ended_well_or_was_cancelled_stays_and_a_copy_is_offered(status: Status) -> None:
    run = record(status=status)

    refused = restart(run.record_id).refused[run.record_id]

    assert (refused.code, status_of(run)) == ("has_ended", status)
    assert "copy" in refused.remedy


@pytest.mark.parametrize("status", [Status.READY, Status.RUNNING, Status.WAITING, Status.PAUSED, Status.SCHEDULED])
def test_an_active_run_is_not_touched(status: Status) -> None:
    run = record(status=status, token="t")

    assert restart(run.record_id).refused[run.record_id].code == "not_stopped"
    assert status_of(run) == status
    with pytest.raises(Refused):
        restart()


def test_a_run_of_a_process_that_is_gone_goes_to_a_queue_that_is_served() -> None:
    run = record(status=Status.FAILED, queue="inline-4711")

    restart(run.record_id)

    run.refresh_from_db()
    assert run.queue == "default"


def test_restart_and_cancel_at_once_leave_one_story() -> None:
    run = stopped()

    side_by_side(
        lambda: restart(run.record_id),
        lambda: cancel.cancel([run.record_id], actor="bob", reason="no", origin="command"),
        lambda: restart(run.record_id),
    )

    assert status_of(run) == Status.CANCELLED
    entries = JournalEntry.objects.filter(record=run).order_by("pk").values_list("to_status", "attempt")
    assert list(entries) in (
        [("interrupted", 1), ("cancelled", 1)],
        [("interrupted", 1), ("ready", 2), ("cancelled", 2)],
    )


def test_a_restarted_run_counts_again_and_its_time_is_that_of_the_attempt() -> None:
    run = stopped(periodic=True)
    TaskRecord.objects.filter(pk=run.pk).update(created_at=clock.from_ms(0))
    EndedCounter.objects.all().delete()
    build("A-01")

    restart(run.record_id)
    claim_and_execute(run)

    counter = EndedCounter.objects.get()
    assert (counter.status, counter.count) == ("finished", 1)
    assert counter.duration_ms < 60_000
