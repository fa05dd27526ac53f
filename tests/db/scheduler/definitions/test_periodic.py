"""Definitions that start by themselves: when, how often, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext

from scheduler import clock, conf
from scheduler.definitions import periodic, switching
from scheduler.definitions.periodic import PeriodicStarts
from scheduler.errors import Refused
from scheduler.models import AuditEntry, TaskDefinition, TaskRecord
from scheduler.states import Status
from tests.db.scheduler.making import block, definition, say

pytestmark = pytest.mark.django_db

T0 = datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def every(period_ms: int = 1000, *, at: datetime | None = T0, **columns: Any) -> TaskDefinition:
    """A definition that starts by itself."""
    return definition(
        say("tick"), periodic=True, periodic_enabled=True, period_ms=period_ms, next_start_at=at, **columns
    )


def look(now: datetime) -> Mapping[str, int]:
    return PeriodicStarts().run_once(now)


def end_all() -> None:
    TaskRecord.objects.update(status=Status.FINISHED)


def told(started: int = 0, skipped: int = 0, refused: int = 0) -> dict[str, int]:
    return {"started": started, "skipped": skipped, "refused": refused}


def test_a_due_definition_starts_once_and_its_next_start_is_a_period_later() -> None:
    task = every(1000)

    assert [look(T0 - SECOND), look(T0), look(T0)] == [told(), told(started=1), told()]

    task.refresh_from_db()
    run = TaskRecord.objects.get()
    assert (task.next_start_at, task.last_start_at, task.periodic_starts) == (T0 + SECOND, T0, 1)
    assert (run.periodic, run.created_by, run.status) == (True, "periodic", Status.READY)
    assert run.record_id.startswith("period-")
    assert task.last_periodic_record == run.record_id


def test_while_the_last_run_is_active_a_start_is_skipped_and_counted_and_never_queued() -> None:
    task = every(1000)
    look(T0)

    outcomes = [look(T0 + n * SECOND) for n in (1, 2, 3)]
    end_all()
    after = look(T0 + 4 * SECOND)

    task.refresh_from_db()
    assert outcomes == [told(skipped=1)] * 3
    assert after == told(started=1)
    assert (task.periodic_starts, task.periodic_skipped) == (2, 3)
    assert TaskRecord.objects.count() == 2


@pytest.mark.parametrize("status", [Status.WAITING, Status.PAUSED, Status.INTERRUPTED, Status.SCHEDULED])
def test_every_active_status_of_the_last_run_counts_as_an_overlap(status: Status) -> None:
    every(1000)
    look(T0)
    TaskRecord.objects.update(status=status)

    assert look(T0 + SECOND) == told(skipped=1)


def test_a_run_that_a_person_started_is_no_overlap() -> None:
    task = every(1000)
    TaskRecord.objects.create(
        record_id="by-hand",
        definition=task,
        version=task.current,
        label=task.label,
        status=Status.RUNNING,
        created_at=T0,
    )

    assert look(T0) == told(started=1)


def test_missed_starts_happen_once_late_and_in_step() -> None:
    task = every(1000)

    look(T0 + timedelta(hours=5, milliseconds=300))

    task.refresh_from_db()
    assert TaskRecord.objects.count() == 1
    assert task.next_start_at == T0 + timedelta(hours=5, seconds=1)


def test_a_clock_that_goes_back_neither_doubles_nor_silences() -> None:
    task = every(1000, at=T0)
    service = PeriodicStarts()
    service.run_once(T0)
    end_all()
    back = T0 - timedelta(hours=1)

    outcomes = [service.run_once(back), service.run_once(back + SECOND), service.run_once(back + SECOND)]

    task.refresh_from_db()
    assert [each["started"] for each in outcomes] == [1, 0, 0] or [each["started"] for each in outcomes] == [0, 1, 0]
    assert task.next_start_at is not None
    assert back < task.next_start_at <= back + 2 * SECOND


def test_summer_time_is_no_gap_and_no_double() -> None:
    """In the night in which an hour is left out, and in the one in which it comes twice."""
    for midnight in (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)):
        task = every(15 * 60_000, at=midnight)
        for quarter in range(16):
            look(midnight + quarter * timedelta(minutes=15))
            end_all()
        task.refresh_from_db()
        assert task.periodic_starts == 16
        TaskDefinition.objects.update(next_start_at=None, periodic=False)


def test_a_refused_start_is_kept_and_does_not_stop_the_others() -> None:
    wrong = every(1000, enabled=False)
    broken = definition(block("NoSuchBp"), periodic=True, periodic_enabled=True, period_ms=1000, next_start_at=T0)
    fine = every(1000)

    assert look(T0) == told(started=1, refused=2)

    for row in (wrong, broken, fine):
        row.refresh_from_db()
    assert "disabled" in wrong.periodic_error
    assert "NoSuchBp" in broken.periodic_error
    assert wrong.next_start_at == broken.next_start_at == T0 + SECOND
    assert fine.periodic_error == ""
    TaskDefinition.objects.filter(pk=wrong.pk).update(enabled=True)
    assert look(T0 + SECOND)["started"] == 1
    wrong.refresh_from_db()
    assert wrong.periodic_error == ""


def test_a_full_queue_is_a_refusal() -> None:
    conf.use(lambda: conf.Values(max_queued=1))
    every(1000)
    TaskRecord.objects.create(
        record_id="other",
        definition=(other := definition()),
        version=other.current,
        label=other.label,
        status=Status.READY,
        created_at=T0,
    )

    assert look(T0) == told(refused=1)
    assert "limit" in TaskDefinition.objects.get(periodic=True).periodic_error


def test_a_fault_of_ours_is_kept_with_its_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = every(1000), every(1000)
    submit = periodic.submit

    def faulty(**given: Any) -> Any:
        if given["definition"].pk == first.pk:
            raise RuntimeError("boom")
        return submit(**given)

    monkeypatch.setattr(periodic, "submit", faulty)

    assert look(T0) == told(started=1, refused=1)
    first.refresh_from_db()
    assert (first.periodic_error, first.next_start_at) == ("RuntimeError: boom", T0 + SECOND)
    assert TaskRecord.objects.get().definition_id == second.pk


def test_a_definition_without_a_time_is_planned_after_its_delay() -> None:
    task = every(1000, at=None, delay_ms=7000)
    every(1000, at=None, enabled=False)

    assert look(T0) == told()

    task.refresh_from_db()
    assert task.next_start_at == T0 + 7 * SECOND
    assert TaskDefinition.objects.filter(next_start_at__isnull=True).count() == 1


def test_at_rest_it_is_one_query(django_assert_num_queries: Any) -> None:
    every(60_000)
    definition()
    service = PeriodicStarts()
    service.run_once(T0 - 2 * SECOND)

    with django_assert_num_queries(1) as seen:
        service.run_once(T0 - SECOND)

    assert isinstance(seen, CaptureQueriesContext)
    assert "next_start_at" in seen.captured_queries[0]["sql"]


@pytest.mark.parametrize("period", [1, 0, 2**53])
def test_any_period_of_a_file_is_reckoned_with(period: int) -> None:
    task = every(period)

    look(T0)

    task.refresh_from_db()
    assert task.next_start_at is not None
    assert task.next_start_at > T0


def test_switching_on_off_and_changing_the_period_set_the_next_start() -> None:
    task = definition(period_ms=1000, delay_ms=2000)
    who = {"actor": "kim", "origin": "command"}
    before = clock.now()

    on = switching.set_periodic(task.pk, on=True, **who)
    started = TaskDefinition.objects.get(pk=task.pk)
    assert on.next_start_at is not None
    assert before + 2 * SECOND <= on.next_start_at <= clock.now() + 2 * SECOND
    assert started.periodic

    TaskDefinition.objects.filter(pk=task.pk).update(last_start_at=clock.now())
    longer = switching.set_periodic(task.pk, on=True, period_ms=60_000, **who)
    assert longer.next_start_at is not None
    assert longer.next_start_at > clock.now() + 50 * SECOND

    assert switching.set_enabled(task.pk, False, **who).next_start_at is None
    assert switching.set_enabled(task.pk, True, **who).next_start_at is not None
    assert switching.set_periodic(task.pk, on=False, **who).next_start_at is None
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == [
        "change_periodic",
        "change_periodic",
        "disable_definition",
        "enable_definition",
        "change_periodic",
    ]
    switching.set_periodic(task.pk, on=False, **who)
    assert AuditEntry.objects.count() == 5, "no change, no entry"


@pytest.mark.parametrize("given", [{"period_ms": 0}, {"period_ms": -1}, {"delay_ms": -1}, {"period_ms": 10**18}])
def test_a_period_that_cannot_be_used_is_refused(given: dict[str, int]) -> None:
    task = definition()

    with pytest.raises(Refused, match="cannot be used"):
        switching.set_periodic(task.pk, on=True, actor="kim", origin="command", **given)
    assert not AuditEntry.objects.exists()


def test_starting_now_keeps_the_schedule_and_the_overlap_rule() -> None:
    task = every(1000)

    done = switching.start_now(task.pk, actor="kim", origin="page")

    task.refresh_from_db()
    assert (done.record.periodic, done.record.created_by, task.next_start_at) == (True, "kim", T0)
    with pytest.raises(Refused, match=r"is still Ready"):
        switching.start_now(task.pk, actor="kim", origin="page")
    assert look(T0) == told(skipped=1)
    assert AuditEntry.objects.get().object_id == done.record.record_id
