"""Events of runs: what is accepted, how long it is kept, and that they outlive their run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduler import clock, conf, events, retention
from scheduler.errors import Refused
from scheduler.models import TaskEvent, TaskRecord
from scheduler.states import Status
from tests.db.scheduler.making import block, claim_and_execute, definition, record

pytestmark = pytest.mark.django_db(transaction=True)


def ago(**length: float) -> datetime:
    return clock.now() - timedelta(**length)


def test_an_event_is_a_row_of_its_run() -> None:
    run = record()
    events.publish(run.pk, "pallet done", '{"a": "中文"}')
    row = TaskEvent.objects.get()
    assert (row.record_id, row.name, row.data) == (run.pk, "pallet done", '{"a": "中文"}')


def test_a_block_publishes_once_and_a_refused_name_fails_it() -> None:
    good = record(definition(block("TriggerTaskEventBp", eventName="done", eventData='=["pallet": "P-1"]')))
    bad = record(definition(block("TriggerTaskEventBp", name="bad", eventName='="n".repeat(191)'), label="bad"))

    assert [claim_and_execute(run) for run in (good, bad)] == [Status.FINISHED, Status.INTERRUPTED]

    assert TaskEvent.objects.values_list("record_id", "name", "data").get() == (good.pk, "done", '{"pallet":"P-1"}')
    bad.refresh_from_db()
    assert (bad.failed_block, bad.error_code) == ("bad", "event_name")


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("", "", "event_name"),
        (" a", "", "event_name"),
        ("a\n", "", "event_name"),
        ("n" * 191, "", "event_name"),
        ("n", "x" * 65_537, "event_too_long"),
    ],
)
def test_what_is_none_is_refused(name: str, data: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        events.publish(None, name, data)
    assert refused.value.code == code
    assert len(refused.value.message) < 250
    assert not TaskEvent.objects.exists()


def made(count: int, at: datetime, run: TaskRecord | None = None) -> None:
    TaskEvent.objects.bulk_create(TaskEvent(record=run, at=at, name="e") for _ in range(count))


def test_events_go_when_they_are_too_old_or_too_many() -> None:
    made(5, ago(days=31))
    made(20, ago(days=1))
    assert retention.run_once().events == 5

    def few(**values: Any) -> conf.Values:
        return conf.Values(event_rows=8, prune_batch=10, **values)

    conf.use(few)
    assert retention.run_once().events == 12
    assert TaskEvent.objects.count() == 8


def test_an_event_outlives_its_run() -> None:
    old = record(status=Status.FINISHED, ended_at=ago(days=400))
    made(1, ago(days=1), old)
    assert retention.run_once().records == 1
    assert TaskEvent.objects.get().record_id is None
