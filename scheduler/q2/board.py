"""What the processes of one cluster tell their watchdog, in shared memory: no lock, no query, readable after a death.

Every cell has one writer. Times are of the monotonic clock, which all processes of a host share.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Iterator
from dataclasses import dataclass

#: Cells of one slot, in this order.
_PID, _BEAT, _IDLE_SINCE, _TAKEN, _EXITCODE = range(5)
_WIDTH = 8  # cells per slot, some spare
_CELL = 8  # bytes: one double, written in one move

SENTINEL, PUSHER, MONITOR, FIRST_WORKER = range(4)


@dataclass(frozen=True, slots=True)
class Seat:
    """One slot as the watchdog sees it."""

    role: str
    pid: int
    beat_age: float | None
    idle_for: float | None
    taken: int


class Board:
    """One slot per process of a cluster: sentinel, pusher, monitor and ``workers`` workers, and the newest deaths."""

    DEATHS = 64

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.slots = FIRST_WORKER + workers
        cells = self.slots * _WIDTH + self.DEATHS * 2 + 1
        self._map = mmap.mmap(-1, cells * _CELL)
        self._cells = memoryview(self._map).cast("d")
        self._deaths = self.slots * _WIDTH
        for slot in range(self.slots):
            self.clear(slot)

    def close(self) -> None:
        """Give the memory back."""
        self._cells.release()
        self._map.close()

    def clear(self, slot: int) -> None:
        """Nobody sits in ``slot``. The parent says so before it forks: afterwards the child writes there itself."""
        base = slot * _WIDTH
        self._cells[base + _PID] = 0.0
        self._cells[base + _IDLE_SINCE] = 0.0
        self._cells[base + _BEAT] = time.monotonic()

    def seat(self, slot: int, pid: int) -> None:
        """The process that was forked for ``slot``; written by its parent."""
        self._cells[slot * _WIDTH + _PID] = float(pid)

    def beat(self, slot: int) -> None:
        """The process in ``slot`` is alive and turning."""
        self._cells[slot * _WIDTH + _BEAT] = time.monotonic()

    def idle(self, slot: int) -> None:
        """The worker in ``slot`` waits for a task from now on."""
        self._cells[slot * _WIDTH + _IDLE_SINCE] = time.monotonic()

    def busy(self, slot: int) -> None:
        """The worker in ``slot`` has taken a task."""
        base = slot * _WIDTH
        self._cells[base + _IDLE_SINCE] = 0.0
        self._cells[base + _TAKEN] += 1.0

    def died(self, pid: int, exitcode: int) -> None:
        """A child of the sentinel ended; written by the sentinel, which alone knows its exit code."""
        turn = int(self._cells[self._deaths])
        place = self._deaths + 1 + 2 * (turn % self.DEATHS)
        self._cells[place], self._cells[place + 1] = float(pid), float(exitcode)
        self._cells[self._deaths] = float(turn + 1)

    @property
    def deaths(self) -> int:
        """How many children of the sentinel have ended."""
        return int(self._cells[self._deaths])

    def exitcode(self, pid: int) -> int | None:
        """The exit code of a dead child of the sentinel, while it is among the newest deaths."""
        for place in range(self._deaths + 1, self._deaths + 1 + 2 * self.DEATHS, 2):
            if int(self._cells[place]) == pid:
                return int(self._cells[place + 1])
        return None

    def beat_age(self, slot: int) -> float | None:
        """Seconds since the last beat of ``slot``; ``None`` before somebody sits there."""
        base = slot * _WIDTH
        return time.monotonic() - self._cells[base + _BEAT] if self._cells[base + _PID] else None

    @property
    def taken(self) -> int:
        """How many tasks the workers have taken, all together."""
        return int(sum(self._cells[slot * _WIDTH + _TAKEN] for slot in range(FIRST_WORKER, self.slots)))

    def longest_idle(self) -> float:
        """How long the worker that waits longest has been waiting for a task; 0 when all are busy."""
        return max((seat.idle_for or 0.0 for seat in self.seats() if seat.role == "worker"), default=0.0)

    def seats(self) -> Iterator[Seat]:
        """Who sits where."""
        now = time.monotonic()
        for slot in range(self.slots):
            base = slot * _WIDTH
            pid = int(self._cells[base + _PID])
            if pid:
                idle = self._cells[base + _IDLE_SINCE]
                yield Seat(
                    role=_ROLES.get(slot, "worker"),
                    pid=pid,
                    beat_age=now - self._cells[base + _BEAT],
                    idle_for=now - idle if idle else None,
                    taken=int(self._cells[base + _TAKEN]),
                )


_ROLES = {SENTINEL: "sentinel", PUSHER: "pusher", MONITOR: "monitor"}
