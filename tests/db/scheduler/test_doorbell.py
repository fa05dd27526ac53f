"""The doorbell: rings after the commit, to every listener of this installation, and never troubles its caller."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from pytest_django.fixtures import Settings

from scheduler import doorbell
from scheduler.doorbell import EFFECTS, RUNS, Listener
from tests.support.ports import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener(RUNS) as made:
        yield made


def test_a_ring_comes_with_the_commit_and_not_before(listener: Listener) -> None:
    with transaction.atomic():
        doorbell.ring(RUNS)
        assert not listener.wait(0.05)
    assert listener.wait(1)


def test_a_rolled_back_transaction_rings_nobody(listener: Listener) -> None:
    with transaction.atomic():
        doorbell.ring(RUNS)
        transaction.set_rollback(True)
    assert not listener.wait(0.05)


def test_a_thousand_rings_of_one_transaction_are_one(listener: Listener) -> None:
    with transaction.atomic():
        for _ in range(1000):
            doorbell.ring(RUNS)
        assert len(connection.run_on_commit) == 1
    assert listener.wait(1)
    assert not listener.wait(0)


def test_a_ring_that_breaks_is_told_and_does_not_undo_what_was_committed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(topics: tuple[str, ...]) -> None:
        raise ValueError("the bell is broken")

    monkeypatch.setattr(doorbell, "_ring_all", break_down)
    with transaction.atomic():
        doorbell.ring(RUNS)
    doorbell.ring(RUNS)
    assert [record.message.count("the bell is broken") for record in caplog.records] == [1, 1]


def test_every_listener_of_the_topic_hears_it_and_no_other(listener: Listener) -> None:
    with Listener(RUNS) as second, Listener(EFFECTS) as other:
        doorbell.ring(RUNS)
        assert listener.wait(1)
        assert second.wait(1)
        assert not other.wait(0)
        doorbell.ring()
        assert all(each.wait(1) for each in (listener, second, other))


def test_another_thread_wakes_a_waiting_listener_within_milliseconds(listener: Listener) -> None:
    rung_at: list[float] = []

    def ring() -> None:
        rung_at.append(time.monotonic())
        doorbell.ring_now(RUNS)

    timer = threading.Timer(0.1, ring)
    timer.start()
    assert listener.wait(5)
    assert time.monotonic() - rung_at[0] < 0.2
    timer.join()


def test_a_listener_that_does_not_listen_blocks_nobody(listener: Listener) -> None:
    began = time.monotonic()
    for _ in range(2000):
        doorbell.ring_now(RUNS)
    assert time.monotonic() - began < 3
    assert listener.wait(0)
    assert not listener.wait(0), "rings that came meanwhile count as one"


def test_the_socket_of_a_dead_listener_is_removed_by_the_next_ring() -> None:
    doorbell.directory().mkdir(mode=0o700, exist_ok=True)
    path = doorbell.directory() / f"{RUNS}-dead"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(path))
    assert path.exists()
    doorbell.ring_now(RUNS)
    assert not path.exists()


def test_a_closed_listener_leaves_no_file_and_the_last_one_no_directory(listener: Listener) -> None:
    with Listener(RUNS):
        assert len(os.listdir(doorbell.directory())) == 2
    assert len(os.listdir(doorbell.directory())) == 1
    listener.close()
    assert not doorbell.directory().exists()


def test_two_installations_on_one_host_do_not_ring_each_other(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = doorbell.directory()
    monkeypatch.setitem(connection.settings_dict, "NAME", "/somewhere/else.sqlite3")
    assert doorbell.directory() != here
    doorbell.ring_now(RUNS)
    assert not listener.wait(0.05)


def test_a_directory_of_somebody_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    doorbell.directory().mkdir(mode=0o700, exist_ok=True)
    monkeypatch.setattr(doorbell.stat, "S_ISDIR", lambda mode: False)
    with pytest.raises(PermissionError, match="remove it"):
        Listener(RUNS)


def test_other_descriptors_end_the_wait_too(listener: Listener) -> None:
    read, write = os.pipe()
    os.write(write, b"x")
    assert listener.wait(5, read)
    os.close(read)
    os.close(write)


def test_without_redis_at_its_address_a_ring_is_quick_and_quiet(listener: Listener, settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    began = time.monotonic()
    for _ in range(50):
        doorbell.ring_now(RUNS)
    assert time.monotonic() - began < 1.5
    assert listener.wait(1), "the host itself is still rung"
    with Listener(EFFECTS) as other:
        assert not other.wait(0.05)


@pytest.mark.redis
def test_a_ring_reaches_other_hosts_through_redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_URL = os.environ.get("VWED_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
    with Listener(RUNS) as remote:
        wait_until(lambda: not remote.wait(0.2), 5, "the confirmation of the subscription being read")
        # The host's own way is cut, as if the ring came from another machine.
        monkeypatch.setattr(doorbell, "_ring_here", lambda topics: None)
        doorbell.ring_now(RUNS)
        assert remote.wait(3)
    doorbell.hang_up()
