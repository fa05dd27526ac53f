"""Roll-up and retention: coarse slots are made once, when they are over; every table stays within its bounds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler import conf
from scheduler.conf import Values
from tests.db.monitoring.making import MB, NOON, NOON_S, samples, series, system
from vwed.models import ProcessSample, ProcessSeries, SystemSample
from vwed.monitoring import rollup
from vwed.monitoring.rollup import Retention, roll_up

pytestmark = pytest.mark.django_db

DAY = 86_400


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_minute_is_made_of_its_samples_when_it_is_over() -> None:
    web = series("web")
    samples(web, [NOON_S], size=10 * MB, cpu_percent=1.0, fds=10, pid=1)
    samples(web, [NOON_S + 55], size=30 * MB, cpu_percent=2.0, fds=13, pid=2)
    assert roll_up(at(60)).minutes == 0, "a late writer may still come"
    assert roll_up(at(60 + rollup.AFTER_S)).minutes == 1
    made = ProcessSample.objects.get(resolution=60)
    assert (made.at_s, made.pid, made.pss, made.least, made.most) == (NOON_S, 2, 20 * MB, 10 * MB, 30 * MB)
    assert (made.cpu_percent, made.fds, made.vms) == (1.5, 12, None)


def test_the_systems_figures_keep_their_extremes_and_one_number_where_nothing_changed() -> None:
    system([NOON_S], queue_age_ms=100, status_ready=3)
    system([NOON_S + 5], queue_age_ms=500, status_ready=3, latency_p50=7)
    roll_up(at(80))
    assert SystemSample.objects.get(resolution=60).figures == {
        "queue_age_ms": [300, 100, 500],
        "status_ready": 3,
        "latency_p50": 7,
    }
    system(range(NOON_S + 60, NOON_S + 3600, 60), resolution=60, queue_age_ms=[300, 50, 900])
    roll_up(at(3620))
    assert SystemSample.objects.get(resolution=3600).figures["queue_age_ms"] == [300, 50, 900]


def test_a_status_that_is_left_out_was_empty_and_counts_in_the_mean() -> None:
    system([NOON_S], status_running=4, queue_age_ms=8)
    system([NOON_S + 5])
    roll_up(at(80))
    figures = SystemSample.objects.get(resolution=60).figures
    assert figures["status_running"] == [2, 0, 4]
    assert figures["queue_age_ms"] == 8, "what is not known of a slot does not count"


def test_it_is_made_once_and_an_hour_of_its_minutes() -> None:
    web = series("web")
    for minute in range(60):
        samples(web, [NOON_S + 60 * minute], size=(minute + 1) * MB)
    late = at(3600 + rollup.AFTER_S)
    assert (first := roll_up(late)).minutes == 60
    assert first.hours == 0, "a full share of minutes: there may be more"
    assert roll_up(late).hours == 1
    assert roll_up(late) == rollup.Rolled(0, 0)
    hour = ProcessSample.objects.get(resolution=3600)
    assert (hour.pss, hour.least, hour.most) == (30.5 * MB, MB, 60 * MB)


def test_after_a_pause_it_catches_up_in_bounded_steps_and_skips_what_was_never_sampled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rollup, "SLOTS_AT_ONCE", 4)
    samples(series("web"), [NOON_S + 60 * minute for minute in (0, 1, 2, 3, 500, 501)])
    later = at(600 * 60)
    assert [roll_up(later).minutes for _ in range(3)] == [4, 2, 0]
    assert ProcessSample.objects.filter(resolution=60).count() == 6


def test_whoever_comes_second_changes_nothing() -> None:
    web = series("web")
    samples(web, [NOON_S], size=10 * MB)
    samples(web, [NOON_S], resolution=60, size=99 * MB)
    finer = list(ProcessSample.objects.filter(resolution=5))
    ProcessSample.objects.bulk_create(rollup._processes(60, NOON_S, finer), ignore_conflicts=True)
    assert ProcessSample.objects.get(resolution=60).pss == 99 * MB


def test_it_costs_little_when_there_is_nothing_to_do() -> None:
    samples(series("web"), [NOON_S])
    system([NOON_S], status_ready=1)
    roll_up(at(3700))
    with CaptureQueriesContext(connection) as captured:
        roll_up(at(3700))
    assert len(captured) == 8


# --- Bounds ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_batches() -> Iterator[None]:
    conf.use(lambda: Values(prune_batch=10))
    yield
    conf.use(None)


def kept(resolution: int) -> list[int]:
    rows = ProcessSample.objects.filter(resolution=resolution).order_by("at_s")
    return [at_s - NOON_S for at_s in rows.values_list("at_s", flat=True)]


def test_each_resolution_has_its_time(small_batches: None) -> None:
    web = series("web")
    for resolution, days in ((5, 1), (60, 10), (3600, 90)):
        samples(
            web,
            range(NOON_S - days * DAY - 15 * resolution, NOON_S - days * DAY + 1, resolution),
            resolution=resolution,
        )
        system([NOON_S - days * DAY - 1, NOON_S], resolution=resolution)
    gone = Retention().run_once(NOON)
    assert [kept(resolution) for resolution in (5, 60, 3600)] == [[-DAY], [-10 * DAY], [-90 * DAY]]
    assert SystemSample.objects.count() == 3
    assert gone["process_samples"] == 45


def test_too_many_rows_lose_the_oldest_of_each_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    conf.use(lambda: Values(prune_batch=7, sample_rows=100))
    web = series("web")
    samples(web, range(NOON_S - 500, NOON_S, 5), resolution=5)
    samples(web, range(NOON_S - 600, NOON_S, 60), resolution=60)
    Retention().run_once(NOON)
    assert kept(5) == list(range(-51 * 5, 0, 5))
    assert len(kept(60)) == 10, "minutes are within their share"


def test_one_run_deletes_a_bounded_number(small_batches: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup, "BATCHES_AT_ONCE", 2)
    samples(series("web"), range(NOON_S - 2 * DAY, NOON_S - 2 * DAY + 500, 5))
    service = Retention()
    assert [service.run_once(NOON)["process_samples"] for _ in range(6)] == [20, 20, 20, 20, 20, 0]


def test_lines_that_nobody_has_heard_of_go_and_there_is_a_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup, "SERIES_KEPT", 2)
    for number, days in enumerate((1, 2, 3, 91)):
        series(f"worker {number + 1}", at=NOON - timedelta(days=days))
    Retention().run_once(NOON)
    assert set(ProcessSeries.objects.values_list("name", flat=True)) == {"worker 1", "worker 2"}


def test_rows_are_counted_seldom() -> None:
    service = Retention()
    with CaptureQueriesContext(connection) as first:
        service.run_once(NOON)
    with CaptureQueriesContext(connection) as second:
        service.run_once(NOON)
    assert (len(first), len(second)) == (9, 8)
