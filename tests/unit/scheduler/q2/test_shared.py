"""Flags and the board: what processes share without a lock; and children that die with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from scheduler.flags import Flag, Pace, readable
from scheduler.q2 import board as boards
from scheduler.q2.board import Board
from scheduler.q2.census import how
from scheduler.q2.cluster import Timer
from scheduler.q2.parentage import die_with, is_running
from tests.support.waiting import wait_until

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def flag() -> Iterator[Flag]:
    made = Flag()
    yield made
    made.close()


@pytest.fixture
def board() -> Iterator[Board]:
    made = Board(workers=2)
    yield made
    made.close()


def test_a_flag_wakes_whoever_waits_and_stays_set(flag: Flag) -> None:
    assert not flag.is_set()
    assert not flag.wait(0.01)
    timer = threading.Timer(0.05, flag.set)
    timer.start()
    assert flag.wait(5)
    assert flag.wait(5)
    assert flag.is_set()
    timer.join()


def test_a_flag_is_seen_by_processes_forked_before_it_was_set(flag: Flag) -> None:
    child = FORK.Process(target=lambda: os._exit(0 if flag.wait(10) else 1))
    child.start()
    flag.set()
    child.join(10)
    assert child.exitcode == 0


def test_a_process_killed_while_it_waits_for_a_flag_leaves_it_usable(flag: Flag) -> None:
    child = FORK.Process(target=flag.wait, args=(60,))
    child.start()
    child.kill()
    child.join()
    began = time.monotonic()
    flag.set()
    assert flag.is_set()
    assert time.monotonic() - began < 1


def test_only_the_readable_descriptors_are_named(flag: Flag) -> None:
    other = Flag()
    other.set()
    assert readable(flag.fileno(), other.fileno(), timeout=0) == [other.fileno()]
    other.close()


def test_a_pace_says_yes_once_per_interval() -> None:
    pace = Pace(60)
    assert pace.due()
    assert not pace.due()


def test_a_beat_of_a_child_is_read_by_the_parent(board: Board) -> None:
    assert board.beat_age(boards.PUSHER) is None
    board.seat(boards.PUSHER, 4711)
    child = FORK.Process(target=board.beat, args=(boards.PUSHER,))
    child.start()
    child.join()
    age = board.beat_age(boards.PUSHER)
    assert age is not None
    assert age < 5
    assert [(seat.role, seat.pid) for seat in board.seats()] == [("pusher", 4711)]


def test_the_longest_idle_worker_counts_and_a_busy_one_does_not(board: Board) -> None:
    board.seat(boards.FIRST_WORKER, 1)
    board.seat(boards.FIRST_WORKER + 1, 2)
    assert board.longest_idle() == 0
    board.idle(boards.FIRST_WORKER)
    board.idle(boards.FIRST_WORKER + 1)
    assert board.longest_idle() > 0
    board.busy(boards.FIRST_WORKER)
    board.busy(boards.FIRST_WORKER + 1)
    assert board.longest_idle() == 0
    assert [seat.taken for seat in board.seats()] == [1, 1]


def test_the_newest_deaths_are_remembered_and_old_ones_make_room(board: Board) -> None:
    board.died(10, -9)
    assert board.exitcode(10) == -9
    for pid in range(1000, 1000 + Board.DEATHS):
        board.died(pid, 0)
    assert board.exitcode(10) is None
    assert board.exitcode(1000 + Board.DEATHS - 1) == 0


def test_an_exit_code_is_told_in_words() -> None:
    assert how(-9) == "killed by SIGKILL"
    assert how(0) == "ended"
    assert how(3) == "ended with exit code 3"
    assert how(None) == "died"


def test_a_zombie_does_not_run_and_a_stopped_process_does() -> None:
    child = FORK.Process(target=time.sleep, args=(60,))
    child.start()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGSTOP)
    assert is_running(child.pid)
    child.kill()
    wait_until(lambda: not is_running(child.pid or 0), 5, "the killed child turning into a zombie")
    assert os.path.exists(f"/proc/{child.pid}")
    child.join()


def test_a_timer_cannot_be_left_locked() -> None:
    timer = Timer()

    def die_inside() -> None:
        with timer.get_lock():
            timer.value = 5
            os.kill(os.getpid(), signal.SIGKILL)

    child = FORK.Process(target=die_inside)
    child.start()
    child.join()
    with timer.get_lock():
        assert timer.value == 5


def test_grandchildren_die_with_the_process_they_are_tied_to() -> None:
    read, write = os.pipe()

    def grandchild(parent: int) -> None:
        die_with(parent)
        os.write(write, f"{os.getpid()}\n".encode())
        signal.pause()

    def parent() -> None:
        os.setsid()
        child = FORK.Process(target=grandchild, args=(os.getpid(),))
        child.start()
        child.join()

    tied = FORK.Process(target=parent)
    tied.start()
    pid = int(os.read(read, 20))
    tied.kill()
    tied.join()
    wait_until(lambda: not is_running(pid), 5, "the grandchild dying with its parent")
    os.close(read)
    os.close(write)


def test_a_child_whose_parent_is_gone_already_ends_at_once() -> None:
    child = FORK.Process(target=die_with, args=(1,))
    child.start()
    child.join(10)
    assert child.exitcode == 1
