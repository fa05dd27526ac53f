"""The newest sample of every process becomes one that stays, once for each slot, in a bounded number of statements."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler.models import EndedCounter, ProcessRow
from tests.db.monitoring.making import MB, NOON, NOON_S, process, series
from tests.support import workloads
from vwed.models import ProcessSample, ProcessSeries, SystemSample
from vwed.models.monitoring import COUNT_LIMIT
from vwed.monitoring import history
from vwed.monitoring.history import History

pytestmark = pytest.mark.django_db

WEIGHT = {"rss": 30 * MB, "uss": 10 * MB, "pss": 20 * MB, "background_open": 2, "cpu_percent": 1.5, "blocks": 1000}
#: Just after the slot that begins at noon.
AFTER = NOON + timedelta(seconds=5.3)


def copy(service: History | None = None, *, later: float = 0) -> history.Copied:
    return (service or History()).run_once(AFTER + timedelta(seconds=later))


def test_a_process_that_beat_in_the_slot_gets_a_sample() -> None:
    process("worker-1", seat=1, at=NOON + timedelta(seconds=3), pid=77, runs=12, sample=WEIGHT)
    copy()
    sample = ProcessSample.objects.get()
    assert (sample.resolution, sample.at_s, sample.pid, sample.runs) == (5, NOON_S, 77, 12)
    assert (sample.rss, sample.uss, sample.pss, sample.least, sample.most) == (
        *(30 * MB, 10 * MB, 20 * MB),
        *(20 * MB, 20 * MB),
    )
    assert (sample.background, sample.cpu_percent, sample.blocks, sample.threads) == (2, 1.5, 1000, None)
    assert ProcessSeries.objects.get().name == "worker 1"


def test_an_old_beat_is_not_copied_again() -> None:
    process("worker-1", seat=1, at=NOON - timedelta(seconds=1), sample=WEIGHT)
    process("worker-2", seat=2, at=NOON + timedelta(seconds=1))  # has told nothing yet
    copy()
    assert not ProcessSample.objects.exists()


def test_the_last_figures_of_a_process_that_ended_in_the_slot_are_kept_unless_its_successor_has_spoken() -> None:
    at = NOON + timedelta(seconds=2)
    process("worker-1", seat=1, pid=1, at=at, ended_at=at, sample=WEIGHT)
    process("worker-2", seat=2, pid=2, at=at, ended_at=at, sample=WEIGHT)
    process("worker-3", seat=2, pid=3, at=at, sample=WEIGHT)
    copy()
    assert set(ProcessSample.objects.values_list("series_id", "pid")) == {
        (ProcessSeries.objects.get(name="worker 1").pk, 1),
        (ProcessSeries.objects.get(name="worker 2").pk, 3),
    }


def test_a_slot_is_written_once_however_many_io_processes_copy_it() -> None:
    process("web-1", "web", at=NOON, sample=WEIGHT)
    copy()
    ProcessRow.objects.update(sample={**WEIGHT, "rss": 99 * MB})
    copy()
    assert ProcessSample.objects.get().rss == 30 * MB
    assert SystemSample.objects.count() == 1


def test_a_count_beyond_its_column_is_cut_off() -> None:
    process("web-1", "web", at=NOON, sample={**WEIGHT, "fds": COUNT_LIMIT + 1, "threads": 7})
    copy()
    sample = ProcessSample.objects.get()
    assert (sample.fds, sample.threads) == (COUNT_LIMIT, 7)


def test_a_line_goes_on_when_another_host_takes_its_place() -> None:
    series("web", host="old", at=NOON)
    process("web-1", "web", host="new", at=NOON, sample=WEIGHT)
    copy()
    assert ProcessSeries.objects.values_list("name", "host").get() == ("web", "new")


def test_a_series_tells_when_it_was_heard_of_last_without_a_write_in_every_slot() -> None:
    process("web-1", "web", at=NOON, sample=WEIGHT)
    copy()
    ProcessRow.objects.update(beat_at=NOON + timedelta(minutes=2))
    copy(later=120)
    assert ProcessSeries.objects.get().last_at == AFTER + timedelta(minutes=2)


def test_the_system_is_described_by_its_figures() -> None:
    workloads.install()
    workloads.start("short", 2)
    pool = {"in_use": 3, "size": 10, "overflow": 0, "waits": 0}
    process("web-1", "web", at=NOON, sample={**WEIGHT, "pool": pool, "connections": 4})
    process("worker-1", seat=1, at=NOON, sample={**WEIGHT, "connections": 2})
    copy()
    figures = SystemSample.objects.get().figures
    assert figures["status_ready"] == 2
    assert "status_running" not in figures, "most statuses are empty: their zeros would be kept for 90 days"
    assert (figures["rss"], figures["pss"], figures["processes"], figures["workers"]) == (60 * MB, 40 * MB, 2, 1)
    assert (figures["pool_in_use"], figures["pool_size"]) == (3, 10)
    assert (figures["alerts_open"], figures["requests_pending"]) == (0, 0)
    if connection.vendor == "mysql":
        assert 0 < figures["connections"] <= figures["connection_limit"]
    else:
        assert figures["connections"] == 6
    assert "latency_p50" not in figures, "nothing was started: unknown is not zero"


def test_what_ended_since_the_last_look_is_counted_once() -> None:
    service, minute = History(), NOON_S // 60
    EndedCounter.objects.create(minute=minute, status="finished", slot=1, count=5)
    copy(service)
    EndedCounter.objects.update(count=8)
    EndedCounter.objects.create(minute=minute, status="unrecoverable", slot=2, count=1)
    copy(service, later=5)
    EndedCounter.objects.create(minute=minute + 1, status="cancelled", slot=0, count=2)
    copy(service, later=65)
    copy(service, later=70)
    told = [
        tuple(figures.get(name) for name in ("finished", "failed", "cancelled"))
        for figures in SystemSample.objects.order_by("at_s").values_list("figures", flat=True)
    ]
    assert told == [(None, None, None), (3, 1, 0), (0, 0, 2), (0, 0, 0)]


def test_latency_is_that_of_the_runs_of_the_last_minute() -> None:
    workloads.install()
    for record in workloads.start("short", 3):
        type(record).objects.filter(pk=record.pk).update(
            created_at=NOON, first_block_at=NOON + timedelta(milliseconds=40)
        )
    copy()
    assert SystemSample.objects.get().figures["latency_p95"] == 40


def test_it_costs_the_same_whatever_the_system_holds() -> None:
    service = History()

    def statements(second: int) -> int:
        ProcessRow.objects.update(beat_at=NOON + timedelta(seconds=second))
        with CaptureQueriesContext(connection) as captured:
            copy(service, later=second)
        return len(captured)

    process("worker-1", seat=1, at=NOON, sample=WEIGHT)
    statements(0)
    alone = statements(5)
    for seat in range(2, 30):
        process(f"worker-{seat}", seat=seat, at=NOON, sample=WEIGHT)
    statements(10)
    assert statements(15) == alone <= 16


def test_the_pause_ends_just_after_the_slot() -> None:
    assert history.AFTER_S < History().pause_s() <= history.SLOT_S + history.AFTER_S
