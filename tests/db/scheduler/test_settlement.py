"""Ending runs from anywhere: everything they leave behind goes with them, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler import clock, settlement
from scheduler.models import BlockRecord, Effect, EndedCounter, FleetOrder, JournalEntry, RunState, TaskRecord, Wait
from scheduler.states import BlockCode, EffectStatus, Status
from storage.models import StorageLocation, StorageRequest
from tests.concurrency.storage_threads import side_by_side
from tests.db.scheduler.making import block, claim_and_execute, definition, process, record, status_of
from tests.db.storage.warehouse import build, lock

pytestmark = pytest.mark.django_db(transaction=True)


def cancel(*runs: TaskRecord, **given: Any) -> list[int]:
    return settlement.settle([run.pk for run in runs], Status.CANCELLED, **{"reason": "enough", **given})


def effect(run: TaskRecord, operation: str, status: EffectStatus = EffectStatus.PENDING, attempts: int = 0) -> Effect:
    order_id = f"{run.record_id}-b1"
    now = clock.now()
    return Effect.objects.create(
        key=f"{order_id}:{operation}",
        record=run,
        kind="fleet",
        target="fleet",
        operation=operation,
        order_id=order_id,
        status=status,
        attempts=attempts,
        due_at=now,
        created_at=now,
    )


def order(run: TaskRecord, *, closed: bool = False) -> FleetOrder:
    now = clock.now()
    return FleetOrder.objects.create(
        order_id=f"{run.record_id}-b1", record=run, block="b1", closed=closed, created_at=now, updated_at=now
    )


def held(*site_ids: str, by: str) -> None:
    build(*site_ids)
    for site_id in site_ids:
        lock(by, site_id)


def searching(*, lock: bool = True) -> dict[str, Any]:
    return block("GetIdleSiteBp", groupName="B", lock=str(lock).lower(), retryPeriod="1000")


def test_a_settled_run_has_one_terminal_entry_and_is_counted_once() -> None:
    runs = [record(status=Status.WAITING) for _ in range(3)]

    assert cancel(*runs, actor="ann") == [run.pk for run in runs]
    assert cancel(*runs) == []

    entries = JournalEntry.objects.order_by("record_id").values_list("record_id", "to_status", "actor", "reason")
    assert list(entries) == [(run.pk, "cancelled", "ann", "enough") for run in runs]
    assert [(each.status, each.count) for each in EndedCounter.objects.all()] == [("cancelled", 3)]
    for run in runs:
        run.refresh_from_db()
        assert (run.status, run.ended_reason, run.token) == (Status.CANCELLED, "enough", "")
        assert run.ended_at is not None


def test_settling_twice_at_the_same_moment_ends_it_once() -> None:
    run = record(status=Status.WAITING)

    results = side_by_side(*[lambda: cancel(run) for _ in range(4)])

    assert sorted(map(len, results)) == [0, 0, 0, 1]
    assert JournalEntry.objects.count() == 1
    assert EndedCounter.objects.get().count == 1


def test_a_running_run_is_left_to_its_worker() -> None:
    run = record(status=Status.RUNNING, token="t", lease_until=clock.now() + timedelta(seconds=9))

    assert cancel(run) == []
    assert status_of(run) == Status.RUNNING


def test_the_number_of_statements_does_not_grow_with_the_number_of_runs() -> None:
    counts = []
    for size in (1, 50):
        runs = [record(status=Status.WAITING) for _ in range(size)]
        with CaptureQueriesContext(connection) as queries:
            assert len(cancel(*runs)) == size
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_state_waits_and_open_blocks_go() -> None:
    run = record(status=Status.WAITING)
    RunState.objects.create(record=run, text="{}", updated_at=clock.now())
    Wait.objects.create(record=run, branch="0", block="b1", key="time", code="time", since_ms=1)
    for seq, ended in ((1, 5), (2, None)):
        BlockRecord.objects.create(
            record=run,
            seq=seq,
            name="b",
            block_type="T",
            path="",
            code=1003 if ended else 1007,
            started_ms=1,
            ended_ms=ended,
        )

    cancel(run)

    assert not RunState.objects.exists()
    assert not Wait.objects.exists()
    codes = BlockRecord.objects.order_by("seq").values_list("code", flat=True)
    assert list(codes) == [BlockCode.DONE, BlockCode.STOPPED]
    assert not BlockRecord.objects.filter(ended_ms__isnull=True).exists()


def test_open_orders_are_terminated_without_taking_robots_out_of_service() -> None:
    run, other, over = (record(status=Status.WAITING) for _ in range(3))
    order(run)
    order(other)
    order(over, closed=True)

    cancel(run, over)
    cancel(run)

    made = Effect.objects.get(operation="terminate")
    assert (made.order_id, made.record_id, made.status) == (f"{run.record_id}-b1", run.pk, EffectStatus.PENDING)
    assert made.request["disableVehicle"] is False


@pytest.mark.parametrize(("attempts", "terminations"), [(0, 0), (2, 1)])
def test_what_was_never_sent_is_abandoned_and_what_may_have_been_is_terminated(
    attempts: int, terminations: int
) -> None:
    run = record(status=Status.WAITING)
    effect(run, "setOrder", attempts=attempts)
    effect(run, "addBlocks", EffectStatus.DONE, attempts=1)

    cancel(run)

    assert Effect.objects.get(operation="setOrder").status == EffectStatus.ABANDONED
    assert Effect.objects.get(operation="addBlocks").status == EffectStatus.DONE
    assert Effect.objects.filter(operation="terminate").count() == terminations


def test_a_waiting_request_is_cancelled_and_what_was_granted_goes_to_the_next() -> None:
    held("B-01", by="somebody")
    task = definition(searching())
    first, second = record(task), record(task)
    assert [claim_and_execute(run) for run in (first, second)] == [Status.WAITING, Status.WAITING]
    from scheduler.commands import sites

    sites.release(["B-01"], actor="ann", origin="command", reason="free it")
    assert (status_of(first), status_of(second)) == (Status.READY, Status.WAITING)

    cancel(first)

    assert StorageLocation.objects.get().locked_by == second.record_id
    assert status_of(second) == Status.READY
    assert claim_and_execute(second) == Status.FINISHED
    assert not StorageRequest.objects.filter(state__in=("pending", "granted")).exists()


@pytest.mark.parametrize("rule", [False, True])
@pytest.mark.parametrize("status", [Status.CANCELLED, Status.FAILED])
def test_locks_are_freed_by_the_definitions_rule(rule: bool, status: Status) -> None:
    run = record(definition(release_sites=rule), status=Status.INTERRUPTED)
    held("B-01", "B-02", by=run.record_id)

    settlement.settle([run.pk], status, reason="")

    assert set(StorageLocation.objects.values_list("locked_by", flat=True)) == ({""} if rule else {run.record_id})


def test_locks_are_freed_when_that_is_asked() -> None:
    run = record(definition(release_sites=False), status=Status.WAITING)
    held("B-01", by=run.record_id)

    cancel(run, release_sites=True)

    assert StorageLocation.objects.get().locked_by == ""


def test_locks_stay_at_a_normal_end() -> None:
    build("B-01")
    run = record(definition(searching(), release_sites=True))

    assert claim_and_execute(run) == Status.FINISHED
    assert StorageLocation.objects.get().locked_by == run.record_id


def test_children_end_with_their_parent() -> None:
    parent = record(status=Status.WAITING)
    waiting = record(status=Status.WAITING, parent=parent)
    grandchild = record(status=Status.READY, parent=waiting)
    running = record(status=Status.RUNNING, parent=parent, token="t")
    over = record(status=Status.FINISHED, parent=parent)

    cancel(parent)

    assert [status_of(run) for run in (waiting, grandchild, running, over)] == [
        Status.CANCELLED,
        Status.CANCELLED,
        Status.RUNNING,
        Status.FINISHED,
    ]
    running.refresh_from_db()
    assert running.cancel_requested


def test_the_end_of_a_child_wakes_its_parent() -> None:
    parent = record(definition(label="x"), status=Status.WAITING)
    child = record(parent=parent)

    assert claim_and_execute(child, process()) == Status.FINISHED
    assert status_of(parent) == Status.READY
