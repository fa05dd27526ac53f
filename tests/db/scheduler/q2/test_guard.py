"""The sentinel's pause between two turns: recycled workers are replaced in it, others wait for the turn."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from scheduler.flags import Flag
from scheduler.q2.cluster import RECYCLED, KillSafeSentinel, Timer

#: Far longer than any of these tests takes.
LONG_S = 30.0


class Guard(KillSafeSentinel):
    """A sentinel without a cluster; notes whom it replaces, and stops after the first."""

    def __init__(self) -> None:
        self.stop_event = Flag()
        self.pool: list[Any] = []
        self.replaced: list[Any] = []

    def reincarnate(self, process: Any) -> None:
        self.pool.remove(process)
        self.replaced.append((process, process.exitcode))
        self.stop_event.set()


@pytest.fixture
def guard() -> Iterator[Guard]:
    made = Guard()
    yield made
    for worker in [*made.pool, *(worker for worker, _ in made.replaced)]:
        worker.kill()
        worker.join()
    made.stop_event.close()


def worker_that_ends(guard: Guard, cause: float) -> Any:
    process: Any = multiprocessing.get_context("fork").Process(target=os._exit, args=(0,))
    process.timer = Timer()
    process.timer.value = cause
    process.start()
    guard.pool.append(process)
    return process


def test_a_recycled_worker_is_replaced_at_once(guard: Guard) -> None:
    worker = worker_that_ends(guard, RECYCLED)
    began = time.monotonic()
    assert guard._pause(LONG_S), "the replacement of this test asks to stop"
    assert guard.replaced == [(worker, 0)]
    assert time.monotonic() - began < LONG_S / 2


def test_one_that_died_waits_for_the_turn_so_that_nothing_spins(guard: Guard) -> None:
    worker_that_ends(guard, cause=-1)
    assert not guard._pause(0.3)
    assert guard.replaced == []


def test_the_order_to_stop_ends_the_pause(guard: Guard) -> None:
    guard.stop_event.set()
    assert guard._pause(LONG_S)
