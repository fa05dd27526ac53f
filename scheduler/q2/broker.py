"""The broker that hands runnable records to the cluster, and other small django-q2 tasks beside them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import Error
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.models import OrmQ

from scheduler import conf, doorbell, queue
from scheduler.flags import Flag, Pace, readable
from scheduler.housekeeping.rows import close_connections
from scheduler.q2 import package
from scheduler.q2.channel import Channel

log = logging.getLogger(__name__)

#: ``dequeue`` returns within this time, whatever happens: the pusher looks at its stop event only between calls.
POLL_S = 0.25
#: How often other django-q2 tasks are looked for when nobody rings: their table has no index to look with.
OTHERS_EVERY_S = 1.0
#: How often a database that is away is complained about.
TELL_EVERY_S = 5.0

Packages = list[tuple[Any, str]]


class RecordBroker(ORM):
    """Claims records for one cluster (``serve``), and is django-q2's ORM broker for everything else.

    Without ``serve`` it only enqueues and acknowledges, as web processes and workers need it. ``dequeue`` is called by
    one process, the pusher, and never raises.
    """

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(list_key=list_key)
        self.boot_id = ""
        self._queues: Sequence[str] = ()
        self._workers = 0
        self._tasks: Channel | None = None
        self._drain: Flag | None = None
        self._beat: Callable[[], None] = _nothing
        self._listener: doorbell.Listener | None = None
        self._others = Pace(OTHERS_EVERY_S)
        self._more_others = False
        self._counted = False
        self._tell = Pace(TELL_EVERY_S)

    @staticmethod
    def get_connection(list_key: str | None = None) -> Any:
        """django-q2's own queue rows. Connects nothing by itself: the sentinel, which forks, makes brokers too."""
        return OrmQ.objects

    def serve(
        self,
        boot_id: str,
        queues: Sequence[str],
        workers: int,
        tasks: Channel,
        drain: Flag,
        beat: Callable[[], None],
    ) -> None:
        """Claim for the cluster ``boot_id`` from now on.

        Args:
            queues: in the order of preference.
            tasks: the channel that the claimed runs are put into; it knows how many nobody has taken.
            drain: nothing is claimed once this is set.
            beat: called at every turn; tells the watchdog that the pusher is not frozen.
        """
        self.boot_id, self._queues, self._workers = boot_id, tuple(queues), workers
        self._tasks, self._drain, self._beat = tasks, drain, beat

    # --- the pusher's side -------------------------------------------------------------------------------------------

    def dequeue(self) -> Packages:
        """Claim what there is room for; wait for the doorbell up to 250 ms when there is nothing. Never raises."""
        deadline = time.monotonic() + POLL_S
        self._beat()
        try:
            packages = self._look()
            if not packages and self._wait(deadline):
                packages = self._look()
        except (Error, OSError) as error:
            self._recover(error, deadline)
            packages = []
        self._beat()
        return packages

    def _look(self) -> Packages:
        if self._tasks is None or self._drain is None or self._drain.is_set():
            return []
        if not self._counted:
            # A pusher that replaces a dead one: what that one claimed may still wait in the channel.
            self._tasks.assume_unread(queue.claimed_count(self.boot_id))
            self._counted = True
        room = self._room()
        if room <= 0:
            return []
        packages: Packages = []
        ready, due = queue.look(self._queues)
        if due:
            queue.promote()
            self._beat()  # each of these statements may take two seconds when the database is busy
        if ready or due:
            seen = ready and len(self._queues) == 1
            claimed = queue.claim(self.boot_id, self._queues, room, seen=seen)
            packages += [package.pack(pk, self.boot_id) for pk in claimed]
        self._beat()
        if len(packages) < room and (self._more_others or self._others.due()):
            others = self._dequeue_others(room - len(packages))
            self._more_others = bool(others)
            packages += others
        return packages

    def _room(self) -> int:
        """How many more may be claimed; 0 until half of them are taken, so that a claim is worth its statement."""
        limit = conf.values().claims_per_worker * self._workers
        unread = self._tasks.unread() if self._tasks is not None else limit
        return limit - unread if unread <= limit // 2 else 0

    def _dequeue_others(self, limit: int) -> Packages:
        """Packages of django-q2's own queue, locked for ``Conf.RETRY`` as its ORM broker does it."""
        waiting = OrmQ.objects.filter(key=self.list_key, lock__lt=timezone.now())
        taken: Packages = []
        for task in waiting.order_by("pk")[:limit]:
            if OrmQ.objects.filter(pk=task.pk, lock=task.lock).update(lock=self.timeout(task)):
                taken.append((task.pk, task.payload))
        return taken

    def _wait(self, deadline: float) -> bool:
        """Wait for a ring, or for a worker to take something when there is no room. Whether it came in time."""
        left = deadline - time.monotonic()
        if self._tasks is None or self._drain is None or self._drain.is_set():
            time.sleep(max(0.0, left))
            return False
        if self._room() <= 0:
            return bool(readable(self._tasks.taken_descriptor, timeout=left))
        if self._listener is None:
            self._listener = doorbell.Listener(doorbell.RUNS)
        return self._listener.wait(left)

    # --- trouble -----------------------------------------------------------------------------------------------------

    def _recover(self, error: Exception, deadline: float) -> None:
        """Drop the connection, so that the next turn makes a new one, and do not spin."""
        if self._tell.due():
            log.warning("the pusher cannot reach the queue and tries again: %s", error)
        close_connections()
        time.sleep(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Stop listening; at the end of the pusher."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    # --- everybody's side --------------------------------------------------------------------------------------------

    def enqueue(self, task: str) -> int:
        """Queue a package that is not a run (``django_q.tasks.async_task``) and ring after the commit."""
        key: int = super().enqueue(task)
        doorbell.ring(doorbell.RUNS)
        return key

    def acknowledge(self, task_id: Any) -> None:
        """A package is done. A run's needs nothing: its record says so."""
        if not package.is_ours(task_id):
            super().acknowledge(task_id)

    def fail(self, task_id: Any) -> None:
        """A package could not be read. A run's claim returns by itself."""
        if not package.is_ours(task_id):
            super().fail(task_id)

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """Keep no statistics in a cache: heartbeat rows are the truth."""


def _nothing() -> None:
    return
