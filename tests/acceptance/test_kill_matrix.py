"""SIGKILL and SIGSTOP of every process of a cluster, with runs in flight: nothing is lost or ended twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError
from django.db.models import F
from pytest_django import DjangoDbBlocker

from scheduler.models import BlockRecord, JournalEntry, ProcessRow, TaskRecord
from scheduler.q2.patience import brief_connection
from scheduler.states import Status
from storage.models import LocationEvent
from tests.db.storage import warehouse
from tests.support import workloads
from tests.support.clusters import Cluster, freeze, kill, thaw
from tests.support.installation import own_database
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.db, pytest.mark.slow]

#: Consuming again after the death of a worker, and of anything else (seconds).
AFTER_WORKER_S, AFTER_OTHER_S = 10.0, 30.0
#: A statement that a frozen process had sent has reached the server within this (seconds).
SETTLED_S = 0.5
#: For the runs to end, on a machine that does other things too.
ALL_ENDED_S = 60.0

Start = Callable[..., Cluster]


@pytest.fixture(scope="module")
def installation(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), own_database("kill"):
        workloads.install()
        warehouse.build(workloads.SITE)
        yield


@pytest.fixture
def cluster(installation: None, tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path / "cluster.log") as started:
        yield started


def in_flight() -> list[TaskRecord]:
    """A mixture of runs: some walk, some wait, some are queued. Those that walk first, and started last."""
    others = [*workloads.start("delay", 3), *workloads.start("sites", 1)]
    return [*workloads.start("work", 2), *others]


def worker_of(record: TaskRecord) -> ProcessRow:
    """The worker that interprets the run, as soon as one does."""
    name = wait_until(lambda: workloads.running_on(record), 15, f"{record.record_id} running")
    return ProcessRow.objects.get(name=name)


def test_killing_idle_workers_delays_the_next_run_by_no_more_than_their_replacement(cluster: Cluster) -> None:
    for victims in (1, cluster.workers):
        for pid in cluster.worker_pids()[:victims]:
            kill(pid)
        (record,) = workloads.start("short")
        workloads.wait_finished([record], AFTER_WORKER_S, "after the death of an idle worker")
        assert workloads.recoveries_of([record]) == 0
        workloads.assert_ended_once([record])
        cluster.wait_complete()
    causes = set(ProcessRow.objects.filter(role="worker", ended_at__isnull=False).values_list("cause", flat=True))
    assert causes == {"killed by SIGKILL"}
    assert "replacing" not in cluster.said()


def test_a_run_in_pure_work_goes_on_when_its_worker_is_killed(cluster: Cluster) -> None:
    (record,) = workloads.start("work")
    kill(worker_of(record).pid)
    wait_until(
        lambda: TaskRecord.objects.filter(pk=record.pk, recoveries=1).exists(), AFTER_WORKER_S, "the run being rescued"
    )
    workloads.wait_finished([record], ALL_ENDED_S)
    workloads.assert_ended_once([record])
    ended = TaskRecord.objects.get(pk=record.pk)
    assert f'"rounds":{workloads.WORK_ROUNDS}' in ended.variables.replace(" ", "")
    assert JournalEntry.objects.filter(record=record, from_status=Status.RUNNING, to_status=Status.READY).count() == 1


def test_storage_effects_happen_exactly_once_when_the_worker_is_killed_between_them(cluster: Cluster) -> None:
    newest = LocationEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    done = LocationEvent.objects.filter(site_id=workloads.SITE, id__gt=newest)
    (record,) = workloads.start("sites")
    for at_least in (10, 60, 120):
        wait_until(lambda at_least=at_least: done.count() >= at_least, 20, f"{at_least} changes of the location")
        kill(worker_of(record).pid)
    workloads.wait_finished([record], ALL_ENDED_S)
    workloads.assert_ended_once([record])
    actions = list(done.order_by("id").values_list("action", flat=True))
    assert actions == ["locked", "filled", "emptied", "unlocked"] * workloads.SITE_ROUNDS
    assert workloads.recoveries_of([record]) == 3


def test_two_thousand_runs_pass_while_workers_are_recycled_and_the_monitor_is_killed(
    installation: None, tmp_path: Path
) -> None:
    with Cluster(tmp_path / "cluster.log", recycle=100) as cluster:
        before = cluster.worker_pids()
        kill(cluster.pid("monitor"))
        records = workloads.start("short", 2000)
        workloads.wait_finished(records, 90, "with the monitor killed")
        cluster.wait_complete()
        assert not set(before) & cluster.processes(), "a worker hangs in its exit"
        assert workloads.recoveries_of(records) == 0
        workloads.assert_ended_once(records)
        assert "replacing" not in cluster.said()


@pytest.mark.parametrize("victim", ["sentinel", "pusher", "io"])
def test_the_cluster_consumes_again_when_a_process_of_its_own_is_killed(cluster: Cluster, victim: str) -> None:
    records = in_flight()
    worker_of(records[0])
    kill(cluster.pid(victim))
    (probe,) = workloads.start("short")
    workloads.wait_finished([probe], AFTER_OTHER_S, f"after the death of the {victim}")
    cluster.wait_complete()
    workloads.wait_finished(records, ALL_ENDED_S)
    assert workloads.recoveries_of([probe, *records]) == 0
    workloads.assert_ended_once([probe, *records])


def test_nothing_outlives_the_main_process_and_the_next_cluster_finishes_the_work(
    installation: None, tmp_path: Path
) -> None:
    with Cluster(tmp_path / "cluster.log") as cluster:
        records = in_flight()
        worker_of(records[0])
        assert cluster.process is not None
        cluster.process.kill()
        cluster.process.wait()
        wait_until(lambda: not cluster.processes(), 5, lambda: f"the orphans ending: {cluster.processes()}")
        (probe,) = workloads.start("short")
        cluster.start()
        workloads.wait_finished([probe], AFTER_OTHER_S, "after the main process was started again")
        workloads.wait_finished(records, ALL_ENDED_S)
        workloads.assert_ended_once([probe, *records])
        assert cluster.census() == cluster.complete


def test_a_worker_that_slept_past_its_lease_changes_nothing_when_it_wakes(cluster: Cluster) -> None:
    record, old = asleep_at_work()
    try:
        workloads.wait_finished([record], ALL_ENDED_S, "by the other worker")
        assert workloads.recoveries_of([record]) == 1
        before = _picture(record)
        assert old.pid in cluster.processes(), f"the sleeper was killed: {cluster.said()}"
    finally:
        thaw(old.pid)
    beat = ProcessRow.objects.get(pk=old.pk).beat_at
    wait_until(lambda: ProcessRow.objects.filter(pk=old.pk, beat_at__gt=beat).exists(), 15, "the old worker moving")
    probes = workloads.start("short", 40)
    workloads.wait_finished(probes, ALL_ENDED_S)
    assert _picture(record) == before
    workloads.assert_ended_once([record, *probes])


@pytest.mark.parametrize("victim", ["sentinel", "pusher"])
def test_a_frozen_process_is_noticed_and_the_cluster_replaced(cluster: Cluster, victim: str) -> None:
    boot = cluster.rows("sentinel")[0].boot_id
    frozen = cluster.pid(victim)
    freeze(frozen)
    records = in_flight()
    wait_until(
        lambda: [row.boot_id for row in cluster.rows("sentinel")] not in ([], [boot]),
        AFTER_OTHER_S,
        lambda: f"the cluster being replaced: {cluster.said()}",
    )
    workloads.wait_finished(records, ALL_ENDED_S, f"with a frozen {victim}")
    cluster.wait_complete()
    assert frozen not in cluster.processes()
    assert workloads.recoveries_of(records) == 0
    workloads.assert_ended_once(records)


def test_a_frozen_idle_worker_does_not_keep_what_was_meant_for_it(installation: None, tmp_path: Path) -> None:
    with Cluster(tmp_path / "cluster.log", workers=1) as cluster:
        (frozen,) = cluster.worker_pids()
        freeze(frozen)
        records = workloads.start("short", 3)
        workloads.wait_finished(records, AFTER_OTHER_S, f"with the only worker frozen: {cluster.said()}")
        cluster.wait_complete()
        assert frozen not in cluster.processes()
        assert workloads.recoveries_of(records) == 0
        workloads.assert_ended_once(records)


def test_a_worker_frozen_inside_a_transaction_does_not_hold_up_the_others(cluster: Cluster) -> None:
    records = workloads.start("sites", 1)
    frozen = worker_of(records[0]).pid
    for _ in range(500):
        freeze(frozen)
        if not is_free(records[0]):
            break
        thaw(frozen)
        wait_until(lambda: workloads.running_on(records[0]), 10, "the run going on")
    else:
        pytest.fail("the worker was never met inside a transaction")
    records += workloads.start("short", 5)
    workloads.wait_finished(records, ALL_ENDED_S, "although a stopped process held a lock")
    assert frozen not in cluster.processes()
    assert "seems to hold a lock" in cluster.said()
    workloads.assert_ended_once(records)


def is_free(record: TaskRecord) -> bool:
    """Whether the run's row can be written: nobody sits in a transaction with it."""
    try:
        with brief_connection():
            TaskRecord.objects.filter(pk=record.pk).update(priority=F("priority"))
    except OperationalError:
        return False
    return True


def asleep_at_work() -> tuple[TaskRecord, ProcessRow]:
    """A run whose worker was stopped while it had it, between two transactions."""
    for _ in range(10):
        (record,) = workloads.start("work")
        worker = worker_of(record)
        if frozen_outside_transaction(worker, record):
            return record, worker
        workloads.wait_finished([record], ALL_ENDED_S)
    raise AssertionError("no worker could be stopped between two transactions of its run")


def frozen_outside_transaction(worker: ProcessRow, record: TaskRecord) -> bool:
    """SIGSTOP between two transactions: inside one, the process would be killed for the lock it holds.

    What it had sent just before may reach the server after our first look: the row has to stay free for a while. One
    that was met inside gets the time to leave, or the next try would find it where it was. False, and awake, when the
    run has left the worker.
    """
    while workloads.running_on(record) == worker.name:
        freeze(worker.pid)
        settled = time.monotonic() + SETTLED_S
        while free := is_free(record):
            if time.monotonic() > settled:
                break
        if free and workloads.running_on(record) == worker.name:
            return True
        thaw(worker.pid)
        wait_until(lambda: is_free(record), 10, "the worker leaving its transaction")
    return False


def _picture(record: TaskRecord) -> tuple[object, ...]:
    """Everything a late writer could change."""
    row = (
        TaskRecord.objects.filter(pk=record.pk).values_list("status", "token", "ended_at", "variables", "slices").get()
    )
    blocks = list(BlockRecord.objects.filter(record=record).order_by("seq").values_list("seq", "name", "code"))
    journal = list(JournalEntry.objects.filter(record=record).order_by("id").values_list("to_status", "at"))
    return row, blocks, journal
