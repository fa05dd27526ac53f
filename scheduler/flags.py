"""A flag between processes that no death can leave locked.

``multiprocessing.Event`` keeps a lock; a process killed while it holds that lock blocks every other for ever. This one
is a kernel counter (eventfd): setting is one write, waiting is one poll, and there is nothing to hold.
"""

from __future__ import annotations

import os
import select
import time


class Flag:
    """Set once, seen by every process that inherited it. Stands in for ``multiprocessing.Event``."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        """The descriptor that becomes readable, and stays so, when the flag is set."""
        return self._fd

    def set(self) -> None:
        """Set it. Safe in a signal handler."""
        os.eventfd_write(self._fd, 1)

    def is_set(self) -> bool:
        """Whether it has been set."""
        return self.wait(0)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait up to ``timeout`` seconds (for ever without one); whether it is set."""
        return bool(readable(self._fd, timeout=timeout))

    def close(self) -> None:
        """Give the descriptor back; the flag must not be used afterwards."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def readable(*descriptors: int, timeout: float | None) -> list[int]:
    """Those of ``descriptors`` that can be read within ``timeout`` seconds; empty when none could."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(None if timeout is None else max(0.0, timeout) * 1000)]


class Pace:
    """Says yes at most once per ``interval`` seconds: for work that a loop does less often than it turns."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._next = 0.0

    def due(self) -> bool:
        """Whether the interval is over; a yes starts the next one."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self.interval
        return True
