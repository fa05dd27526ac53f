"""Runs whose worker died go on from their last checkpoint, a limited number of times."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler import clock, conf, recovery
from scheduler.models import JournalEntry, LogLine, ProcessRow, TaskRecord
from scheduler.recovery import RescueResult
from scheduler.states import Status
from tests.concurrency.storage_threads import side_by_side
from tests.db.scheduler.making import claim_and_execute, definition, record, say, status_of

pytestmark = pytest.mark.django_db(transaction=True)


def dead(**columns: object) -> TaskRecord:
    """A run whose worker died ten seconds ago."""
    long_ago = clock.now() - timedelta(seconds=10)
    given = {"status": Status.RUNNING, "token": "t", "worker": "w9", "lease_until": long_ago, **columns}
    return record(definition(say("a"), label=f"task of {len(columns)} {id(columns)}"), **given)


def test_a_run_whose_lease_ran_out_goes_on_and_is_counted() -> None:
    run = dead()

    assert recovery.rescue() == RescueResult(recovered=1)

    run.refresh_from_db()
    assert (run.status, run.recoveries, run.token) == (Status.READY, 1, "")
    assert JournalEntry.objects.get().reason == "worker w9 died"
    assert LogLine.objects.get().code == "recovered"
    assert claim_and_execute(run) == Status.FINISHED
    assert list(JournalEntry.objects.order_by("pk").values_list("to_status", flat=True)) == ["ready", "finished"]


def test_a_run_with_a_living_worker_is_left_alone() -> None:
    run = dead(lease_until=clock.now() + timedelta(seconds=5))

    assert recovery.rescue() == RescueResult()
    assert status_of(run) == Status.RUNNING


def test_after_the_limit_it_is_given_up_with_the_reason_and_the_memory_at_death() -> None:
    now = clock.now()
    ProcessRow.objects.create(
        name="w9", role="worker", boot_id="b", host="h", pid=1, started_at=now, beat_at=now, sample={"uss": 800 << 20}
    )
    run = dead(recoveries=conf.values().recovery_limit)

    assert recovery.rescue() == RescueResult(unrecoverable=1)

    run.refresh_from_db()
    assert (run.status, run.code) == (Status.UNRECOVERABLE, 1005)
    assert "800 MB" in run.ended_reason
    assert JournalEntry.objects.get().to_status == Status.UNRECOVERABLE


def test_a_dead_run_that_was_to_be_cancelled_is_cancelled() -> None:
    run = dead(cancel_requested=True, request_actor="ann", request_reason="stop it")

    assert recovery.rescue() == RescueResult(cancelled=1)
    assert status_of(run) == Status.CANCELLED
    assert JournalEntry.objects.get().actor == "ann"


def test_two_rescuers_recover_it_once() -> None:
    run = dead()

    results = side_by_side(*[recovery.rescue for _ in range(3)])

    assert sum(result.recovered for result in results) == 1
    run.refresh_from_db()
    assert run.recoveries == 1


def test_stale_claims_count_nothing_against_a_run() -> None:
    run = record(status=Status.CLAIMED, boot_id="b", claimed_at=clock.now() - timedelta(seconds=60))

    assert recovery.rescue() == RescueResult(claims=1)
    run.refresh_from_db()
    assert (run.status, run.recoveries) == (Status.READY, 0)


def test_looking_costs_two_reads_when_nothing_is_wrong() -> None:
    record()
    clock.now()
    with CaptureQueriesContext(connection) as queries:
        recovery.rescue()

    assert len(queries) == 2
