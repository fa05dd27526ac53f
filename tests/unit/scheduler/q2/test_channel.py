"""The queue between the cluster's processes: whole messages, no lock, no death that stops it."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkProcess
from typing import Any

import pytest

from scheduler.q2 import channel as channels
from scheduler.q2.channel import Channel, MessageTooLarge
from tests.support.waiting import wait_until

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def channel() -> Iterator[Channel]:
    made = Channel()
    yield made
    made.destroy()


@pytest.fixture
def start() -> Iterator[Callable[..., ForkProcess]]:
    """Start children; whatever a test leaves alive is killed."""
    children: list[ForkProcess] = []

    def starter(target: Callable[..., None], *args: object) -> ForkProcess:
        child = FORK.Process(target=target, args=args)
        child.start()
        children.append(child)
        return child

    yield starter
    for child in children:
        child.kill()
        child.join()
        child.close()


def echo(source: Channel, sink: Channel) -> None:
    for message in iter(source.get, "STOP"):
        sink.put((os.getpid(), message))


def fill(channel: Channel, **how: Any) -> None:
    while True:
        channel.put(b"x" * 1000, **how)


def state_of(child: ForkProcess) -> str:
    with open(f"/proc/{child.pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_messages_arrive_whole_and_in_order(channel: Channel) -> None:
    sent = [{"args": (number, "文" * number)} for number in range(50)]
    for message in sent:
        channel.put(message)
    assert [channel.get() for _ in sent] == sent
    assert channel.empty()


def test_a_message_larger_than_the_socket_takes_travels_as_a_file(channel: Channel) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for size in (channels.INLINE - 100, channels.INLINE + 1, 5_000_000):
        channel.put(b"x" * size)
        assert len(channel.get()) == size
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_message_beyond_the_limit_is_refused(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "LARGEST", 100_000)
    with pytest.raises(MessageTooLarge, match="limit of 100000"):
        channel.put(b"x" * 100_000)
    assert channel.empty()


def test_a_full_channel_makes_the_writer_wait_and_says_so(channel: Channel) -> None:
    turns: list[int] = []
    channel.while_waiting = lambda: turns.append(1)
    with pytest.raises(queue.Full):
        fill(channel, timeout=0.5)
    assert 1 <= len(turns) <= 5
    with pytest.raises(queue.Full):
        channel.put(b"x" * 1000, block=False)
    assert channel.get() == b"x" * 1000


def test_an_empty_channel_says_so_at_once_when_it_must_not_block(channel: Channel) -> None:
    began = time.monotonic()
    with pytest.raises(queue.Empty):
        channel.get(block=False)
    assert time.monotonic() - began < 0.5


def test_the_writer_knows_how_many_messages_nobody_has_taken(channel: Channel) -> None:
    for number in range(5):
        channel.put(number)
    assert channel.unread() == 5
    channel.get()
    channel.get()
    assert channel.unread() == 3
    for _ in range(3):
        channel.get()
    assert channel.unread() == 0
    assert channel.qsize() == 0


def test_a_reader_that_is_asked_to_stop_leaves_what_waits(channel: Channel) -> None:
    channel.put("work")
    channel.should_stop = lambda: True
    assert channel.get() == "STOP"
    assert not channel.empty()


def test_results_that_nobody_needs_are_not_written() -> None:
    made = Channel(skip=lambda message: message == "mine")
    made.put("mine")
    assert made.empty()
    made.put("other")
    assert made.get() == "other"
    made.destroy()


def test_killing_idle_readers_stops_nobody(channel: Channel, start: Callable[..., ForkProcess]) -> None:
    answers = Channel()
    readers = [start(echo, channel, answers) for _ in range(4)]
    for _ in readers:  # each has proved that it reads
        channel.put("hello")
    seen = {answers.get()[0] for _ in readers}
    assert seen <= {reader.pid for reader in readers}
    for reader in readers[:3]:
        os.kill(reader.pid, signal.SIGKILL)
        reader.join()
    for number in range(1000):
        channel.put(number)
        pid, message = answers.get()
        assert (pid, message) == (readers[3].pid, number)
    channel.put("STOP")
    readers[3].join(5)
    assert readers[3].exitcode == 0
    answers.destroy()


def test_a_message_that_a_stopped_reader_was_woken_for_is_read_by_another(
    channel: Channel, start: Callable[..., ForkProcess]
) -> None:
    answers = Channel()
    stopped, other = start(echo, channel, answers), start(echo, channel, answers)
    os.kill(stopped.pid, signal.SIGSTOP)
    wait_until(lambda: state_of(stopped) == "T", 5, "the reader being stopped")
    began = time.monotonic()
    for number in range(10):
        channel.put(number)
    got = [answers.get() for _ in range(10)]
    assert [message for _, message in got] == list(range(10))
    assert {pid for pid, _ in got} == {other.pid}
    assert time.monotonic() - began < 3 * channels.LOOK_AGAIN_S
    answers.destroy()


def test_killing_a_waiting_writer_leaves_the_channel_usable(
    channel: Channel, start: Callable[..., ForkProcess]
) -> None:
    def flood() -> None:
        while True:
            channel.put(b"x" * 10_000)

    writer = start(flood)
    wait_until(lambda: not channel.empty(), 5, "the writer writing")
    with pytest.raises(queue.Full):
        fill(channel, block=False)
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    while not channel.empty():
        channel.get()
    channel.put("after")
    assert channel.get() == "after"
