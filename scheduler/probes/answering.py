"""The answering side: a process's housekeeper claims what it is asked, a thread of its own looks, the next tick writes.

The housekeeper never waits for a look, so that no lease runs out over it; the looking thread touches no database.
Whatever a look raises becomes the probe's error.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import Error

from scheduler import clock
from scheduler.background import Closed
from scheduler.models import Probe
from scheduler.probes import heap, mapping, stack, tracing
from scheduler.probes.kinds import ERROR_LIMIT, Kind, State, packed
from scheduler.process import Process

log = logging.getLogger(__name__)

#: Statements that a tick sends more when something is asked or to be answered.
STATEMENTS = 3
#: Seconds that the end of the process waits for a look that is under way.
STOP_WAIT_S = 0.5


@dataclass(slots=True)
class _Look:
    """One look: written by its thread until ``over`` is set, then read by the housekeeper."""

    pk: int
    kind: str
    seconds: float
    over: threading.Event = field(default_factory=threading.Event)
    result: str = ""
    error: str = ""


class Prober:
    """What one process has been asked, one probe after the other. Used by its housekeeper only."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._stop = threading.Event()
        self._look: _Look | None = None
        #: Counts by type of the last snapshot, to tell what grew since; a few kilobytes.
        self._counts: Mapping[str, int] | None = None

    def attend(self, asked: bool) -> None:
        """Write what is answered; begin with what is asked, if nothing is under way. At most ``STATEMENTS``.

        Raises:
            django.db.Error: nothing is lost; the next call writes it.
        """
        if self._look is not None and self._look.over.is_set():
            self._write(self._look)
            self._look = None
        if asked and self._look is None:
            self._begin()

    def stop(self) -> None:
        """The process ends: end the look, and say so in its probe if the database can be reached. Idempotent."""
        look, self._look = self._look, None
        self._stop.set()
        if look is None:
            return
        if not look.over.wait(STOP_WAIT_S):
            look = _Look(look.pk, look.kind, look.seconds, error="the process ended before it could answer")
        try:
            self._write(look)
        except (Error, OSError) as error:
            log.warning("probe %s stays open until it is found: %s", look.pk, error)

    def _begin(self) -> None:
        """Claim the oldest, so that nobody writes its expiry any more, and start to look."""
        mine = Probe.objects.filter(process=self._process.name, state=State.ASKED)
        row = mine.order_by("pk").values_list("pk", "kind", "seconds").first()
        if row is None:
            return
        if not mine.filter(pk=row[0]).update(state=State.RUNNING, started_at=clock.now()):
            return  # it has just expired
        look = self._look = _Look(*row)
        try:
            self._process.background.thread("probe", lambda: self._answer(look), context=look.kind, daemon=True)
        except Closed as error:
            look.error = str(error)
            look.over.set()

    def _answer(self, look: _Look) -> None:
        try:
            look.result = packed(self._found(look))
        except Exception as error:  # noqa: BLE001 - a probe must never harm the process it asks
            look.error = f"{type(error).__name__}: {error}"
        finally:
            look.over.set()

    def _found(self, look: _Look) -> Mapping[str, Any]:
        kinds: Mapping[str, Callable[[], Mapping[str, Any]]] = {
            Kind.COLLECT: _collect,
            Kind.SNAPSHOT: self._snapshot,
            Kind.TRACE: lambda: self._trace(look.seconds),
            Kind.MAP: mapping.mappings,
            Kind.STACK: lambda: stack.stacks(self._process.loop),
        }
        return kinds[look.kind]()

    def _snapshot(self) -> Mapping[str, Any]:
        with self._process.looking:  # meanwhile everything is referred to from here, the contexts of ended runs too
            found = heap.snapshot(self._counts)
        self._counts = heap.counts(found)
        return found

    def _trace(self, seconds: float) -> Mapping[str, Any]:
        before = self._process.duty.runs
        found = tracing.trace(seconds, self._stop)
        return {**found, "runs": self._process.duty.runs - before}

    @staticmethod
    def _write(look: _Look) -> None:
        state = State.FAILED if look.error else State.DONE
        Probe.objects.filter(pk=look.pk, state=State.RUNNING).update(
            state=state, ended_at=clock.now(), result=look.result, error=look.error[:ERROR_LIMIT]
        )


def _collect() -> Mapping[str, Any]:
    before = mapping.weight()
    freed, pause_ms = heap.collect()
    return {"freed": freed, "pause_ms": pause_ms, "before": before, "after": mapping.weight()}
