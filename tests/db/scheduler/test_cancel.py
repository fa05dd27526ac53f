"""Cancelling: at once what nobody works on, by request what a worker runs; an entry in the audit log for each."""

from __future__ import annotations

import time
from typing import Any

import pytest

from scheduler import clock
from scheduler.commands import cancel as cancelling
from scheduler.commands.cancel import CancelResult
from scheduler.errors import Refused
from scheduler.models import AuditEntry, TaskRecord
from scheduler.states import ACTIVE, ENDED, Status
from storage.models import StorageLocation
from tests.db.scheduler.making import claim_and_execute, definition, delay, process, record, status_of
from tests.db.storage.warehouse import build, lock

pytestmark = pytest.mark.django_db(transaction=True)


def cancel(*runs: TaskRecord, **given: Any) -> CancelResult:
    ids = [run.record_id for run in runs]
    return cancelling.cancel(ids, **{"actor": "ann", "reason": "wrong one", "origin": "command", **given})


@pytest.mark.parametrize("status", sorted(ACTIVE - {Status.RUNNING}))
def test_what_nobody_works_on_ends_at_once(status: Status) -> None:
    run = record(status=status)

    assert cancel(run).cancelled == (run.record_id,)
    assert status_of(run) == Status.CANCELLED


def test_a_running_one_is_asked_and_ends_at_its_next_look() -> None:
    run = record(status=Status.RUNNING, token="t", lease_until=clock.now())

    assert cancel(run, release_sites=True).requested == (run.record_id,)

    run.refresh_from_db()
    assert (run.status, run.cancel_requested, run.release_requested) == (Status.RUNNING, True, True)
    assert (run.request_actor, run.request_reason) == ("ann", "wrong one")


def test_a_request_that_came_before_the_run_was_suspended_is_not_lost() -> None:
    build("B-01")
    run = record(definition(delay(60_000)))
    TaskRecord.objects.filter(pk=run.pk).update(cancel_requested=True, request_actor="ann", release_requested=True)
    lock(run.record_id, "B-01")

    assert claim_and_execute(run, process()) == Status.CANCELLED
    assert StorageLocation.objects.get().locked_by == ""


@pytest.mark.parametrize("status", sorted(ENDED))
def test_what_has_ended_stays_as_it_is(status: Status) -> None:
    run = record(status=status)

    result = cancel(run)

    assert (result.ended, result.cancelled) == ((run.record_id,), ())
    assert status_of(run) == status
    assert not AuditEntry.objects.exists()


def test_an_empty_list_never_means_all() -> None:
    run = record()

    with pytest.raises(Refused) as refused:
        cancel()

    assert refused.value.code == "empty_selection"
    assert status_of(run) == Status.READY


def test_unknown_ids_are_named_and_the_others_are_cancelled() -> None:
    run = record()

    result = cancelling.cancel([run.record_id, "nobody"], actor="ann", reason="", origin="api")

    assert (result.cancelled, result.unknown) == ((run.record_id,), ("nobody",))


def test_every_cancellation_is_in_the_audit_log() -> None:
    waiting, running = record(status=Status.WAITING), record(status=Status.RUNNING, token="t")
    cancel(waiting, running)

    entries = AuditEntry.objects.order_by("object_id").values_list("object_id", "actor", "action", "reason", "origin")
    assert sorted(entries) == sorted(
        (run.record_id, "ann", "cancel", "wrong one", "command") for run in (waiting, running)
    )


def test_a_waiting_run_is_cancelled_within_fifty_milliseconds() -> None:
    runs = [record(status=Status.WAITING) for _ in range(20)]
    took = []
    for run in runs:
        begun = time.perf_counter()
        cancel(run)
        took.append(time.perf_counter() - begun)

    assert sorted(took)[10] < 0.05
