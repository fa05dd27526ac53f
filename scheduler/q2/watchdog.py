"""The cluster main: starts the cluster and the io process, watches both, and replaces what is frozen or dead.

This process forks. It owns no thread, and no database connection outlives the look it was opened for.
"""

from __future__ import annotations

import gc
import importlib
import logging
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import Error
from django_q.conf import Conf

from execution import handlers
from scheduler import conf
from scheduler.conflicts import is_conflict
from scheduler.flags import Flag, Pace
from scheduler.housekeeping.rows import close_connections
from scheduler.io.services import Service
from scheduler.q2 import board as boards
from scheduler.q2 import renewal
from scheduler.q2.census import Census, how
from scheduler.q2.cluster import KillSafeCluster
from scheduler.q2.generation import Generation
from scheduler.q2.iochild import IoChild
from scheduler.q2.package import ENTRY
from scheduler.q2.parentage import kill, kill_group
from scheduler.q2.patience import brief_connection

log = logging.getLogger(__name__)

#: One turn of the watch, in seconds.
TURN_S = 0.25
#: A sentinel or pusher whose beat is older is frozen. Both beat several times a second, busy or not.
BEAT_LIMIT_S = 5.0
#: A claim that stays unstarted this long while a worker is idle means that the queue between them is frozen.
UNSTARTED_LIMIT_S = 3.0
#: What a cluster gets to let its runs go, before it is killed.
GRACE_S = 5.0
#: How often the rows are looked at, and lapsed leases rescued. At once when a child of the sentinel has died.
LOOK_EVERY_S = 2.0
#: A lock in the database that is in our way for this long, while one of our processes is stopped, is that one's.
LOCKED_LIMIT_S = 5.0
#: A main that itself came back from a pause this much too late was stopped, and all its processes with it, perhaps.
#: They get this long to beat.
OVERSLEPT_S, CATCH_UP_S = 2.0, 1.0
#: A new cluster is started at most this often, so that one that dies at once does not spin.
RESTART_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """What a cluster is started with. ``settings_version`` is asked at every housekeeping tick of its processes.

    ``workers`` and ``recycle``: without a number, each generation is started with that of the settings.
    ``services``: what the io process does periodically besides the services of the scheduler, in a thread of its own.
    """

    workers: int | None
    queues: tuple[str, ...]
    recycle: int | None = None
    settings_version: Callable[[], int] | None = None
    io: bool = True
    services: Sequence[Service] = ()


class Watchdog:
    """One cluster on one host, for as long as its process lives."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._quit = Flag()
        self._look = Pace(LOOK_EVERY_S)
        self._census = Census(options.queues, self._figures)
        self._io = IoChild(options.settings_version, options.services) if options.io else None
        self._cluster: KillSafeCluster | None = None
        self._started = 0.0
        self._deaths = self._taken = 0
        self._moved_at = 0.0
        self._locked_since: float | None = None
        self._settings = 0
        #: Whether this cluster is being replaced because somebody asked for it.
        self._renewing = False
        self.replacements = self.renewals = 0

    def run(self) -> int:
        """Serve until SIGTERM, SIGINT or SIGHUP, then drain and end; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._quit.set())
        self._prepare()
        try:
            self._start()
            while not self._pause():
                self._turn()
        finally:
            self._shut_down()
        return 0

    def _pause(self) -> bool:
        """Wait for the next turn; whether to end.

        When the whole machine stood still (a paused container, a job that was stopped), every beat is old: the others
        get a moment to beat before they are judged. Once: a starved watchdog is not a blind one.
        """
        began = time.monotonic()
        if self._quit.wait(TURN_S):
            return True
        return time.monotonic() - began > OVERSLEPT_S and self._quit.wait(CATCH_UP_S)

    def _prepare(self) -> None:
        """Everything the children share: configuration, imported code, a heap that copies as little as possible."""
        importlib.import_module(ENTRY.rsplit(".", 1)[0])
        handlers.load()
        if self._io is not None:
            self._io.import_code()
        close_connections()
        gc.collect()
        gc.freeze()

    def _start(self) -> None:
        generation = self._new_generation()
        close_connections()
        self._census.begin(generation)
        self._cluster = KillSafeCluster(generation)
        self._cluster.start()
        self._started = self._moved_at = time.monotonic()
        self._deaths = self._taken = 0
        if self._io is not None:
            self._io.ensure(generation)
        log.info("cluster %s started with %d workers", generation.boot_id[:8], generation.workers)

    def _new_generation(self) -> Generation:
        """A generation with the settings of this moment, where the command line does not say otherwise."""
        options = self._options
        self._settings = options.settings_version() if options.settings_version is not None else 0
        values = conf.values()
        workers = options.workers or values.workers
        Conf.WORKERS, Conf.RECYCLE = workers, options.recycle or values.recycle
        Conf.TIMEOUT, Conf.RETRY = values.cluster_timeout_s, values.cluster_retry_s
        return Generation.begin(workers, options.queues, options.settings_version)

    def _figures(self) -> dict[str, Any]:
        """What the row of this process tells beside its weight."""
        options = self._options
        return {
            "replacements": self.replacements,
            "renewals": self.renewals,
            "io_restarts": self._io.restarts if self._io is not None else 0,
            "generation_version": self._settings,
            "fixed": [name for name in ("workers", "recycle") if getattr(options, name) is not None],
        }

    # --- watching ----------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        assert self._cluster is not None  # noqa: S101 - run() starts one before the first turn
        fault = self._fault(self._cluster)
        if fault:
            self._replace(fault)
            return
        if self._io is not None:
            self._io.ensure(self._cluster.generation)
        deaths = self._cluster.generation.board.deaths
        if self._look.due() or deaths != self._deaths:
            self._deaths = deaths
            if self._look_at_rows(self._cluster.generation):
                self._renew()

    def _fault(self, cluster: KillSafeCluster) -> str:
        """What is wrong with the processes, in words; empty when nothing is. Needs no database."""
        if not cluster.sentinel.is_alive():
            return f"the sentinel died ({how(cluster.sentinel.exitcode)})"
        board = cluster.generation.board
        for slot, role in ((boards.SENTINEL, "sentinel"), (boards.PUSHER, "pusher")):
            age = board.beat_age(slot)
            if age is not None and age > BEAT_LIMIT_S:
                return f"the {role} has not moved for {age:.1f} s"
        return self._frozen_queue(cluster.generation)

    def _frozen_queue(self, generation: Generation) -> str:
        """Whether something waits between pusher and workers, nobody takes anything, and yet a worker is idle."""
        taken = generation.board.taken
        if generation.tasks.empty() or taken != self._taken:
            self._taken, self._moved_at = taken, time.monotonic()
        idle = generation.board.longest_idle()
        if min(idle, time.monotonic() - self._moved_at) < UNSTARTED_LIMIT_S:
            return ""  # it moves; or all workers have had something to do lately: busy is not frozen
        return f"claims stay unstarted although a worker has been idle for {idle:.1f} s"

    def _look_at_rows(self, generation: Generation) -> bool:
        """Write the rows of the processes that fork, rescue lapsed runs, give back claims that lost their message.

        Returns whether somebody wants this cluster replaced, now that it is its turn.
        """
        try:
            with brief_connection():
                self._census.look()
                # A worker that dies between taking a task and starting it takes the message with it. Whoever lives
                # starts at once what it takes: with an empty queue, an old claim is in nobody's hands.
                if generation.tasks.empty():
                    lost = self._census.release_lost(UNSTARTED_LIMIT_S)
                    if lost:
                        log.warning("%d claims had lost their message and are ready again", lost)
                wanted = self._renewal_wanted(generation)
            self._locked_since = None
        except (Error, OSError) as error:
            log.warning("the cluster main cannot reach the database and tries again: %s", error)
            if is_conflict(error) or "locked" in str(error):
                self._suspect_the_stopped(time.monotonic())
            return False
        return wanted

    def _renewal_wanted(self, generation: Generation) -> bool:
        if self._renewing:
            self._renewing = not renewal.finish(self._census.main_name, generation.boot_id)
            return False
        return renewal.my_turn(self._census.main_name)

    def _suspect_the_stopped(self, now: float) -> None:
        """Kill processes of ours that were stopped (SIGSTOP, a debugger), when a lock does not go away.

        A process that is stopped inside a transaction keeps its locks: on SQLite nobody writes any more, elsewhere
        nobody can take over its run. Its lease ran out long ago; its death frees what it holds.
        """
        self._locked_since = self._locked_since or now
        if now - self._locked_since < LOCKED_LIMIT_S:
            return
        for pid in [*self._census.stopped(), *(self._io.stopped() if self._io is not None else ())]:
            log.error("process %d is stopped and seems to hold a lock in the database: it is killed", pid)
            kill(pid)

    # --- replacing ---------------------------------------------------------------------------------------------------

    def _replace(self, fault: str) -> None:
        """Stop claiming, a short grace, kill the group, give its claims back, start anew with a new boot id."""
        log.error("replacing the cluster: %s", fault)
        self._end_cluster(f"replaced: {fault}")
        self.replacements += 1
        pause = RESTART_PAUSE_S - (time.monotonic() - self._started)
        if pause > 0 and self._quit.wait(pause):
            return
        if not self._quit.is_set():
            self._start()

    def _renew(self) -> None:
        """The same by request: the runs have time to come to their next block, and nothing is wrong."""
        log.info("the cluster is replaced by request")
        self._renewing = True
        self._end_cluster("replaced by request", renewal.GRACE_S)
        self.renewals += 1
        if not self._quit.is_set():
            self._start()

    def _end_cluster(self, cause: str, grace_s: float = GRACE_S) -> None:
        cluster, self._cluster = self._cluster, None
        if cluster is None:
            return
        generation = cluster.generation
        cluster.stop()
        # A dead sentinel has taken its children with it: nothing to wait for.
        cluster.sentinel.join(grace_s)
        if cluster.sentinel.pid is not None:
            kill_group(cluster.sentinel.pid)
        cluster.sentinel.kill()  # it may not have come as far as leading its group
        cluster.sentinel.join()
        self._census.wait_gone()
        try:
            with brief_connection():
                self._census.end(cause)
        except (Error, OSError) as error:
            # Their leases and claims lapse by themselves, only later.
            log.warning("could not give back what cluster %s held: %s", generation.boot_id[:8], error)
        generation.end()

    def _shut_down(self) -> None:
        if self._io is not None:
            self._io.ask_to_stop()
        self._end_cluster("stopped")
        if self._io is not None:
            self._io.stop(GRACE_S)
        self._census.leave()
