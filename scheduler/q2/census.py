"""The rows of processes that cannot write their own; and what is done about processes that died.

Every method but ``begin``, ``wait_gone`` and ``leave`` uses the caller's connection, which the caller closes before it
forks.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psutil
from django.conf import settings
from django.db import Error

from scheduler import clock, conf, process, queue, recovery, transitions
from scheduler.flags import Pace
from scheduler.housekeeping import rows
from scheduler.housekeeping.sampling import Sampler
from scheduler.models import ProcessRow, TaskRecord
from scheduler.q2.children import name_of
from scheduler.q2.generation import Generation
from scheduler.q2.neighbours import Neighbours
from scheduler.q2.parentage import is_running, state_of
from scheduler.q2.patience import brief_connection
from scheduler.states import Status

log = logging.getLogger(__name__)

#: How often rows of processes that nobody has heard of are closed, in seconds.
SILENT_EVERY_S = 10.0
#: How long killed processes may take to vanish.
GONE_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class _Subject:
    """A process that is described from outside."""

    role: str
    boot: str
    pid: int
    parent: int
    queues: tuple[str, ...] = ()


class Census:
    """Who lives in this cluster, as rows."""

    def __init__(self, queues: tuple[str, ...], figures: Callable[[], dict[str, Any]]) -> None:
        self._queues = queues
        self._figures = figures
        self._generation: Generation | None = None
        self._main_boot = process.new_boot_id()
        self.main_name = name_of("main", self._main_boot, os.getpid())
        self._keys: dict[str, int] = {}
        self._samplers: dict[int, Sampler] = {}
        self._beat = Pace(0)
        self._silent = Pace(SILENT_EVERY_S)
        self._neighbours = Neighbours(getattr(settings, "CONSOLE_PID", ""), os.getppid())

    def begin(self, generation: Generation) -> None:
        """A new generation is about to be forked."""
        self._generation = generation

    def look(self) -> None:
        """One look: beats of the processes that fork, the dead, the silent, runs whose lease lapsed."""
        self._beat.interval = conf.values().housekeeping_interval_s
        if self._beat.due():
            self._beat_from_outside()
        self._close_dead()
        if self._silent.due():
            rows.retire_silent()
        recovery.rescue()

    # --- rows --------------------------------------------------------------------------------------------------------

    def _beat_from_outside(self) -> None:
        subjects = {name_of(each.role, each.boot, each.pid): each for each in self._subjects() if is_running(each.pid)}
        for name, subject in subjects.items():
            self._beat_one(name, subject)
        self._close_neighbours({key for name, key in self._keys.items() if name not in subjects})
        self._keys = {name: key for name, key in self._keys.items() if name in subjects}
        live = {subject.pid for subject in subjects.values()}
        self._samplers = {pid: sampler for pid, sampler in self._samplers.items() if pid in live}

    def _subjects(self) -> Iterator[_Subject]:
        """Who is to be described from here."""
        yield _Subject("main", self._main_boot, os.getpid(), os.getppid(), self._queues)
        for each in self._neighbours.living():
            yield _Subject(each.role, self._main_boot, each.pid, each.parent_pid)
        if self._generation is not None:
            boot = self._generation.boot_id
            seats = {seat.role: seat.pid for seat in self._generation.board.seats() if seat.role != "worker"}
            if "sentinel" in seats:
                yield _Subject("sentinel", boot, seats["sentinel"], os.getpid(), self._queues)
            if "monitor" in seats:
                yield _Subject("monitor", boot, seats["monitor"], seats.get("sentinel", 0), self._queues)

    def _beat_one(self, name: str, subject: _Subject) -> None:
        sampler = self._samplers.get(subject.pid)
        try:
            if sampler is None:
                sampler = self._samplers[subject.pid] = Sampler(subject.pid)
            age_s = sampler.age_s()
        except psutil.NoSuchProcess:
            return
        sample = sampler.sample()
        if subject.role == "main":
            sample |= self._figures()
        key = self._keys.get(name)
        if key is None or not rows.beat(key, sample=sample):
            self._keys[name] = rows.register(
                name,
                subject.role,
                subject.boot,
                pid=subject.pid,
                parent_pid=subject.parent,
                queues=subject.queues,
                sample=sample,
                age_s=age_s,
            )

    def _close_neighbours(self, gone: set[int]) -> None:
        """Close the rows of neighbours that ended; who belongs to the generation is closed with its exit code."""
        if gone:
            ours = ProcessRow.objects.filter(pk__in=gone, boot_id=self._main_boot).values_list("pk", flat=True)
            rows.retire(ours, "ended")

    # --- the dead ----------------------------------------------------------------------------------------------------

    def _close_dead(self) -> None:
        """Close the rows of dead processes of this generation, with their cause, and let their runs go at once."""
        if self._generation is None:
            return
        board = self._generation.board
        seated = {seat.pid for seat in board.seats()}
        open_rows = ProcessRow.objects.filter(boot_id=self._generation.boot_id, ended_at__isnull=True)
        for key, name, role, pid in open_rows.values_list("pk", "name", "role", "pid"):
            exitcode = board.exitcode(pid)
            if is_running(pid) or (exitcode is None and pid in seated):
                continue  # alive; or the sentinel has not told yet how it died
            rows.retire([key], how(exitcode))
            if role == "worker":
                lapse(name)

    def release_lost(self, seconds: float) -> int:
        """Give back claims of this cluster that nobody has started for so long; how many."""
        boot = self._generation.boot_id if self._generation is not None else ""
        before = clock.now() - timedelta(seconds=seconds)
        lost = TaskRecord.objects.filter(status=Status.CLAIMED, boot_id=boot, claimed_at__lt=before)
        pks = list(lost.values_list("pk", flat=True))
        return transitions.unclaim(pks) if pks else 0

    def stopped(self) -> list[int]:
        """Processes of this generation that somebody has stopped (SIGSTOP)."""
        seats = self._generation.board.seats() if self._generation is not None else ()
        return [seat.pid for seat in seats if state_of(seat.pid) == "T"]

    # --- the end -----------------------------------------------------------------------------------------------------

    def wait_gone(self) -> bool:
        """Wait until no process of the generation is left; whether that happened in time."""
        deadline = time.monotonic() + GONE_WITHIN_S
        pids = [seat.pid for seat in self._generation.board.seats()] if self._generation is not None else []
        while any(is_running(pid) for pid in pids):
            if time.monotonic() > deadline:
                log.error("processes of the replaced cluster do not vanish: %s", [p for p in pids if is_running(p)])
                return False
            time.sleep(0.02)
        return True

    def end(self, cause: str) -> None:
        """The generation is dead: what it held is ready again, and counts nothing against the runs."""
        if self._generation is None:
            return
        boot, self._generation = self._generation.boot_id, None
        queue.release_claims(boot)
        running = TaskRecord.objects.filter(status=Status.RUNNING, boot_id=boot)
        for pk, token in running.values_list("pk", "token"):
            transitions.hand_back(pk, token)
        rows.retire_boot(boot, cause)

    def leave(self) -> None:
        """The main ends: close its own row, and those of neighbours that nobody looks at any more."""
        own = self._keys.get(self.main_name)
        if own is None:
            return
        try:
            with brief_connection():
                rows.retire([own], "stopped")
                rows.retire_boot(self._main_boot, rows.NOT_LOOKED_AT)
        except (Error, OSError) as error:
            log.warning("the row of this process stays open until it is found silent: %s", error)


def lapse(worker: str) -> int:
    """Let the leases of a dead worker's runs run out now, so that nobody waits for them; how many."""
    tokens = dict(TaskRecord.objects.filter(status=Status.RUNNING, worker=worker).values_list("pk", "token"))
    return transitions.renew(tokens, clock.now() - timedelta(seconds=1)) if tokens else 0


def how(exitcode: int | None) -> str:
    """An exit code in words."""
    if exitcode is None:
        return "died"
    if exitcode < 0:
        return f"killed by {signal.Signals(-exitcode).name}"
    return "ended" if exitcode == 0 else f"ended with exit code {exitcode}"
