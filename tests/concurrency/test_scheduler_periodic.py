"""Several io processes look at the same schedule: every due start happens once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduler import clock
from scheduler.definitions import switching
from scheduler.definitions.periodic import PeriodicStarts, start_due
from scheduler.errors import Refused
from scheduler.models import TaskDefinition, TaskRecord
from scheduler.states import Status
from tests.concurrency.storage_threads import side_by_side
from tests.db.scheduler.making import definition

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_services_start_what_is_due_exactly_once() -> None:
    now = clock.now()
    for _ in range(8):
        definition(periodic=True, periodic_enabled=True, period_ms=1000, next_start_at=now)

    for round_number in range(5):
        moment = now + timedelta(seconds=round_number)
        told = side_by_side(*[lambda at=moment: PeriodicStarts().run_once(at) for _ in range(2)])  # type: ignore[misc]
        assert sum(each["started"] for each in told) == 8
        assert sum(each["skipped"] + each["refused"] for each in told) == 0
        TaskRecord.objects.update(status=Status.FINISHED)

    assert TaskRecord.objects.count() == 40
    assert set(TaskDefinition.objects.values_list("periodic_starts", flat=True)) == {5}


def test_a_person_and_the_service_do_not_start_it_together() -> None:
    for _ in range(10):
        now = clock.now()
        task = definition(periodic=True, periodic_enabled=True, period_ms=60_000, next_start_at=now)

        def by_hand(pk: int = task.pk) -> str:
            try:
                return switching.start_now(pk, actor="kim", origin="page").record.record_id
            except Refused as refusal:
                return refusal.code

        side_by_side(by_hand, lambda pk=task.pk, at=now: start_due(pk, at, at))  # type: ignore[misc]

        assert TaskRecord.objects.filter(definition=task).count() == 1
