"""The process this code runs in: its name, its cluster, what its main thread does now. One object, made after the fork.

``CURRENT`` leads the cluster's entry function to it. Its housekeeper (a thread with a connection of its own) shares
``Process.duty`` with the main thread: each attribute has one writer, and reading one is atomic.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import threading
import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

from execution.context import ContextRegister
from scheduler import conf
from scheduler.background import Background
from scheduler.cache_room import CacheRoom
from scheduler.leaks import Meter
from scheduler.plans import PlanCache
from scheduler.queue import ActiveGauge


@dataclass(slots=True)
class Duty:
    """What the main thread of a worker is doing.

    The main thread writes everything but ``stop`` (``cancel``, ``pause``, ``drain``) and ``draining``, which the
    housekeeper sets; the main thread clears ``stop`` with each run.
    """

    record_pk: int | None = None
    record_id: str = ""
    token: str = ""
    stop: str | None = None
    #: Grows with every block: a worker whose number stands still gets no new lease.
    progress: int = 0
    #: Names of the blocks of the run, the present one last: the engine's own list, read here and nowhere written.
    path: Sequence[str] = ()
    since_ms: int = 0
    runs: int = 0
    #: When the last run left this process, on the monotonic clock.
    ended: float = 0.0
    #: Contexts that outlived their run at the last look; anything but 0 is a leak.
    leaked: int = 0
    #: Names of the types that hold them.
    leaked_by: tuple[str, ...] = ()
    #: Of the run that was taken last, which may have ended: its definition and its version.
    label: str = ""
    version_id: int = 0
    #: The worker is asked to end after what it does now; stays set.
    draining: bool = False

    @property
    def block(self) -> str:
        """The block that the run has come to; empty without one. Costs the engine nothing."""
        try:
            return self.path[-1]
        except IndexError:
            return ""

    def begin(self, record_pk: int, token: str, now_ms: int) -> None:
        """A run starts here."""
        self.stop = "drain" if self.draining else None
        self.record_id, self.path, self.since_ms = "", (), now_ms
        self.token = token
        self.progress += 1
        self.record_pk = record_pk

    def end(self) -> None:
        """The run left this process."""
        self.record_pk, self.token, self.record_id, self.path = None, "", "", ()
        self.stop = None
        self.runs += 1
        self.progress += 1
        self.ended = time.monotonic()


@dataclass(slots=True)
class Process:
    """A process of the system and everything that lives as long as it. Never shared across a fork."""

    name: str
    boot_id: str
    role: str
    duty: Duty = field(default_factory=Duty)
    contexts: ContextRegister = field(default_factory=ContextRegister)
    plans: PlanCache = field(default_factory=lambda: PlanCache(conf.values().plan_cache))
    background: Background = field(default_factory=Background)
    active_runs: ActiveGauge = field(default_factory=ActiveGauge)
    cache_room: CacheRoom = field(default_factory=CacheRoom)
    meter: Meter = field(default_factory=Meter)
    #: Statements that had to wait for SQLite's write lock.
    busy_waits: int = 0
    #: The event loop of the process, where it has one.
    loop: asyncio.AbstractEventLoop | None = None
    #: Of a worker, its place among the workers of its cluster, from 1.
    seat: int = 0
    #: Held while a snapshot of the heap refers to every object: what seems to have outlived its run then has not.
    looking: threading.Lock = field(default_factory=threading.Lock)
    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)


CURRENT: ContextVar[Process] = ContextVar("CURRENT")


def current() -> Process:
    """The process this code runs in; one is made when nobody said so (a command, a test)."""
    found = CURRENT.get(None)
    if found is None or found.pid != os.getpid():
        found = Process(name=f"inline-{os.getpid()}-{secrets.token_hex(3)}", boot_id=new_boot_id(), role="inline")
        CURRENT.set(found)
    return found


def new_boot_id() -> str:
    """A name for one start of a cluster: owners are boots, never hosts."""
    return secrets.token_hex(8)
