"""A definition that starts by itself, on a real cluster: in time, one at a time, and not more after a break."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from scheduler import clock
from scheduler.definitions import switching
from scheduler.definitions.importing import import_file
from scheduler.models import TaskDefinition, TaskRecord
from scheduler.states import ENDED, Status
from tests.support.clusters import Cluster
from tests.support.installation import own_database
from tests.support.tasks import block, detail, task_file
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.db]

PERIOD_MS = 500
#: Longer than three periods.
LONG_MS = 1800


@pytest.fixture
def quick(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[TaskDefinition]:
    """Two definitions in a database of their own; the one that is given ends at once."""
    with django_db_blocker.unblock(), own_database("periodic"):
        short, long = detail(block(1, "PrintBp", message="tick")), detail(block(1, "DelayBp", timeMillis=str(LONG_MS)))
        data = task_file(**{"quick tick": short, "long tick": long})
        import_file("ticks.task", data, actor="tests", origin="command")
        yield TaskDefinition.objects.get(label="quick tick")


def switch(row: TaskDefinition, *, on: bool) -> None:
    switching.set_periodic(row.pk, on=on, period_ms=PERIOD_MS, delay_ms=0, actor="tests", origin="command")


def starts(row: TaskDefinition) -> list[datetime]:
    return list(TaskRecord.objects.filter(definition=row).order_by("pk").values_list("created_at", flat=True))


def test_it_starts_every_period_and_a_break_is_neither_doubled_nor_caught_up(
    quick: TaskDefinition, tmp_path: Path
) -> None:
    switch(quick, on=True)
    with Cluster(tmp_path / "first.log") as cluster:
        wait_until(lambda: len(starts(quick)) >= 8, 20, lambda: f"eight starts; it said: {cluster.said()}")
    stopped = clock.now()
    before = starts(quick)
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(before)]
    assert min(gaps[1:]) > PERIOD_MS / 1000 * 0.2, "never two at once"
    assert sorted(gaps)[len(gaps) // 2] == pytest.approx(PERIOD_MS / 1000, abs=0.2)

    # The break is what is tested: several periods pass without a cluster.
    wait_until(lambda: clock.now() - stopped > timedelta(milliseconds=6 * PERIOD_MS), 10, "six periods without it")
    assert starts(quick) == before

    began = clock.now()
    with Cluster(tmp_path / "second.log") as cluster:
        wait_until(lambda: len(starts(quick)) > len(before) + 3, 20, lambda: f"starts again; it said: {cluster.said()}")
        switch(quick, on=False)
    after = [at for at in starts(quick) if at > began]
    passed = (after[-1] - after[0]).total_seconds() * 1000 / PERIOD_MS
    assert len(after) <= passed + 2, "what was missed is not caught up"

    quick.refresh_from_db()
    records = TaskRecord.objects.filter(definition=quick)
    assert quick.periodic_starts == records.count() == len(set(records.values_list("record_id", flat=True)))
    assert all(name.startswith("period-") for name in records.values_list("record_id", flat=True))
    assert set(records.values_list("periodic", "created_by")) == {(True, "periodic")}


def test_starts_that_would_overlap_are_skipped_and_counted(quick: TaskDefinition, tmp_path: Path) -> None:
    long = TaskDefinition.objects.get(label="long tick")
    switch(long, on=True)
    with Cluster(tmp_path / "cluster.log") as cluster:
        wait_until(lambda: len(starts(long)) >= 3, 30, lambda: f"three starts; it said: {cluster.said()}")
        switch(long, on=False)
        runs = TaskRecord.objects.filter(definition=long)
        wait_until(lambda: not runs.exclude(status__in=ENDED).exists(), 15, "the last run ending")

    long.refresh_from_db()
    spans = list(runs.order_by("pk").values_list("created_at", "ended_at", "status"))
    assert {status for *_, status in spans} == {Status.FINISHED}
    assert all(later[0] >= earlier[1] for earlier, later in pairwise(spans)), "one at a time"
    assert long.periodic_skipped >= 2 * (len(spans) - 1)
    assert long.periodic_starts == len(spans)


def test_two_clusters_start_each_one_once(quick: TaskDefinition, tmp_path: Path) -> None:
    switch(quick, on=True)
    with Cluster(tmp_path / "one.log", workers=1), Cluster(tmp_path / "two.log", workers=1) as two:
        wait_until(lambda: len(starts(quick)) >= 8, 20, lambda: f"eight starts; it said: {two.said()}")
        switch(quick, on=False)
    found = starts(quick)
    passed = (found[-1] - found[0]).total_seconds() * 1000 / PERIOD_MS
    assert len(found) <= passed + 2
    quick.refresh_from_db()
    assert quick.periodic_starts == len(found)
