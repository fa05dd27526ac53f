"""Priority: the order in the queue and among those who wait for a location changes at once."""

from __future__ import annotations

import pytest
from django.db import transaction

from scheduler import queue, transitions
from scheduler.commands import priority
from scheduler.errors import Refused
from scheduler.models import AuditEntry
from scheduler.states import ACTIVE, ENDED, Status
from storage import locations, matching
from storage.models import StorageLocation, StorageRequest
from tests.db.scheduler.making import block, claim_and_execute, definition, process, record
from tests.db.storage.warehouse import build, lock

pytestmark = pytest.mark.django_db(transaction=True)


def put(value: int, *ids: str) -> priority.PriorityResult:
    return priority.set_priority(ids, value, actor="ann", reason="urgent", origin="command")


def test_a_ready_run_overtakes_with_a_higher_priority() -> None:
    first, second = record(), record()

    assert put(50, second.record_id).done == (second.record_id,)

    second.refresh_from_db()
    assert second.ready_at is not None
    assert second.rank == transitions.rank_of(int(second.ready_at.timestamp() * 1000), 50)
    assert queue.claim("boot", ["default"], 2) == [second.pk, first.pk]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.before, entry.after) == ("set_priority", {"priority": 1}, {"priority": 50})


def test_who_waits_for_a_location_moves_forward_too() -> None:
    find = block("GetIdleSiteBp", name="find", groupName="B", lock="true", retryPeriod="60000")
    task, mine = definition(find), process()
    early, late = record(task), record(task)
    build("B-1", group="B")
    lock("somebody", "B-1")
    for run in (early, late):
        assert claim_and_execute(run, mine) == Status.WAITING

    put(9, late.record_id)

    assert StorageRequest.objects.get(holder=late.record_id).priority == 9
    with transaction.atomic():
        locations.unlock("B-1", "somebody", actor="test")
    matching.match(["B-1"], lambda holder, key: None)
    assert StorageLocation.objects.get(site_id="B-1").locked_by == late.record_id


@pytest.mark.parametrize("status", sorted(ACTIVE))
def test_every_active_run_takes_it(status: Status) -> None:
    run = record(status=status, token="t")

    assert put(7, run.record_id).done == (run.record_id,)

    run.refresh_from_db()
    assert (run.priority, run.status) == (7, status)


@pytest.mark.parametrize("status", sorted(ENDED))
def test_an_ended_run_is_left_as_it_is(status: Status) -> None:
    run = record(status=status)

    assert put(7, run.record_id).ended == (run.record_id,)

    run.refresh_from_db()
    assert run.priority == 1
    assert not AuditEntry.objects.exists()


def test_what_it_has_already_is_no_change() -> None:
    run = record(priority=3)

    assert put(3, run.record_id).same == (run.record_id,)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, True])
def test_what_is_no_priority_is_refused(value: int) -> None:
    with pytest.raises(Refused, match="cannot be used"):
        put(value, record().record_id)


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(Refused, match="never means all"):
        put(3)
