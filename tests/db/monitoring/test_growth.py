"""Verdicts from rows: generations of workers, series, the sum, and their sentences in both languages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from scheduler import clock
from scheduler.models import ProcessRow
from vwed.models import Growth, ProcessSample, ProcessSeries
from vwed.models.monitoring import Resolution
from vwed.monitoring.growth import DAY_S, MB, RUNS, SYSTEM, LeakWatch
from vwed.monitoring.ledger import read_ledger
from vwed.monitoring.verdicts import sentence

pytestmark = pytest.mark.django_db


def generation(
    number: int, *, runs: int, per_run: float, boot: str = "b", blame: Any = (), alive: bool = False
) -> None:
    """A worker's row with the points of its life."""
    now = clock.now()
    heap = {
        "points": [[n, 400_000 + int(per_run * n), int(now.timestamp())] for n in range(50, runs + 1, 50)],
        "growers": [["bytes", runs, runs * 1057]] if blame else [],
        "blame": blame,
        "definitions": [["inbound", runs, int(per_run * runs)]],
        "kinds": [["PrintBp", runs, int(per_run * runs)]],
    }
    ProcessRow.objects.create(
        name=f"worker-{boot}-{number}", role="worker", boot_id=boot, host="h", pid=100 + number, started_at=now,
        beat_at=now, ended_at=None if alive else now, sample={"heap": heap},
    )  # fmt: skip


def series(name: str, memory: Callable[[int], float], *, blocks: Callable[[int], int], role: str = "web") -> None:
    """Ten hours of minutes; ``memory`` in MB by the minute."""
    now = clock.now()
    line = ProcessSeries.objects.create(name=name, role=role, host="h", last_at=now)
    first = int(now.timestamp()) // 60 * 60 - 600 * 60
    ProcessSample.objects.bulk_create(
        ProcessSample(
            series=line, resolution=Resolution.MINUTE, at_s=first + 60 * n, pid=7, least=int(memory(n) * MB),
            blocks=blocks(n),
        )
        for n in range(600)
    )  # fmt: skip


def verdict(subject: str) -> Growth:
    return Growth.objects.get(subject=subject)


BLAME = [["PrintBp", 1000, "handlers/task.py:104"]]


def test_recycling_hides_no_leak() -> None:
    for number in range(6):
        generation(number, runs=500, per_run=1.0, blame=BLAME)
    LeakWatch().run_once()

    found = verdict(RUNS)
    assert found.verdict == "grows"
    assert found.low == pytest.approx(1000, abs=1)
    assert found.details["growers"][0][0] == "bytes"
    assert found.details["blame"][0][0] == "PrintBp"
    assert found.details["definitions"] == [["inbound", 3000, 3000]]
    assert "PrintBp" in sentence(found)


def test_workers_that_are_never_warm_are_not_accused_without_a_trace() -> None:
    for number in range(6):
        generation(number, runs=500, per_run=1.0)
    LeakWatch().run_once()

    assert verdict(RUNS).verdict == "flat"


def test_a_long_generation_needs_no_trace() -> None:
    generation(1, runs=4000, per_run=0.5)
    LeakWatch().run_once()

    assert verdict(RUNS).verdict == "grows"


def test_too_few_runs_are_a_warm_up() -> None:
    generation(1, runs=200, per_run=3.0, blame=BLAME)
    LeakWatch().run_once()

    found = verdict(RUNS)
    assert (found.verdict, found.needed) == ("warming", 500)
    assert sentence(found) == f"Warming up: {found.points} of 500 runs."


def test_the_cluster_that_lives_is_judged_not_the_one_before() -> None:
    generation(1, runs=4000, per_run=1.0, boot="old", blame=BLAME)
    generation(2, runs=4000, per_run=0.0, boot="new", alive=True)
    LeakWatch().run_once()

    assert verdict(RUNS).verdict == "flat"


def test_a_series_that_grows_says_since_when_and_until_when() -> None:
    series("web", lambda n: 60 + max(0, n - 300) * 0.05, blocks=lambda n: 1000 + max(0, n - 300))
    LeakWatch().run_once()

    for subject in ("web", SYSTEM):
        found = verdict(subject)
        assert found.verdict == "grows", sentence(found)
        assert found.low > 10 * MB
        assert found.since is not None
        assert timedelta(hours=3) < clock.now() - found.since < timedelta(hours=7)
        assert found.limit_days == pytest.approx((1000 - 75) * MB / (60 * 24 * 0.025 * MB), rel=1)


def test_freed_pages_that_stay_are_no_leak() -> None:
    series("web", lambda n: 60 + n * 0.05, blocks=lambda n: 1000 + n % 7)
    LeakWatch().run_once()

    found = verdict("web")
    assert found.verdict == "allocator"
    assert "MALLOC_ARENA_MAX" in sentence(found)


def test_noise_is_flat_and_a_replacement_is_no_fall() -> None:
    series("web", lambda n: 60 + (n * 7919 % 13) / 10, blocks=lambda n: 1000)
    ProcessSample.objects.filter(at_s__gte=int(clock.now().timestamp()) - 300 * 60).update(pid=8, least=90 * MB)
    LeakWatch().run_once()

    found = verdict("web")
    assert found.verdict == "flat"
    assert max(abs(found.low or 0), abs(found.high or 0)) * 1 < MB * DAY_S


def test_verdicts_of_series_that_are_gone_are_removed() -> None:
    Growth.objects.create(subject="gone", verdict="flat", at=clock.now())
    LeakWatch().run_once()

    assert not Growth.objects.filter(subject="gone").exists()


def test_the_ledger_sums_the_generations_in_one_query() -> None:
    for number in range(3):
        generation(number, runs=500, per_run=1.0)
    with CaptureQueriesContext(connection) as seen:
        view = read_ledger()
    assert len(seen) == 1

    assert [(row.name, row.runs, row.blocks) for row in view.definitions] == [("inbound", 1500, 1500)]
    assert view.kinds[0].per_1000 == 1000


@pytest.mark.parametrize("kind", ["warming", "flat", "grows", "allocator", "unknown"])
@pytest.mark.parametrize("subject", [RUNS, "web"])
def test_every_verdict_has_words_in_both_languages(kind: str, subject: str) -> None:
    row = Growth(subject=subject, verdict=kind, low=2e7, high=3e7, points=3, needed=8, since=clock.now(), limit_days=9)
    row.details = {"growers": [["dict", 12400, 1]], "blame": BLAME}
    with override("en"):
        english = sentence(row)
    with override("zh-hans"):
        chinese = sentence(row)

    assert english != chinese
    assert kind != "grows" or ("+12,400" in english and "PrintBp" in chinese)
