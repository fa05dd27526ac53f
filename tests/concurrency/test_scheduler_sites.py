"""Runs of two clusters compete for a few locations: one holder each at any time, and every run ends (R2 in small)."""

from __future__ import annotations

import threading

import pytest

from scheduler import executor, queue
from scheduler.models import JournalEntry, TaskRecord, Wait
from scheduler.states import ACTIVE, Status
from storage.models import LocationEvent, StorageLocation, StorageRequest
from tests.concurrency.storage_threads import holders_over_time, side_by_side
from tests.db.scheduler.making import assign, block, definition, process, record
from tests.db.storage.warehouse import build
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

RUNS, SITES = 60, 6


def worker(number: int, stop: threading.Event) -> int:
    """A worker of one of two clusters, until nothing is left to do."""
    mine = process(f"w{number}", f"boot-{number % 2}")
    slices = 0
    while not stop.is_set():
        queue.promote()
        claimed = queue.claim(mine.boot_id, ["default"], 2)
        for pk in claimed:
            executor.execute(pk, mine, boot_id=mine.boot_id)
            slices += 1
        if not claimed:
            wait_until(_nothing_or_ready, 30, _standing, interval=0.005)
            if not TaskRecord.objects.filter(status__in=ACTIVE).exists():
                stop.set()
    return slices


def _nothing_or_ready() -> bool:
    active = set(TaskRecord.objects.filter(status__in=ACTIVE).values_list("status", flat=True))
    return not active or Status.READY in active


def _standing() -> str:
    runs = TaskRecord.objects.filter(status__in=ACTIVE).values_list("record_id", "status", "wake_seq")
    wanted = StorageRequest.objects.filter(state__in=("pending", "granted"))
    held = StorageLocation.objects.values_list("site_id", "locked_by", "match_wanted_at")
    return f"runs {[*runs]}, requests {[*wanted.values_list('key', 'state', 'match_wanted_at')]}, locations {[*held]}"


def test_runs_of_two_clusters_share_few_locations_and_all_finish() -> None:
    build(*[f"B-{number:02}" for number in range(SITES)])
    search = block("GetIdleSiteBp", name="find", groupName="B", lock="true", retryPeriod="1000")
    free = block("SetSiteUnlockedBp", siteId="=blocks.find.siteId")
    # A slice ends between taking and freeing, so that locations stay taken while others search.
    task = definition(search, assign("mine", "=blocks.find.siteId"), block("DelayBp", timeMillis="5"), free)
    for _ in range(RUNS):
        record(task)
    stop = threading.Event()

    slices = side_by_side(*[lambda number=number: worker(number, stop) for number in range(4)])  # type: ignore[misc]

    assert sum(slices) >= 2 * RUNS
    assert set(TaskRecord.objects.values_list("status", flat=True)) == {Status.FINISHED}
    assert JournalEntry.objects.count() == RUNS
    entries = LocationEvent.objects.order_by("id").values_list("site_id", "action", "before", "after")
    assert not any(holders_over_time(list(entries)).values())
    assert not StorageLocation.objects.exclude(locked_by="").exists()
    assert not StorageRequest.objects.filter(state__in=("pending", "granted")).exists()
    assert not Wait.objects.exists()
