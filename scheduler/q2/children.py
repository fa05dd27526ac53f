"""The bodies of the sentinel's children: what happens between the fork and django-q2's loop."""

from __future__ import annotations

import logging
import os
import random
import signal
from typing import Any

from django_q.conf import Conf
from django_q.monitor import monitor
from django_q.pusher import pusher
from django_q.worker import worker

from scheduler.flags import Flag
from scheduler.housekeeping import Housekeeper
from scheduler.housekeeping.rows import close_connections
from scheduler.process import CURRENT, Process
from scheduler.q2 import board as boards
from scheduler.q2.broker import RecordBroker
from scheduler.q2.generation import Generation
from scheduler.q2.parentage import die_with
from scheduler.q2.patience import be_impatient

log = logging.getLogger(__name__)


def name_of(role: str, boot_id: str, pid: int) -> str:
    """The name of a process of a cluster, as its row and every message call it."""
    return f"{role}-{boot_id[:8]}-{pid}"


def run_worker(generation: Generation, slot: int, timer: Any, timeout: int | None, parent_pid: int) -> None:
    """Interpret runs until asked to stop, recycled or killed."""
    process = enter("worker", generation.boot_id, parent_pid)
    process.seat = slot - boards.FIRST_WORKER + 1
    board, tasks, duty = generation.board, generation.tasks, process.duty
    tasks.on_wait = lambda: board.idle(slot)
    tasks.on_take = lambda: board.busy(slot)
    tasks.should_stop = lambda: duty.draining or generation.drain.is_set()
    with Housekeeper(
        process,
        parent_pid=parent_pid,
        queues=generation.queues,
        settings_version=generation.settings_version,
        drain=generation.drain,
        figures={"recycle_at": lambda: Conf.RECYCLE},
    ) as housekeeper:
        worker(tasks, generation.results, timer, timeout)
        if duty.draining and timer.value == -1:
            timer.value = -2  # it went because it was asked to, not by accident
        housekeeper.stop("recycled" if timer.value == -2 else "ended")
    leave(process)


def run_pusher(generation: Generation, stop: Flag, parent_pid: int) -> None:
    """Claim runs and hand them over until asked to stop."""
    process = enter("pusher", generation.boot_id, parent_pid)
    be_impatient()
    broker = RecordBroker()

    def beat() -> None:
        generation.board.beat(boards.PUSHER)

    generation.tasks.while_waiting = beat
    broker.serve(generation.boot_id, generation.queues, generation.workers, generation.tasks, generation.drain, beat)
    with Housekeeper(
        process,
        parent_pid=parent_pid,
        queues=generation.queues,
        settings_version=generation.settings_version,
        figures={"unread": generation.tasks.qsize},
    ):
        pusher(generation.tasks, stop, broker)
    broker.close()
    leave(process)


def run_monitor(generation: Generation, broker: RecordBroker, parent_pid: int) -> None:
    """Store the results of other django-q2 tasks; runs put none. Has no thread: it is sampled from outside."""
    enter("monitor", generation.boot_id, parent_pid)
    monitor(generation.results, broker)
    close_connections()


def enter(role: str, boot_id: str, parent_pid: int) -> Process:
    """Become a child: tied to its parent, with nothing of its state but code, and a name."""
    die_with(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    random.seed()
    process = Process(name=name_of(role, boot_id, os.getpid()), boot_id=boot_id, role=role)
    CURRENT.set(process)
    close_connections()  # reading the settings may have opened one
    return process


def leave(process: Process) -> None:
    """Stop being one: say what somebody forgot to end, close the connections."""
    for job in process.background.join(0.0):
        log.warning("%s ends while %s still runs (%s)", process.name, job.name, job.context or "-")
    close_connections()
