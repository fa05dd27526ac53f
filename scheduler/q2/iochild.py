"""The io process as a child of the cluster main: forked, replaced when it dies or freezes, stopped with the cluster."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from ctypes import c_double
from multiprocessing.context import ForkProcess
from multiprocessing.sharedctypes import RawValue
from typing import Any

from scheduler.housekeeping import Housekeeper
from scheduler.housekeeping.rows import close_connections
from scheduler.io.services import Service
from scheduler.process import new_boot_id
from scheduler.q2.children import enter, leave
from scheduler.q2.generation import Generation
from scheduler.q2.parentage import state_of

log = logging.getLogger(__name__)

#: First and longest pause before a dead io process is started again, in seconds; it doubles with each death.
PAUSE_MIN_S, PAUSE_MAX_S = 0.5, 30.0
#: A process that lived this long has proved itself: the next pause is the first again.
PROVEN_S = 60.0
#: One whose event loop has not turned for this long is frozen; a healthy one beats twice a second.
BEAT_LIMIT_S = 10.0
#: How long a killed one may take to vanish before the main looks after the rest first, in seconds.
_GONE_WITHIN_S = 1.0
_BODY = "scheduler.io.main"


class IoChild:
    """At most one io process. Its boot id stays the same over restarts: a successor owns what was being sent."""

    def __init__(self, settings_version: Callable[[], int] | None, services: Sequence[Service] = ()) -> None:
        self.boot_id = new_boot_id()
        self.restarts = 0
        self._settings_version = settings_version
        self._services = tuple(services)
        self._process: ForkProcess | None = None
        #: When its event loop turned last, on the monotonic clock; written by the child, and by us when we start it.
        self._beat = RawValue(c_double, 0.0)
        self._started = 0.0
        self._pause = 0.0
        self._next_start = 0.0

    def import_code(self) -> None:
        """Load what the child runs, before the fork."""
        importlib.import_module(_BODY)

    def ensure(self, generation: Generation) -> None:
        """Start it if it is not running and its pause is over. ``generation`` is what the fork would inherit."""
        if self._process is not None:
            self._kill_if_frozen(self._process)
            if self._process.is_alive():
                return
            self._bury(self._process)
        if time.monotonic() < self._next_start:
            return
        close_connections()
        self._beat.value = self._started = time.monotonic()
        self._process = multiprocessing.get_context("fork").Process(
            target=_run_io,
            args=(self.boot_id, generation, self._settings_version, self._services, os.getpid(), self._beat),
        )
        self._process.start()

    def _kill_if_frozen(self, process: ForkProcess) -> None:
        """Kill a process whose event loop stands still: stopped, or caught in a call that never returns.

        There is one io process per boot id: nothing is started beside one that does not vanish.
        """
        age = time.monotonic() - self._beat.value
        if age <= BEAT_LIMIT_S or not process.is_alive():
            return
        log.error("the io process has not moved for %.1f s and is killed", age)
        process.kill()
        process.join(_GONE_WITHIN_S)
        self._beat.value = time.monotonic()  # should it still be there, the next look is a whole limit away

    def _bury(self, process: ForkProcess) -> None:
        process.join()
        self._process = None
        self.restarts += 1
        lived = time.monotonic() - self._started
        self._pause = PAUSE_MIN_S if lived > PROVEN_S else min(max(PAUSE_MIN_S, self._pause * 2), PAUSE_MAX_S)
        self._next_start = time.monotonic() + self._pause
        log.error(
            "the io process ended (exit code %s) and starts again in %.1f s; restart %d",
            process.exitcode,
            self._pause,
            self.restarts,
        )

    def stopped(self) -> list[int]:
        """Its process id, when somebody has stopped it (SIGSTOP)."""
        pid = self._process.pid if self._process is not None else None
        return [pid] if pid and state_of(pid) == "T" else []

    def ask_to_stop(self) -> None:
        """SIGTERM; does not wait."""
        if self._process is not None and self._process.is_alive():
            self._process.terminate()

    def stop(self, grace_s: float) -> None:
        """Wait for its end, at most ``grace_s``, then kill it."""
        if self._process is None:
            return
        self._process.join(grace_s)
        if self._process.is_alive():
            log.error("the io process did not end within %.0f s and is killed", grace_s)
            self._process.kill()
            self._process.join()
        self._process = None


def _run_io(
    boot_id: str,
    inherited: Generation,
    settings_version: Callable[[], int] | None,
    services: Sequence[Service],
    parent_pid: int,
    cell: Any,
) -> None:
    def beat() -> None:
        cell.value = time.monotonic()

    process = enter("io", boot_id, parent_pid)
    os.setsid()  # an interrupt from the terminal reaches the cluster main alone
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    inherited.end()  # copies of the cluster's descriptors, of no use here
    body = importlib.import_module(_BODY)
    with Housekeeper(process, parent_pid=parent_pid, settings_version=settings_version):
        body.run(boot_id, beat, process, services)
    leave(process)
