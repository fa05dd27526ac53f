"""Every table that grows has a bound in time and rows, kept in small batches by primary key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ, Task

from scheduler import clock, conf, retention
from scheduler.models import (
    AuditEntry,
    BlockRecord,
    Effect,
    EndedCounter,
    FleetOrder,
    JournalEntry,
    LogLine,
    ProcessRow,
    RunState,
    TaskRecord,
)
from scheduler.q2 import leftovers
from scheduler.states import Status
from tests.db.scheduler.making import definition, record

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_batches() -> Iterator[None]:
    use()
    yield
    conf.use(None)


def use(**values: Any) -> None:
    conf.use(lambda: conf.Values(prune_batch=10, **values))


def ago(**length: float) -> datetime:
    return clock.now() - timedelta(**length)


def blocks(run: TaskRecord, count: int, at: datetime) -> None:
    first = BlockRecord.objects.filter(record=run).count()
    BlockRecord.objects.bulk_create(
        BlockRecord(record=run, seq=first + n, name="b", block_type="T", path="", code=1003, started_ms=clock.at_ms(at))
        for n in range(count)
    )


def ended(at: datetime, **columns: Any) -> TaskRecord:
    return record(status=Status.FINISHED, ended_at=at, **columns)


def test_block_records_and_log_lines_go_when_they_are_too_old() -> None:
    run = ended(ago(days=1))
    for at, count in ((ago(days=31), 25), (ago(days=29), 5)):
        blocks(run, count, at)
        LogLine.objects.bulk_create(LogLine(record=run, at_ms=clock.at_ms(at), level=1, code="x") for _ in range(count))

    result = retention.run_once()

    assert (result.block_records, result.log_lines) == (25, 25)
    assert (BlockRecord.objects.count(), LogLine.objects.count()) == (5, 5)
    assert TaskRecord.objects.filter(pk=run.pk).exists()


def test_the_oldest_go_when_there_are_too_many() -> None:
    use(block_record_rows=12)
    run = ended(ago(days=1))
    blocks(run, 40, ago(days=1))

    assert retention.run_once().block_records == 28
    assert list(BlockRecord.objects.order_by("pk").values_list("seq", flat=True)) == list(range(28, 40))


def test_one_call_deletes_a_bounded_share_in_bounded_statements() -> None:
    blocks(ended(ago(days=1)), 250, ago(days=40))

    with CaptureQueriesContext(connection) as queries:
        assert retention.run_once().block_records == retention.MAX_BATCHES * 10

    deletes = [query["sql"] for query in queries if query["sql"].startswith("DELETE") and "blockrecord" in query["sql"]]
    assert len(deletes) == retention.MAX_BATCHES
    assert all(" IN (" in sql and sql.count(",") <= 9 for sql in deletes)
    assert retention.run_once().block_records == 50


def test_old_runs_go_with_everything_that_hangs_on_them() -> None:
    old, young, active = (
        ended(ago(days=366)),
        ended(ago(days=300)),
        record(status=Status.WAITING, created_at=ago(days=400)),
    )
    child = ended(ago(days=1), parent=old)
    for run in (old, young):
        blocks(run, 15, ago(days=1))
        JournalEntry.objects.create(record=run, at=clock.now(), to_status="finished")

    result = retention.run_once()

    assert result.records == 1
    assert set(TaskRecord.objects.values_list("pk", flat=True)) == {young.pk, active.pk, child.pk}
    assert set(BlockRecord.objects.values_list("record_id", flat=True)) == {young.pk}
    child.refresh_from_db()
    assert child.parent_id is None


def test_too_many_ended_runs_lose_their_oldest_and_active_ones_stay() -> None:
    use(record_rows=5)
    active = record(status=Status.PAUSED)
    runs = [ended(ago(days=1)) for _ in range(9)]

    retention.run_once()

    left = set(TaskRecord.objects.values_list("pk", flat=True))
    assert active.pk in left
    assert {run.pk for run in runs[-4:]} <= left
    assert len(left) <= 6


def test_a_run_with_an_open_order_stays_until_the_fleet_has_stopped_it() -> None:
    run = ended(ago(days=400))
    FleetOrder.objects.create(order_id="o", record=run, created_at=clock.now(), updated_at=clock.now())

    assert retention.run_once().records == 0
    FleetOrder.objects.update(closed=True)
    assert retention.run_once().records == 1


def test_effects_and_orders_of_ended_runs_go_and_those_of_active_ones_stay() -> None:
    over, active = ended(ago(days=60)), record(status=Status.WAITING)
    for run in (over, active):
        Effect.objects.create(
            **{"key": f"e{run.pk}", "record": run, "kind": "fleet", "target": "fleet", "operation": "addBlocks"},
            **{"status": "done", "due_at": ago(days=60), "created_at": ago(days=60), "ended_at": ago(days=60)},
        )
        FleetOrder.objects.create(
            order_id=f"o{run.pk}", record=run, closed=True, created_at=ago(days=60), updated_at=ago(days=60)
        )

    result = retention.run_once()

    assert (result.effects, result.orders) == (1, 1)
    assert Effect.objects.get().record_id == FleetOrder.objects.get().record_id == active.pk


def test_counters_of_minutes_become_counters_of_hours_and_old_ones_go() -> None:
    hour = int(ago(days=3).timestamp()) // 3600 * 60
    for minute in range(60):
        for status in ("finished", "failed"):
            EndedCounter.objects.create(minute=hour + minute, status=status, slot=minute % 8, count=2, duration_ms=10)
    EndedCounter.objects.create(minute=int(ago(days=91).timestamp()) // 60, status="failed", slot=1, count=1)
    fresh = EndedCounter.objects.create(minute=int(clock.now().timestamp()) // 60, status="failed", slot=1, count=7)

    retention.run_once()

    rows = {(row.minute, row.status, row.count, row.duration_ms) for row in EndedCounter.objects.exclude(pk=fresh.pk)}
    assert rows == {(hour, "finished", 120, 600), (hour, "failed", 120, 600)}
    assert retention.run_once().counters == 0


def test_audit_entries_and_dead_processes_go_in_their_time() -> None:
    for days in (1, 731):
        AuditEntry.objects.create(
            at=ago(days=days), actor="a", action="x", object_type="t", object_id="1", origin="page"
        )
    for hours in (1, 25):
        ProcessRow.objects.create(
            name=f"w{hours}",
            role="worker",
            boot_id="b",
            host="h",
            pid=1,
            started_at=ago(hours=hours),
            beat_at=ago(hours=hours),
        )

    result = retention.run_once()

    assert (result.audit, result.processes) == (1, 1)
    assert ProcessRow.objects.get().name == "w1"


def test_nothing_to_do_is_a_few_reads_and_no_write() -> None:
    definition()
    clock.now()
    with CaptureQueriesContext(connection) as queries:
        assert not any(retention.run_once().as_json().values())

    assert len(queries) <= 25
    assert all(query["sql"].lstrip().startswith("SELECT") for query in queries)


def test_sessions_of_people_who_did_not_come_back_go_and_the_others_stay() -> None:
    Session.objects.bulk_create(
        Session(session_key=f"{name}{n:030d}", session_data="", expire_date=at)
        for name, at in (("a", ago(minutes=1)), ("b", ago(minutes=-5)))
        for n in range(25)
    )

    assert retention.run_once().sessions == 25
    assert set(Session.objects.values_list("session_key", flat=True)) == {f"b{n:030d}" for n in range(25)}


def test_what_other_tasks_leave_with_the_cluster_goes_when_it_is_old_or_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leftovers, "MOST_RESULTS", 20)
    Task.objects.bulk_create(
        Task(id=f"{n:032d}", name="x", func="f", started=at, stopped=at, success=False)
        for n, at in enumerate([*[ago(days=31)] * 5, *(ago(days=1, minutes=-n) for n in range(45))])
    )
    for at in (ago(days=31), ago(days=29), ago(hours=-2)):
        OrmQ.objects.create(key="vwed", payload="x", lock=at)

    assert retention.run_once().leftovers == 5 + 25 + 1
    assert list(Task.objects.order_by("pk").values_list("pk", flat=True)) == [f"{n:032d}" for n in range(30, 50)]
    assert OrmQ.objects.count() == 2
    assert retention.run_once().leftovers == 0


# --- States of failed runs -------------------------------------------------------------------------------------------


def failed(at: datetime) -> TaskRecord:
    run = record(status=Status.FAILED, ended_at=at)
    RunState.objects.create(record=run, text="{}", updated_at=at)
    return run


def test_a_failed_run_keeps_its_state_for_some_days_and_active_runs_keep_theirs() -> None:
    old, young = failed(ago(days=8)), failed(ago(days=6))
    waiting = record(status=Status.WAITING)
    RunState.objects.create(record=waiting, text="{}", updated_at=ago(days=90))

    assert retention.run_once().kept_states == 1

    assert set(RunState.objects.values_list("record_id", flat=True)) == {young.pk, waiting.pk}
    assert TaskRecord.objects.filter(pk=old.pk).exists()
    assert retention.run_once().kept_states == 0


def test_only_so_many_failed_runs_keep_their_state_and_the_oldest_go_first() -> None:
    runs = [failed(ago(minutes=60 - n)) for n in range(25)]
    use(kept_state_rows=3)

    assert retention.run_once().kept_states == 22

    assert set(RunState.objects.values_list("record_id", flat=True)) == {run.pk for run in runs[-3:]}
