"""Running one task in this process, without a cluster: for engineers at a terminal and for tests.

The run gets a queue of its own, so that no cluster takes it. It waits as any run does; while it waits for the fleet,
the io part works in a thread of this process. Its sub-tasks run here too; those that outlive it are left to a cluster.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from scheduler import conf, doorbell, queue
from scheduler.commands.cancel import cancel
from scheduler.executor import execute
from scheduler.io.main import serve
from scheduler.models import TaskRecord
from scheduler.process import Process, current
from scheduler.states import ACTIVE, Status
from scheduler.submission import PRIVATE_QUEUE

#: Seconds between two looks while nothing rings.
_LOOK_EVERY_S = 0.1


def inline_queue() -> str:
    """The queue of runs that belong to this process."""
    return f"{PRIVATE_QUEUE}{os.getpid()}"


class InlineRun:
    """Drives one record and its sub-tasks until it is over. Leaving the ``with`` block ends its io thread."""

    def __init__(self, record: TaskRecord, *, actor: str) -> None:
        self._record = record
        self._actor = actor
        self._process: Process = current()
        self._io: _IoThread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._io is not None:
            self._io.stop()
        if kind is not None:
            self.give_up("The command that ran it in its own process was ended.")
        self._leave_to_a_cluster()

    def _leave_to_a_cluster(self) -> None:
        """Asynchronous sub-tasks may outlive the run: they go on in the queues of their definitions."""
        left = TaskRecord.objects.filter(queue=inline_queue(), root_record_id=self._record.root_record_id)
        for child in left.filter(status__in=ACTIVE).exclude(pk=self._record.pk).select_related("definition"):
            own = child.definition.queue or conf.values().default_queue
            TaskRecord.objects.filter(pk=child.pk).update(queue=own)
            doorbell.ring(doorbell.RUNS)

    def _ready(self) -> int | None:
        """The run that can go on now, the youngest first: the parent waits for it."""
        if self._record.status == Status.READY:
            return self._record.pk
        own = TaskRecord.objects.filter(queue=inline_queue(), status=Status.READY, depth__gt=0)
        return own.order_by("-pk").values_list("pk", flat=True).first()

    def give_up(self, reason: str) -> None:
        """Cancel the run: nobody else would go on with it."""
        cancel([self._record.record_id], actor=self._actor, reason=reason, origin="command")
        self._record.refresh_from_db()

    def drive(self, over: Callable[[TaskRecord], bool], deadline: float | None) -> Iterator[TaskRecord]:
        """Work until ``over`` or until the monotonic ``deadline``; yields the record after each step."""
        with doorbell.Listener(doorbell.RUNS) as bell:
            while True:
                self._record.refresh_from_db()
                yield self._record
                if over(self._record) or (deadline is not None and time.monotonic() >= deadline):
                    return
                ready = self._ready()
                if ready is not None:
                    execute(ready, self._process)
                    continue
                if self._record.status == Status.WAITING and self._io is None:
                    self._io = _IoThread(self._process)
                queue.promote()
                bell.wait(_LOOK_EVERY_S)


class _IoThread:
    """The io part of a cluster on an event loop in a thread; joined by ``stop``."""

    def __init__(self, process: Process) -> None:
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._process = process
        self._thread = process.background.thread("inline-io", self._run, context="run_task --inline")

    def _run(self) -> None:
        with contextlib.closing(self._loop), doorbell.Listener(doorbell.EFFECTS) as bell:
            # No periodic services: pruning and sweeping are a cluster's work.
            process = self._process
            work = serve(process.boot_id, self._stop, bell=bell, services=(), background=process.background)
            self._loop.run_until_complete(work)

    def stop(self) -> None:
        """End it and wait for its end."""
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
