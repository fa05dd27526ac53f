"""The records are the queue: order, claims that nobody shares, nothing in memory."""

from __future__ import annotations

import gc
import sys
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler import clock, conf, queue, transitions
from scheduler.models import TaskRecord
from scheduler.states import Status
from tests.db.scheduler.making import definition, record, status_of

pytestmark = pytest.mark.django_db(transaction=True)

QUEUES = ["default"]


def ready_since(seconds_ago: float, priority: int = 1, queue_name: str = "default") -> TaskRecord:
    ready_at = clock.now() - timedelta(seconds=seconds_ago)
    rank = transitions.rank_of(clock.at_ms(ready_at), priority)
    return record(ready_at=ready_at, priority=priority, rank=rank, queue=queue_name)


def test_priority_goes_first_and_age_second() -> None:
    old, young, urgent = ready_since(10), ready_since(5), ready_since(0, priority=5)

    assert queue.claim("boot-1", QUEUES, 10) == [urgent.pk, old.pk, young.pk]


def test_nothing_starves_because_waiting_long_is_worth_more_than_priority() -> None:
    ageing = conf.values().ageing_s
    patient, urgent = ready_since(6 * ageing, priority=1), ready_since(0, priority=5)

    assert queue.claim("boot-1", QUEUES, 10) == [patient.pk, urgent.pk]


def test_queues_are_served_in_the_order_of_preference() -> None:
    other, mine, third = ready_since(99, queue_name="b"), ready_since(1, queue_name="a"), ready_since(9, queue_name="c")

    assert queue.claim("boot-1", ["a", "b"], 10) == [mine.pk, other.pk]
    assert status_of(third) == Status.READY


def test_a_claim_takes_no_more_than_it_may() -> None:
    runs = [ready_since(9 - number) for number in range(5)]

    assert queue.claim("boot-1", QUEUES, 2) == [runs[0].pk, runs[1].pk]
    assert queue.claimed_count("boot-1") == 2
    assert queue.claim("boot-1", QUEUES, 0) == []


def test_what_is_claimed_cannot_be_claimed_again() -> None:
    ready_since(1)

    assert len(queue.claim("boot-1", QUEUES, 10)) == 1
    assert queue.claim("boot-2", QUEUES, 10) == []


def test_only_ready_runs_are_claimed() -> None:
    ready = {status: record(status=status) for status in Status}[Status.READY]

    assert queue.claim("boot-1", QUEUES, 100) == [ready.pk]


def test_a_cluster_that_ends_gives_back_its_own_claims_at_their_old_place() -> None:
    mine, other = ready_since(5), ready_since(4)
    assert queue.claim("boot-1", QUEUES, 1) == [mine.pk]
    assert queue.claim("boot-2", QUEUES, 1) == [other.pk]

    assert queue.release_claims("boot-1") == 1

    before = mine.rank
    mine.refresh_from_db()
    assert (mine.status, mine.boot_id, mine.rank, mine.recoveries) == (Status.READY, "", before, 0)
    assert status_of(other) == Status.CLAIMED


def test_a_claim_that_nobody_starts_goes_back_after_ten_seconds() -> None:
    late, fresh = ready_since(5), ready_since(4)
    queue.claim("boot-1", QUEUES, 2)
    TaskRecord.objects.filter(pk=late.pk).update(claimed_at=clock.now() - timedelta(seconds=11))

    assert queue.release_stale_claims() == 1
    assert (status_of(late), status_of(fresh)) == (Status.READY, Status.CLAIMED)


def test_what_is_due_becomes_ready_and_the_rest_stays() -> None:
    now = clock.now()
    due = [record(status=status, due_at=now - timedelta(seconds=1)) for status in (Status.SCHEDULED, Status.WAITING)]
    later = record(status=Status.SCHEDULED, due_at=now + timedelta(hours=1))
    untimed = record(status=Status.WAITING)

    assert queue.promote() == 2
    assert [status_of(run) for run in (*due, later, untimed)] == [
        Status.READY,
        Status.READY,
        Status.SCHEDULED,
        Status.WAITING,
    ]


def test_an_idle_look_is_one_read_for_each_step() -> None:
    definition()
    clock.now()
    with CaptureQueriesContext(connection) as queries:
        queue.promote()
        queue.claim("boot-1", QUEUES, 8)

    assert len(queries) == 2
    assert all(query["sql"].lstrip().startswith("SELECT") for query in queries)


def test_claiming_many_costs_the_same_few_statements() -> None:
    for number in range(50):
        ready_since(number)
    with CaptureQueriesContext(connection) as queries:
        assert len(queue.claim("boot-1", QUEUES, 50)) == 50

    assert len(queries) <= 5  # read; then begin, read with locks, update, commit – or one compare-and-set


def test_who_has_seen_that_something_is_ready_does_not_look_again() -> None:
    for number in range(10):
        ready_since(number)
    with CaptureQueriesContext(connection) as queries:
        assert len(queue.claim("boot-1", QUEUES, 5, seen=True)) == 5

    plain = [
        query["sql"] for query in queries if query["sql"].startswith("SELECT") and "FOR UPDATE" not in query["sql"]
    ]
    assert len(plain) == (0 if connection.features.has_select_for_update_skip_locked else 1)


def test_the_claim_reads_its_index_and_sorts_nothing() -> None:
    like = ready_since(1)
    rows = TaskRecord.objects.filter(pk=like.pk).values().get()
    del rows["id"]
    TaskRecord.objects.bulk_create(
        TaskRecord(**{**rows, "record_id": f"x{number}", "rank": number}) for number in range(2000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "ANALYZE TABLE scheduler_taskrecord")

    plan = TaskRecord.objects.filter(status=Status.READY, queue="default").order_by("rank", "pk")[:8].explain()

    assert "record_claim" in plan
    assert "TEMP B-TREE" not in plan
    assert "filesort" not in plan


def test_thousands_of_claims_leave_nothing_in_memory() -> None:
    runs = [ready_since(0) for _ in range(100)]

    def cycle() -> None:
        claimed = queue.claim("boot-1", QUEUES, 100)
        assert len(claimed) == 100
        assert queue.release_claims("boot-1") == 100

    for _ in range(5):
        cycle()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(50):
        cycle()
    gc.collect()

    assert runs
    assert sys.getallocatedblocks() - before < 500  # 5,000 enqueue/claim cycles
