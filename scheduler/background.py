"""What a process does besides its main job. Every thread and asyncio task of ours is started here and known by name.

A process has one register (``Process.background``), made after its fork. It keeps a reference to whatever runs, so
that nothing vanishes half done; it writes a failure to the log once and counts it; what it remembers is bounded; and
each sample of the process tells what runs in it.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")

RUNNING, DONE, FAILED, CANCELLED = "running", "done", "failed", "cancelled"

#: Jobs that have ended and are remembered.
HISTORY = 50
#: Names that are counted for themselves; further ones share the last.
NAMES, OTHERS = 32, "others"
#: Running jobs of one name that a report tells one by one, and characters of their texts.
SHOWN, TEXT = 3, 120


class Closed(RuntimeError):
    """The process is ending: nothing new is started in it."""


@dataclass(slots=True, eq=False)
class Job:
    """One thread or task. ``started`` and ``ended`` are on the monotonic clock; ``error`` is in the error's words."""

    name: str
    context: str
    started: float
    ended: float | None = None
    outcome: str = RUNNING
    error: str = ""
    handle: threading.Thread | asyncio.Task[Any] | None = None


@dataclass(slots=True)
class Tally:
    """How often jobs of one name were started and how they ended; ``error``: of the last one that failed."""

    started: int = 0
    ended: dict[str, int] = field(default_factory=lambda: {DONE: 0, FAILED: 0, CANCELLED: 0})
    last: str = ""
    error: str = ""


class Background:
    """The jobs of one process. Threads and event loops may use it at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, Job] = {}
        self._tallies: dict[str, Tally] = {}
        self._history: deque[Job] = deque(maxlen=HISTORY)
        self._closed = False

    # --- starting ----------------------------------------------------------------------------------------------------

    def thread(
        self, name: str, target: Callable[[], object], *, context: str = "", daemon: bool = False
    ) -> threading.Thread:
        """Start a thread; ``name`` says what it is, ``context`` for what. It belongs to the caller's process.

        Raises:
            Closed: the process is ending.
        """
        job = self._begin(name, context)

        def run() -> None:
            try:
                target()
            except BaseException as error:  # noqa: BLE001 - whatever ends a thread is its outcome
                self._end(job, error)
            else:
                self._end(job)

        thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name=name, daemon=daemon)
        job.handle = thread
        try:
            thread.start()
        except BaseException as error:
            self._end(job, error)
            raise
        return thread

    def task(
        self, name: str, work: Coroutine[Any, Any, T], *, context: str = "", group: asyncio.TaskGroup | None = None
    ) -> asyncio.Task[T]:
        """Start a task of the running event loop, in ``group`` if given: then the group raises what it fails of.

        Raises:
            Closed: the process is ending.
            RuntimeError: there is no event loop, or the group is ending.
        """
        try:
            job = self._begin(name, context)
        except Closed:
            work.close()
            raise
        try:
            task = (group or asyncio.get_running_loop()).create_task(work, name=f"{name} {context}".strip())
        except RuntimeError as error:  # no loop turns here, or the group takes nothing more
            work.close()
            self._end(job, error, tell=False)
            raise
        job.handle = task
        task.add_done_callback(partial(self._task_ended, job, group is None))
        return task

    def executor(self, name: str, *, context: str = "") -> ThreadPoolExecutor:
        """A pool of one thread, running until its ``shutdown``. What its functions raise reaches those who await them.

        Raises:
            Closed: the process is ending.
        """
        return _OwnedExecutor(name, partial(self._end, self._begin(name, context)))

    def _begin(self, name: str, context: str) -> Job:
        job = Job(name, context[:TEXT], time.monotonic())
        with self._lock:
            if self._closed:
                raise Closed(f"{name} is not started: the process is ending")
            self._running[id(job)] = job
            self._tally(name).started += 1
        return job

    # --- ending ------------------------------------------------------------------------------------------------------

    def _task_ended(self, job: Job, alone: bool, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self._end(job, outcome=CANCELLED)
        else:
            self._end(job, task.exception(), tell=alone)

    def _end(self, job: Job, error: BaseException | None = None, *, outcome: str = DONE, tell: bool = True) -> None:
        with self._lock:
            if self._running.pop(id(job), None) is None:
                return
            tally = self._tally(job.name)
            job.outcome = outcome if error is None else FAILED
            if error is not None:
                job.error = tally.error = f"{type(error).__name__}: {error}"[:TEXT]
            job.ended, job.handle = time.monotonic(), None
            tally.ended[job.outcome] += 1
            tally.last = job.outcome
            self._history.append(job)
        if error is not None and tell:
            log.error("%s failed in the background (%s)", job.name, job.context or "-", exc_info=error)

    def _tally(self, name: str) -> Tally:
        found = self._tallies.get(name)
        if found is None:
            name = name if len(self._tallies) < NAMES else OTHERS
            found = self._tallies.setdefault(name, Tally())
        return found

    async def cancel_tasks(self, timeout_s: float = 2.0) -> list[Job]:
        """Start nothing more, cancel the tasks of this event loop, wait for them; what still runs after that."""
        loop, here = asyncio.get_running_loop(), asyncio.current_task()
        with self._lock:
            self._closed = True
            tasks = [each.handle for each in self._running.values() if isinstance(each.handle, asyncio.Task)]
        mine = [task for task in tasks if task.get_loop() is loop and task is not here]
        for task in mine:
            task.cancel()
        if mine:
            await asyncio.wait(mine, timeout=timeout_s)
            await asyncio.sleep(0)  # the outcome is noted by a callback
        return self.running()

    def join(self, timeout_s: float = 2.0) -> list[Job]:
        """Start nothing more, wait for the threads (whose owners have told them to end); what still runs after that."""
        until = time.monotonic() + timeout_s
        with self._lock:
            self._closed = True
            threads = [each.handle for each in self._running.values() if isinstance(each.handle, threading.Thread)]
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))
        return self.running()

    # --- looking -----------------------------------------------------------------------------------------------------

    def running(self) -> list[Job]:
        """What runs now, the oldest first."""
        with self._lock:
            return sorted(self._running.values(), key=lambda job: job.started)

    def history(self) -> list[Job]:
        """What ended last, the newest last."""
        with self._lock:
            return list(self._history)

    def report(self) -> dict[str, dict[str, Any]]:
        """By name, for the sample: counts, the last outcome and error, and some of those running as (context, age)."""
        now = time.monotonic()
        jobs: dict[str, list[Job]] = {}
        running = self.running()
        with self._lock:
            for job in running:
                jobs.setdefault(job.name if job.name in self._tallies else OTHERS, []).append(job)
            return {
                name: {
                    "running": tally.started - sum(tally.ended.values()),
                    "started": tally.started,
                    **tally.ended,
                    "last": tally.last,
                    "error": tally.error,
                    "now": [[job.context, round(now - job.started, 1)] for job in jobs.get(name, [])[:SHOWN]],
                }
                for name, tally in self._tallies.items()
            }


class _OwnedExecutor(ThreadPoolExecutor):
    """A pool that tells its register when it is shut down."""

    def __init__(self, name: str, ended: Callable[[], None]) -> None:
        super().__init__(max_workers=1, thread_name_prefix=name)
        self._ended = ended

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As ThreadPoolExecutor."""
        super().shutdown(wait=wait, cancel_futures=cancel_futures)
        self._ended()
