"""django-q2's cluster and sentinel with everything replaced that a killed process could leave locked.

Queues are channels, events are flags, the workers' timers have no lock, children die with their parent, and the guard
loop beats on the board that the watchdog reads. Processes, roles and their loops stay django-q2's.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext
from ctypes import c_double
from multiprocessing.context import ForkProcess
from multiprocessing.sharedctypes import RawValue
from typing import Any

from django import db
from django_q.cluster import Cluster, Sentinel
from django_q.conf import Conf

from scheduler.flags import Flag, readable
from scheduler.q2 import board as boards
from scheduler.q2 import children
from scheduler.q2.broker import RecordBroker
from scheduler.q2.generation import Generation
from scheduler.q2.parentage import die_with

log = logging.getLogger(__name__)

#: What the timer of a worker says that has done its number of tasks, or was asked to go.
RECYCLED = -2.0
#: How long the rest of its end may take, in seconds.
_GONE_WITHIN_S = 1.0


class Timer:
    """A worker's countdown in shared memory. ``get_lock`` locks nothing: every write is one move of the processor."""

    def __init__(self) -> None:
        self._cell = RawValue(c_double, -1.0)

    @property
    def value(self) -> float:
        """Seconds left; -1 idle, -2 recycled, 0 over."""
        return float(self._cell.value)

    @value.setter
    def value(self, seconds: float) -> None:
        self._cell.value = seconds

    def get_lock(self) -> nullcontext[None]:
        """Nothing to hold, so nothing to die with."""
        return nullcontext()


class KillSafeSentinel(Sentinel):
    """Guards one generation. Its process leads a group of its own, so that the watchdog can end all of it at once."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self._numbers = 0
        super().__init__(
            generation.stop,
            generation.started,
            generation.boot_id,
            broker=RecordBroker(),
            timeout=Conf.TIMEOUT,
            start=False,
        )
        # What the parent class made has locks; ours were made by the main process, which can look into them.
        self.task_queue = generation.tasks
        self.result_queue = generation.results
        self.event_out = Flag()
        self.pool_size = generation.workers
        self.start()

    def spawn_process(self, slot: int, target: Callable[..., None], *args: Any) -> ForkProcess:
        """Fork the process for a seat of the board. ``target`` is one of ``children``."""
        self.generation.board.clear(slot)
        process = multiprocessing.get_context("fork").Process(target=target, args=(*args, os.getpid()), daemon=True)
        process.start()
        self.generation.board.seat(slot, process.pid or 0)
        return process

    def spawn_worker(self) -> None:
        """Fork one worker on a free seat."""
        taken = {worker.slot for worker in self.pool}
        slot = next(slot for slot in range(boards.FIRST_WORKER, self.generation.board.slots) if slot not in taken)
        timer = Timer()
        process = self.spawn_process(slot, children.run_worker, self.generation, slot, timer, self.timeout)
        process.timer, process.slot = timer, slot  # type: ignore[attr-defined]
        self.pool.append(process)

    def spawn_pusher(self) -> ForkProcess:
        """Fork the pusher."""
        return self.spawn_process(boards.PUSHER, children.run_pusher, self.generation, self.event_out)

    def spawn_monitor(self) -> ForkProcess:
        """Fork the monitor."""
        return self.spawn_process(boards.MONITOR, children.run_monitor, self.generation, self.broker)

    def reincarnate(self, process: ForkProcess) -> None:
        """Replace a dead (or timed-out) child and note how it died."""
        if process.exitcode is not None:
            self.generation.board.died(int(process.pid or 0), process.exitcode)
        super().reincarnate(process)

    def guard(self) -> None:
        """Watch the children twice a second until asked to stop; beat on the board each time."""
        self.start_event.set()
        while not self._pause(Conf.GUARD_CYCLE):
            self.generation.board.beat(boards.SENTINEL)
            for process in list(self.pool):
                self._guard_worker(process)
            if not self.monitor.is_alive():
                self.reincarnate(self.monitor)
            if not self.pusher.is_alive():
                self.reincarnate(self.pusher)
        self.stop()

    def _pause(self, seconds: float) -> bool:
        """Wait for the next turn; whether to stop.

        A worker that goes because it has done its number of tasks is replaced at once: with short runs its seat would
        be empty for a fifth of the time. One that dies waits for the turn, so that nothing spins.
        """
        stop: Flag = self.stop_event
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            ended = readable(stop.fileno(), *(worker.sentinel for worker in self.pool), timeout=left)
            if stop.fileno() in ended:
                return True
            recycled = [worker for worker in self.pool if worker.sentinel in ended and worker.timer.value == RECYCLED]
            for worker in recycled:
                worker.join(_GONE_WITHIN_S)  # its descriptor closed: it is gone, or is about to be
                self.reincarnate(worker)
            if ended and not recycled:
                return stop.wait(max(0.0, deadline - time.monotonic()))
        return stop.is_set()

    def _guard_worker(self, process: Any) -> None:
        if not process.is_alive() or process.timer.value == 0:
            self.reincarnate(process)
        elif process.timer.value > 0:
            # Never to exactly 0 by rounding alone, and never past it: 0 is the word for "over".
            process.timer.value = max(0.0, process.timer.value - Conf.GUARD_CYCLE)


class KillSafeCluster(Cluster):
    """Starts and ends one generation; lives in the cluster main, which has no thread and no open connection."""

    def __init__(self, generation: Generation) -> None:
        handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        super().__init__()
        # The watchdog owns the signals of its process.
        signal.signal(signal.SIGTERM, handlers[0])
        signal.signal(signal.SIGINT, handlers[1])
        self.generation = generation
        self.cluster_id = generation.boot_id
        self.stop_event, self.start_event = generation.stop, generation.started

    def start(self) -> int:
        """Fork the sentinel, which forks the rest; returns its process id without waiting for it."""
        db.connections.close_all()
        self.generation.board.clear(boards.SENTINEL)
        self.sentinel = multiprocessing.get_context("fork").Process(
            target=_run_sentinel, args=(self.generation, os.getpid())
        )
        self.sentinel.start()
        pid = int(self.sentinel.pid or 0)
        self.generation.board.seat(boards.SENTINEL, pid)
        return pid

    def stop(self) -> bool:
        """Ask the sentinel to stop its children and itself; whether there was one. Does not wait."""
        self.generation.drain.set()
        self.generation.stop.set()
        return bool(self.sentinel is not None and self.sentinel.is_alive())


def _run_sentinel(generation: Generation, parent_pid: int) -> None:
    die_with(parent_pid)
    os.setsid()
    KillSafeSentinel(generation)
