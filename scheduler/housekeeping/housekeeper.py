"""The housekeeper: one thread with one connection per process; each tick is one round of everything periodic.

A tick costs at most ``STATEMENTS`` statements, however many runs the process has done or the system holds: the lease
of the run that is being interpreted, one read of every flag (cancel, pause, drain, probes), the heartbeat with its
sample, and the settings' version. An idle process leaves the first out. Somebody looking into the memory of the process
costs ``scheduler.probes.answering.STATEMENTS`` more, in the ticks in which a probe is taken up or answered.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import Error, connection, connections

from scheduler import clock, conf, transitions
from scheduler.flags import Flag, readable
from scheduler.housekeeping import figures, rows
from scheduler.housekeeping.sampling import Sampler, wanted
from scheduler.probes.answering import Prober
from scheduler.process import Process

log = logging.getLogger(__name__)

#: The most statements one tick sends: renew, flags, heartbeat, settings.
STATEMENTS = 4
#: How long ``stop`` waits for a tick that is under way.
STOP_WAIT_S = 2.0

_FLAGS = (
    "SELECT p.draining, r.cancel_requested, r.pause_requested,"
    " EXISTS(SELECT 1 FROM scheduler_probe b WHERE b.process = p.name AND b.state = 'asked')"
    " FROM scheduler_processrow p"
    " LEFT JOIN scheduler_taskrecord r ON r.id = %s AND r.token = %s AND r.status = 'running' WHERE p.id = %s"
)


class Housekeeper:
    """Owns one thread from ``start`` to ``stop``. Use it as a context manager.

    Args:
        process: whose duty it attends to. The process is registered at the start and retired at the end.
        parent_pid, queues: for the process's row.
        settings_version: number of the settings in force here; cheap, asked every tick.
        drain: when set, the process is asked to end after what it does now (as by its row's ``draining``).
        figures: more figures for the sample, by name.
    """

    def __init__(
        self,
        process: Process,
        *,
        parent_pid: int | None = None,
        queues: Sequence[str] = (),
        settings_version: Callable[[], int] | None = None,
        drain: Flag | None = None,
        figures: Mapping[str, Callable[[], Any]] | None = None,
    ) -> None:
        self._process = process
        self._parent_pid = parent_pid
        self._queues = tuple(queues)
        self._settings_version = settings_version
        self._drain = drain
        self._figures = dict(figures or {})
        self._main_connection = connections["default"]
        self._stop = Flag()
        self._thread: threading.Thread | None = None
        self._sampler = Sampler()
        self._prober = Prober(process)
        self._key: int | None = None
        self._progress_seen = -1
        self._token_seen = ""
        self._version_seen = -1
        self._version_at = 0
        self._cause = "ended"
        self.failures = 0

    # --- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread; the first tick registers the process."""
        process = self._process
        self._thread = process.background.thread(
            "housekeeper", self._run, context="heartbeat, lease, flags", daemon=True
        )

    def stop(self, cause: str = "ended") -> None:
        """End the thread and close the process's row; waits at most ``STOP_WAIT_S``. Idempotent."""
        thread = self._thread
        if thread is not None and thread.is_alive():
            self._cause = cause
            self._stop.set()
            thread.join(STOP_WAIT_S)
            if not thread.is_alive():
                self._stop.close()

    def __enter__(self) -> Housekeeper:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            while not self._wait_for_stop(self._tick_and_interval()):
                pass
            self._prober.stop()
            self._retire()
        finally:
            connection.close()

    def _tick_and_interval(self) -> float:
        began = time.monotonic()
        try:
            self.tick()
            self.failures = 0
        except (Error, OSError) as error:
            self._reconnect(error)
        except Exception:
            # A dead housekeeper costs the process its lease and its voice; the fault belongs into the log, loudly.
            self.failures += 1
            log.exception("the housekeeper of %s stumbled and goes on", self._process.name)
        return max(0.05, conf.values().housekeeping_interval_s - (time.monotonic() - began))

    def _wait_for_stop(self, timeout: float) -> bool:
        """Wait for the next tick; whether to end. A drain is passed on at once, not at the next tick."""
        descriptors = [self._stop.fileno()]
        if self._drain is not None and not self._process.duty.draining:
            descriptors.append(self._drain.fileno())
        ready = readable(*descriptors, timeout=timeout)
        if len(descriptors) == 2 and descriptors[1] in ready:
            self._ask_to_drain()
        return self._stop.is_set()

    def _reconnect(self, error: Exception) -> None:
        self.failures += 1
        if self.failures == 1:
            log.warning("the housekeeper of %s lost its connection and makes a new one: %s", self._process.name, error)
        connection.close()

    def _retire(self) -> None:
        if self._key is not None:
            try:
                rows.retire([self._key], self._cause, **self._last_beat())
            except (Error, OSError) as error:
                log.warning("the row of %s stays open until it is found silent: %s", self._process.name, error)

    def _last_beat(self) -> dict[str, Any]:
        """What the process weighed in the end: one that lived shorter than a tick would leave no figure else."""
        try:
            sample = self._sample(dear=True)
        except Exception:
            log.exception("the last sample of %s is missing", self._process.name)
            return {}
        return {"beat_at": clock.now(), "runs": self._process.duty.runs, "sample": sample}

    # --- one tick ----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Everything periodic, once. Raises what the database raises; ``_run`` reconnects."""
        if self._key is None:
            self._register()
        duty = self._process.duty
        record_pk, token = duty.record_pk, duty.token
        if record_pk is not None and token:
            self._renew(record_pk, token)
        asked = self._read_flags(record_pk, token)
        self._beat()
        self._prober.attend(asked)

    def _register(self) -> None:
        process = self._process
        self._key = rows.register(
            process.name,
            process.role,
            process.boot_id,
            parent_pid=self._parent_pid,
            queues=self._queues,
            seat=process.seat,
        )

    def _renew(self, record_pk: int, token: str) -> None:
        """Prolong the lease if the main thread has moved since the last tick: one that hangs loses its run."""
        progress = self._process.duty.progress
        if progress == self._progress_seen and token == self._token_seen:
            return
        self._progress_seen, self._token_seen = progress, token
        transitions.renew({record_pk: token}, clock.now() + timedelta(seconds=conf.values().lease_s))

    def _read_flags(self, record_pk: int | None, token: str) -> bool:
        """Pass on what is asked of the run and the process; whether somebody asks about its memory."""
        with connection.cursor() as cursor:
            cursor.execute(_FLAGS, [record_pk, token, self._key])
            row = cursor.fetchone()
        if row is None:
            self._key = None  # pruned, or another database: register again
            return False
        draining, cancel, pause, asked = row
        duty = self._process.duty
        if duty.token == token and (cancel or pause):
            duty.stop = "cancel" if cancel else "pause"
        if draining and not duty.draining:
            self._ask_to_drain()
        return bool(asked)

    def _ask_to_drain(self) -> None:
        duty = self._process.duty
        duty.draining = True
        if duty.record_pk is not None and duty.stop is None:
            duty.stop = "drain"

    def _beat(self) -> None:
        if self._key is None:
            return
        duty = self._process.duty
        version = self._look_at_settings()
        since = clock.from_ms(duty.since_ms) if duty.record_pk is not None and duty.since_ms else None
        alive = rows.beat(
            self._key,
            runs=duty.runs,
            current_record=duty.record_id[:128],
            current_block=duty.block[:190],
            current_since=since,
            settings_version=version,
            sample=self._sample(),
        )
        if not alive:
            self._key = None

    def _look_at_settings(self) -> int:
        """Number of the newest change in force here; when it came is kept for the sample."""
        version = self._settings_version() if self._settings_version is not None else 0
        if version != self._version_seen:
            self._version_seen, self._version_at = version, clock.now_ms()
        return version

    def _sample(self, *, dear: bool = False) -> dict[str, Any]:
        if not wanted():
            return {}
        process = self._process
        background = process.background.report()
        both = dict.fromkeys((self._main_connection, connections["default"]))
        opened = [each for each in both if each.connection is not None]
        return {
            **self._sampler.sample(dear=dear),
            "settings_at": self._version_at,
            "settings_digest": conf.values().digest(),
            "runs": process.duty.runs,
            "contexts": process.contexts.alive(),
            "leaked": process.duty.leaked,
            "leaked_by": list(process.duty.leaked_by),
            **({"heap": json.loads(heap)} if (heap := process.meter.published) else {}),
            "asyncio_tasks": figures.asyncio_tasks(process.loop),
            "connections": len(opened),
            "busy_waits": process.busy_waits,
            "connection_ids": figures.connection_ids(opened),
            "background": background,
            "background_open": figures.running(background),
            **{name: figure() for name, figure in self._figures.items()},
        }
