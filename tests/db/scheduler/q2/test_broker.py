"""The broker claims what there is room for, never raises, and leaves other django-q2 tasks as they were."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from scheduler import conf, doorbell, queue
from scheduler.flags import Flag
from scheduler.models import TaskRecord
from scheduler.process import new_boot_id
from scheduler.q2 import package
from scheduler.q2.broker import POLL_S, RecordBroker
from scheduler.q2.channel import Channel
from scheduler.states import Status
from scheduler.submission import submit
from tests.support import workloads

pytestmark = pytest.mark.django_db(transaction=True)


class Pusher:
    """A broker that serves, with what the cluster gives it."""

    def __init__(self, queues: tuple[str, ...] = ("default",), workers: int = 2) -> None:
        self.boot_id = new_boot_id()
        self.tasks, self.drain, self.beats = Channel(), Flag(), 0
        self.broker = RecordBroker()
        self.broker.serve(self.boot_id, queues, workers, self.tasks, self.drain, self._beat)

    def _beat(self) -> None:
        self.beats += 1

    def turn(self) -> list[int]:
        """One turn of the pusher's loop: dequeue, and put what came; the records' keys."""
        keys = []
        for ack_id, signed in self.broker.dequeue():
            task = SignedPackage.loads(signed)
            assert package.is_ours(ack_id)
            self.tasks.put(task)
            keys.append(task["args"][0])
        return keys

    def close(self) -> None:
        self.broker.close()
        self.tasks.destroy()
        self.drain.close()


@pytest.fixture
def pusher() -> Iterator[Pusher]:
    made = Pusher()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def definitions() -> None:
    workloads.install()


def claimed() -> int:
    return TaskRecord.objects.filter(status=Status.CLAIMED).count()


def test_a_claimed_run_becomes_a_package_for_the_entry_function(pusher: Pusher) -> None:
    (record,) = workloads.start("short")
    ((ack_id, signed),) = pusher.broker.dequeue()
    task = SignedPackage.loads(signed)
    assert task["func"] == "scheduler.worker.run_claimed"
    assert task["args"] == (record.pk, pusher.boot_id)
    assert (task["save"], task["ack_failure"]) == (False, True)
    assert ack_id == package.ack_id_of(record.pk)
    row = TaskRecord.objects.get(pk=record.pk)
    assert (row.status, row.boot_id) == (Status.CLAIMED, pusher.boot_id)


def test_no_more_than_four_per_worker_are_claimed_and_not_started(pusher: Pusher) -> None:
    workloads.start("short", 30)
    limit = conf.values().claims_per_worker * 2
    assert len(pusher.turn()) == limit == 8
    assert pusher.turn() == []
    for _ in range(3):
        pusher.tasks.get()
    assert pusher.turn() == [], "a claim must be worth its statement"
    pusher.tasks.get()
    assert len(pusher.turn()) == 4
    assert claimed() == 12  # eight of them wait in the channel, four have been taken


def test_a_new_pusher_counts_what_its_predecessor_left_in_the_channel(pusher: Pusher) -> None:
    workloads.start("short", 30)
    assert len(pusher.turn()) == 8
    successor = RecordBroker()
    pusher.tasks.assume_unread(0)  # a fork of the sentinel knows nothing of it
    successor.serve(pusher.boot_id, ("default",), 2, pusher.tasks, pusher.drain, lambda: None)
    assert successor.dequeue() == []
    assert claimed() == 8
    successor.close()


def test_the_preferred_queue_comes_first_and_the_next_fills_up() -> None:
    made = Pusher(queues=("fast", "default"))
    slow = workloads.start("short", 6)
    fast = [submit(label="short", queue="fast", actor="t", origin="command").record for _ in range(5)]
    other = submit(label="short", queue="elsewhere", actor="t", origin="command").record
    assert made.turn() == [record.pk for record in [*fast, *slow[:3]]]
    assert TaskRecord.objects.get(pk=other.pk).status == Status.READY
    made.close()


def test_an_empty_queue_is_waited_for_no_longer_than_the_poll(pusher: Pusher) -> None:
    pusher.broker.dequeue()
    began = time.monotonic()
    assert pusher.broker.dequeue() == []
    assert 0.5 * POLL_S < time.monotonic() - began < POLL_S + 0.4
    assert pusher.beats >= 4


def test_a_ring_ends_the_wait_at_once(pusher: Pusher) -> None:
    pusher.broker.dequeue()  # makes its listener
    workloads.start("short")  # rings after its commit
    began = time.monotonic()
    assert len(pusher.turn()) == 1
    assert time.monotonic() - began < POLL_S / 2


def test_a_draining_cluster_claims_nothing(pusher: Pusher) -> None:
    workloads.start("short")
    pusher.drain.set()
    assert pusher.turn() == []
    assert claimed() == 0


def test_a_database_error_is_survived_with_a_new_connection(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    workloads.start("short")
    with monkeypatch.context() as patch:

        def gone(*_: object) -> bool:
            raise OperationalError(2006, "Server has gone away")

        patch.setattr(queue, "look", gone)
        before = connection.connection
        assert pusher.broker.dequeue() == []
        assert "cannot reach the queue" in caplog.text
    assert len(pusher.turn()) == 1
    assert connection.connection is not before


def test_other_tasks_are_handed_over_beside_runs_and_acknowledged_by_their_row(pusher: Pusher) -> None:
    async_task("math.factorial", 3)
    ((ack_id, signed),) = pusher.broker.dequeue()
    assert SignedPackage.loads(signed)["func"] == "math.factorial"
    assert not package.is_ours(ack_id)
    assert pusher.broker.dequeue() == [], "locked while somebody works on it"
    pusher.broker.acknowledge(package.ack_id_of(ack_id))
    assert OrmQ.objects.filter(pk=ack_id).exists(), "a run's acknowledgement is no business of that table"
    pusher.broker.acknowledge(ack_id)
    assert not OrmQ.objects.exists()


def test_an_unreadable_package_of_others_is_dropped_and_a_run_of_ours_keeps_its_claim(pusher: Pusher) -> None:
    (record,) = workloads.start("short")
    pusher.turn()
    pusher.broker.fail(package.ack_id_of(record.pk))
    assert TaskRecord.objects.get(pk=record.pk).status == Status.CLAIMED
    key = pusher.broker.enqueue("no package")
    pusher.broker.fail(key)
    assert not OrmQ.objects.exists()


def test_results_of_runs_are_known_and_those_of_others_are_not() -> None:
    assert package.is_our_result({"ack_id": package.ack_id_of(1), "success": False})
    assert not package.is_our_result({"ack_id": 1})
    assert not package.is_our_result("STOP")


def test_one_look_tells_what_is_ready_in_the_queues_and_what_has_become_due() -> None:
    nothing, ready, due = (False, False), (True, False), (False, True)
    assert queue.look(("default",)) == nothing
    (record,) = workloads.start("short")
    assert queue.look(("other", "default")) == ready
    assert queue.look(("other",)) == nothing
    queue.claim(new_boot_id(), ("default",), 1)
    assert queue.look(("default",)) == nothing
    TaskRecord.objects.filter(pk=record.pk).update(status=Status.WAITING, due_at="2020-01-01T00:00:00Z")
    assert queue.look(("other",)) == due


def test_each_process_listens_under_its_own_name(pusher: Pusher) -> None:
    with doorbell.Listener(doorbell.RUNS) as one, doorbell.Listener(doorbell.EFFECTS) as other:
        doorbell.ring_now(doorbell.RUNS)
        assert one.wait(1)
        assert not other.wait(0)
