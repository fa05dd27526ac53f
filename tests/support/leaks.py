"""What a test must not leave behind: threads, processes, sockets, connections, contexts, handlers.

``Leaks`` remembers what there was before a test and names what is there in addition afterwards. Clean-up that is
already under way gets a moment to finish; nothing is cleaned up on the test's behalf.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from scheduler.background import Background
from tests.support.waiting import wait_until

#: Seconds for a thread or a process that is ending already.
GRACE_S = 3.0
#: Threads that live as long as the process, by design of the library that owns them.
_PERMANENT_THREADS = ("pytest_timeout", "asyncio_", "ThreadPoolExecutor-", "tmp_hypothesis")
_LOGGERS = ("", "vwed", "scheduler", "execution", "storage", "django", "django-q")


class OpenConnections:
    """Every Django connection of this process that was ever opened, as long as it lives."""

    def __init__(self) -> None:
        self._seen: weakref.WeakSet[BaseDatabaseWrapper] = weakref.WeakSet()
        connection_created.connect(self._remember)

    def _remember(self, connection: BaseDatabaseWrapper, **_: object) -> None:
        self._seen.add(connection)

    def foreign(self) -> list[BaseDatabaseWrapper]:
        """Those that are open and are not the main thread's own."""
        own = {id(connections[alias]) for alias in connections}
        return [each for each in list(self._seen) if each.connection is not None and id(each) not in own]


class Leaks:
    """A picture of the process before a test, and the difference afterwards."""

    def __init__(self, opened: OpenConnections) -> None:
        self._opened = opened
        self._threads = set(threading.enumerate())
        self._children = _children()
        self._handlers = _handlers()
        self._sockets = _sockets()

    def found(self) -> list[str]:
        """Sentences about what was left behind, empty when nothing was."""
        left = self._within_grace(self._processes_and_threads)
        left += self._within_grace(self._connections_and_sockets)
        left += [f"a log handler was left on {name!r}: {handler}" for name, handler in _handlers() - self._handlers]
        left += live_contexts() + background_failures()
        return left

    def _within_grace(self, probe: Callable[[], list[str]]) -> list[str]:
        left = probe()
        if left:
            gc.collect()
            with contextlib.suppress(AssertionError):
                wait_until(lambda: not probe(), GRACE_S, "an end that is under way")
            left = probe()
        return left

    def _processes_and_threads(self) -> list[str]:
        threads = [
            thread
            for thread in threading.enumerate()
            if thread not in self._threads and thread.is_alive() and not thread.name.startswith(_PERMANENT_THREADS)
        ]
        left = [f"the thread {thread.name!r} still runs" for thread in threads]
        left += background_jobs()
        return left + [f"the child process {pid} still exists: {_command(pid)}" for pid in _children() - self._children]

    def _connections_and_sockets(self) -> list[str]:
        left = [f"a database connection of another thread is open: {each.alias}" for each in self._opened.foreign()]
        new = _sockets() - self._sockets
        # The main thread's database connections, and the one socket with which a process rings the doorbell.
        allowed = sum(1 for alias in connections if connections[alias].connection is not None) + 1
        if len(new - _bells()) > allowed - 1 or len(new) > allowed:
            left.append(f"sockets are open that were not open before: {', '.join(sorted(new))}")
        return left


def live_contexts() -> list[str]:
    """Contexts that outlived their run in this process (nothing, until a run was executed here)."""
    module = sys.modules.get("scheduler.process")
    process = module.CURRENT.get(None) if module is not None else None
    if process is None or not process.contexts.left_behind():
        return []
    gc.collect()
    count = len(process.contexts.left_behind())
    return [f"{count} task contexts are alive after their runs"] if count else []


def _background() -> Background | None:
    """The register of the process this test ran in, if it has one."""
    module = sys.modules.get("scheduler.process")
    process = module.CURRENT.get(None) if module is not None else None
    return process.background if process is not None else None


def background_jobs() -> list[str]:
    """Jobs of this process that still run, tasks of a closed event loop among them."""
    register = _background()
    jobs = register.running() if register is not None else []
    return [f"{job.name} still runs in the background ({job.context or '-'})" for job in jobs]


def background_failures() -> list[str]:
    """Jobs of this process that failed: their errors reach nobody else in a test."""
    register = _background()
    jobs = register.history() if register is not None else []
    return [f"{job.name} failed in the background: {job.error}" for job in jobs if job.outcome == "failed"]


def _children() -> set[int]:
    found: set[int] = set()
    for task in _tasks():
        try:
            found.update(int(pid) for pid in (task / "children").read_text().split())
        except OSError:  # the thread has just ended
            continue
    return found


def _tasks() -> Iterable[Path]:
    return Path("/proc/self/task").iterdir()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()[:200]
    except OSError:
        return "already gone"


def _sockets() -> set[str]:
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the listing's own descriptor is gone
            target = os.readlink(f"/proc/self/fd/{number}")
            if target.startswith("socket:"):
                found.add(target)
    return found


def _bells() -> set[str]:
    """Sockets that are unbound unix datagram sockets: nothing can be received on one."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        path = f"/proc/self/fd/{number}"
        with contextlib.suppress(OSError):
            if not os.readlink(path).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(number))) as copy:
                if copy.family == socket.AF_UNIX and copy.type == socket.SOCK_DGRAM and not copy.getsockname():
                    found.add(os.readlink(path))
    return found


def _handlers() -> set[tuple[str, str]]:
    return {(name, repr(type(handler))) for name in _LOGGERS for handler in logging.getLogger(name or None).handlers}


def orphans_of(marker: str) -> dict[int, str]:
    """Processes anywhere that inherited the environment text ``marker`` (``NAME=value``), this process excepted."""
    wanted = marker.encode()
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found[int(entry.name)] = _command(int(entry.name))
        except OSError:
            continue
    return found
