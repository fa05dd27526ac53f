"""Waking runs by what they wait for, whether their waits are written yet or not."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from scheduler import clock, doorbell, wakes
from scheduler.models import Effect, FleetOrder, TaskRecord, Wait
from scheduler.states import Status
from tests.db.scheduler.making import block, claim_and_execute, definition, record, status_of
from tests.db.storage.warehouse import build, lock

pytestmark = pytest.mark.django_db(transaction=True)


def waiting(key: str, **columns: Any) -> TaskRecord:
    run = record(status=Status.WAITING, **columns)
    Wait.objects.create(record=run, branch="0", block="b1", key=key, code="effect", since_ms=1)
    return run


def test_those_who_wait_for_a_key_become_ready_and_the_others_sleep_on() -> None:
    first, second, other = waiting("effect:a"), waiting("effect:a"), waiting("effect:b")

    assert wakes.wake(["effect:a", "effect:unknown"]) == 2
    assert [status_of(run) for run in (first, second, other)] == [Status.READY, Status.READY, Status.WAITING]


def test_a_run_that_is_being_suspended_is_found_through_what_the_key_names() -> None:
    now = clock.now()
    build("B-01")
    lock("maria", "B-01")
    searching = record(definition(block("GetIdleSiteBp", groupName="B", lock="true")))
    assert claim_and_execute(searching) == Status.WAITING
    site_key = Wait.objects.get(record=searching).key
    running = record(status=Status.RUNNING, token="t")
    Effect.objects.create(
        key="e1", record=running, kind="fleet", target="fleet", operation="addBlocks", due_at=now, created_at=now
    )
    FleetOrder.objects.create(order_id="o1", record=running, created_at=now, updated_at=now)
    Wait.objects.all().delete()
    TaskRecord.objects.filter(pk=searching.pk).update(status=Status.RUNNING)

    assert wakes.wake(["effect:e1", "order:o1", site_key]) == 0  # nobody sleeps: the wake is counted instead

    for run in (running, searching):
        before = run.wake_seq
        run.refresh_from_db()
        assert run.wake_seq == before + 1


def test_the_doorbell_rings_after_the_commit_and_only_when_somebody_became_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rings: list[str] = []
    monkeypatch.setattr(doorbell, "ring", lambda *topics: transaction.on_commit(lambda: rings.extend(topics)))
    waiting("order:a")

    assert wakes.wake(["order:b"]) == 0
    assert not rings
    with transaction.atomic():
        assert wakes.wake(["order:a"]) == 1
        assert not rings
    assert rings == [doorbell.RUNS]


def test_many_keys_cost_the_same_few_statements() -> None:
    counts = []
    for size in (1, 200):
        keys = [f"effect:{size}-{number}" for number in range(size)]
        for key in keys:
            waiting(key)
        with CaptureQueriesContext(connection) as queries:
            assert wakes.wake(keys) == size
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_holders_that_are_no_runs_are_passed_over() -> None:
    run = waiting("site:x")

    assert wakes.wake_holders(["maria", run.record_id]) == 1
    assert wakes.wake_holders([]) == 0
    assert not wakes.wake_record(run.pk)
