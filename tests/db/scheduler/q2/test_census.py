"""What the cluster main does about dead processes: rows closed with their cause, runs let go at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.context import ForkProcess
from time import sleep

import pytest

from scheduler import clock, queue, transitions
from scheduler.housekeeping import rows
from scheduler.models import JournalEntry, ProcessRow, TaskRecord
from scheduler.q2 import board as boards
from scheduler.q2 import watchdog as watchdogs
from scheduler.q2.census import Census, lapse
from scheduler.q2.generation import Generation
from scheduler.q2.watchdog import CATCH_UP_S, TURN_S, UNSTARTED_LIMIT_S, Options, Watchdog
from scheduler.states import Status
from tests.support import workloads

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def generation() -> Iterator[Generation]:
    made = Generation.begin(workers=2, queues=("default",))
    yield made
    made.end()


@pytest.fixture
def census(generation: Generation) -> Census:
    made = Census(("default",), lambda: {"replacements": 3})
    made.begin(generation)
    return made


@pytest.fixture
def child() -> Iterator[ForkProcess]:
    """A process that sleeps until it is killed."""
    made = multiprocessing.get_context("fork").Process(target=sleep, args=(60,))
    made.start()
    yield made
    made.kill()
    made.join()


def run_on(generation: Generation, worker: str) -> TaskRecord:
    """A run that ``worker`` interprets, with ten minutes of lease."""
    (record,) = workloads.start("short")
    queue.claim(generation.boot_id, ("default",), 1)
    lease = clock.now() + timedelta(minutes=10)
    assert transitions.start(
        record.pk, token=f"t{record.pk}", worker=worker, boot_id=generation.boot_id, lease_until=lease
    )
    return record


def hold_claim(generation: Generation, age_s: float) -> TaskRecord:
    """A run that was handed to the cluster some time ago and not started."""
    (record,) = workloads.start("short")
    queue.claim(generation.boot_id, ("default",), 1)
    TaskRecord.objects.filter(pk=record.pk).update(claimed_at=clock.now() - timedelta(seconds=age_s))
    return record


def status_of(record: TaskRecord) -> str:
    return TaskRecord.objects.values_list("status", flat=True).get(pk=record.pk)


def test_processes_that_fork_are_described_from_outside(
    census: Census, generation: Generation, child: ForkProcess
) -> None:
    assert child.pid is not None
    generation.board.seat(boards.MONITOR, child.pid)
    census.look()
    main, monitor = ProcessRow.objects.get(role="main"), ProcessRow.objects.get(role="monitor")
    assert (main.pid, main.parent_pid, main.sample["replacements"]) == (os.getpid(), os.getppid(), 3)
    assert (monitor.pid, monitor.boot_id) == (child.pid, generation.boot_id)
    assert monitor.sample["threads"] == 1
    assert monitor.sample["uss"] > 0


def test_the_run_of_a_dead_worker_is_rescued_long_before_its_lease_ends(
    census: Census, generation: Generation, child: ForkProcess
) -> None:
    workloads.install()
    rows.register("worker-x", "worker", generation.boot_id, pid=child.pid)
    record = run_on(generation, "worker-x")
    census.look()
    assert status_of(record) == Status.RUNNING
    os.kill(child.pid or 0, signal.SIGKILL)
    child.join()
    generation.board.died(child.pid or 0, child.exitcode or 0)
    census.look()
    assert status_of(record) == Status.READY
    assert workloads.recoveries_of([record]) == 1
    assert ProcessRow.objects.get(name="worker-x").cause == "killed by SIGKILL"
    assert JournalEntry.objects.filter(record=record, reason="worker worker-x died").count() == 1


def test_only_the_runs_of_that_worker_lose_their_lease(generation: Generation) -> None:
    workloads.install()
    dead, alive = run_on(generation, "worker-x"), run_on(generation, "worker-y")
    assert lapse("worker-x") == 1
    leases = dict(TaskRecord.objects.values_list("pk", "lease_until"))
    assert leases[dead.pk] < clock.now() < leases[alive.pk]


def test_the_end_of_a_cluster_gives_everything_back_and_counts_nothing(census: Census, generation: Generation) -> None:
    workloads.install()
    running, claimed = run_on(generation, "worker-x"), hold_claim(generation, 0)
    other = Generation.begin(workers=1, queues=("default",))
    theirs = hold_claim(other, 0)
    other.end()
    rows.register("worker-x", "worker", generation.boot_id)
    census.end("replaced: the pusher has not moved")
    assert [status_of(record) for record in (running, claimed, theirs)] == ["ready", "ready", "claimed"]
    assert workloads.recoveries_of([running, claimed]) == 0
    assert ProcessRow.objects.get(name="worker-x").cause == "replaced: the pusher has not moved"


# --- A claim that nobody starts: busy, lost, or frozen? --------------------------------------------------------------


@pytest.fixture
def watchdog(census: Census) -> Watchdog:
    workloads.install()
    made = Watchdog(Options(workers=2, queues=("default",), io=False))
    made._census = census
    made._moved_at = boards.time.monotonic()
    return made


def idle_for(generation: Generation, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the two workers has been waiting for a task for so long."""
    for number, age in ((0, seconds), (1, 0.0)):
        generation.board.seat(boards.FIRST_WORKER + number, os.getpid())
        with monkeypatch.context() as patch:
            now = boards.time.monotonic()
            patch.setattr(boards.time, "monotonic", lambda now=now, age=age: now - age)
            generation.board.idle(boards.FIRST_WORKER + number)


def test_a_busy_cluster_is_not_a_frozen_one(
    watchdog: Watchdog, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = hold_claim(generation, UNSTARTED_LIMIT_S + 5)
    generation.tasks.put("its package")
    idle_for(generation, UNSTARTED_LIMIT_S - 1, monkeypatch)
    assert watchdog._frozen_queue(generation) == ""
    watchdog._look_at_rows(generation)
    assert status_of(record) == Status.CLAIMED


def test_a_queue_that_moves_is_not_frozen_although_one_worker_sleeps(
    watchdog: Watchdog, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation.tasks.put("a package")
    idle_for(generation, UNSTARTED_LIMIT_S + 60, monkeypatch)
    generation.board.busy(boards.FIRST_WORKER + 1)  # the other one has just taken something
    assert watchdog._frozen_queue(generation) == ""


def test_a_message_that_nobody_takes_beside_an_idle_worker_means_a_frozen_queue(
    watchdog: Watchdog, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation.tasks.put("a package")
    idle_for(generation, UNSTARTED_LIMIT_S + 60, monkeypatch)
    watchdog._moved_at -= UNSTARTED_LIMIT_S + 1
    assert "although a worker has been idle" in watchdog._frozen_queue(generation)


def test_a_message_that_died_with_its_reader_is_given_back_without_a_replacement(
    watchdog: Watchdog, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = hold_claim(generation, UNSTARTED_LIMIT_S + 1)
    idle_for(generation, UNSTARTED_LIMIT_S + 1, monkeypatch)
    watchdog._moved_at -= UNSTARTED_LIMIT_S + 1
    assert watchdog._frozen_queue(generation) == ""
    watchdog._look_at_rows(generation)
    assert status_of(record) == Status.READY
    assert workloads.recoveries_of([record]) == 0


def test_it_is_given_back_too_when_the_others_are_never_idle_for_long(
    watchdog: Watchdog, generation: Generation
) -> None:
    old, young = hold_claim(generation, UNSTARTED_LIMIT_S + 1), hold_claim(generation, 0)
    watchdog._look_at_rows(generation)
    assert (status_of(old), status_of(young)) == (Status.READY, Status.CLAIMED)


def test_a_main_that_stood_still_itself_gives_the_others_time_to_beat(
    watchdog: Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, asked = [100.0], []

    def wait(timeout: float) -> bool:
        asked.append(timeout)
        now[0] += 30.0  # and again: it is starved, and judges all the same
        return False

    monkeypatch.setattr(watchdog._quit, "wait", wait)
    monkeypatch.setattr(watchdogs.time, "monotonic", lambda: now[0])
    assert watchdog._pause() is False
    assert asked == [TURN_S, CATCH_UP_S]
