"""The meter of a worker: weighs what each run leaves behind, and looks closer when its floor rises.

After each run it reads one counter (some 15 µs). The floor costs a collection, at most one part in ``PATIENCE`` of
the worker's time. What it keeps does not grow (arrays, one text), or is weighed and taken off, so that it never finds
itself. The main thread writes; the housekeeper reads ``published``, which is replaced as a whole.
"""

from __future__ import annotations

import gc
import json
import sys
import time

from scheduler.leaks import heap
from scheduler.leaks.floor import WARM_UP, Floor, Point
from scheduler.leaks.ledger import Ledger
from scheduler.leaks.tracing import Blame, Trace

PATIENCE = 200
#: Seconds between two closer looks.
_LOOK_EVERY_S = 10.0
#: Seconds until the second trace; each next pause is so many times as long. Before Python 3.12.5 ``tracemalloc`` never
#: frees the call chains that it has seen (python/cpython#121390), some MB a trace: many traces would be the leak.
_TRACE_AGAIN_S, _LONGER = 10.0, 4
#: Names published of each ledger.
_SHOWN = 8
#: Of 100 runs so many must have left an object of a type for it to be named.
_NAMED_PERCENT = 5


class Meter:
    """One per process. ``patience``: a collection that took a second is followed by so many seconds without one."""

    def __init__(self, patience: int = PATIENCE) -> None:
        self._patience = patience
        #: What is known, as JSON; empty until there is a point.
        self.published = ""
        self._definitions, self._kinds = Ledger(), Ledger()
        self._floor = Floor()
        self._runs = 0
        self._blocks: int | None = None
        #: Blocks that this meter itself keeps: it must not take itself for a leak.
        self._own = 0
        self._rest_until = 0.0
        self._baseline: tuple[int, heap.Histogram] | None = None
        self._looked = float("-inf")
        self._trace: Trace | None = None
        self._trace_pause_s, self._trace_due = _TRACE_AGAIN_S, float("-inf")
        self._growers: list[tuple[str, int, int]] = []
        self._blame: list[Blame] = []

    def after_run(self, label: str, kinds: frozenset[str], blocks_per_run: float) -> None:
        """A run of the definition ``label``, made of these block types, has left the process.

        ``blocks_per_run``: the growth that makes the meter look closer.
        """
        self._runs += 1
        blocks = sys.getallocatedblocks()
        if self._blocks is not None and self._floor.points_kept:  # what is left before the first collection is garbage
            left = blocks - self._blocks
            self._definitions.add((label,), left)
            self._kinds.add(kinds, left)
        self._blocks = blocks
        if self._trace is not None:
            if self._trace.complete(self._runs):
                self._blame, self._trace = self._trace.end(self._runs), None
                self._publish()
                self._blocks = sys.getallocatedblocks()
        elif self._floor.due(self._runs) and time.monotonic() >= self._rest_until:
            self._take_point(blocks, blocks_per_run)

    def _take_point(self, before: int, blocks_per_run: float) -> None:
        began = time.monotonic()
        gc.collect()
        self._rest_until = time.monotonic() + self._patience * (time.monotonic() - began)
        blocks = sys.getallocatedblocks()
        self._definitions.settle(blocks - before)
        self._kinds.settle(blocks - before)
        self._floor.add(Point(self._runs, blocks - self._own, int(time.time())))
        if self._baseline is None and self._runs >= WARM_UP:
            self._baseline = self._runs, heap.histogram()
            self._account(blocks)
        elif self._floor.rises(blocks_per_run) and began - self._looked >= _LOOK_EVERY_S:
            self._look_closer(began)
            self._account(blocks)
        elif self._growers and not self._floor.rises(blocks_per_run):
            self._growers, self._blame = [], []
        self._publish()
        self._blocks = sys.getallocatedblocks()

    def _account(self, before: int) -> None:
        """What was allocated since ``before`` and is no garbage is this meter's own."""
        gc.collect()
        self._blocks = sys.getallocatedblocks()
        self._own += self._blocks - before

    def _look_closer(self, now: float) -> None:
        """Name the types that grew since the warm-up, and trace the next runs if that was not done lately."""
        self._looked = now
        if self._baseline is not None:
            runs, before = self._baseline
            least = max(3, (self._runs - runs) * _NAMED_PERCENT // 100)
            self._growers = heap.growers(before, heap.histogram(except_for=before), least=least)
        if self._looked >= self._trace_due:
            self._trace = Trace.begin(self._runs)
            self._trace_due = self._looked + self._trace_pause_s
            self._trace_pause_s *= _LONGER

    def _publish(self) -> None:
        self.published = json.dumps(
            {
                "points": [list(point) for point in self._floor.points],
                "growers": [list(row) for row in self._growers],
                "blame": [list(row) for row in self._blame],
                "definitions": [list(row) for row in self._definitions.top(_SHOWN)],
                "kinds": [list(row) for row in self._kinds.top(_SHOWN)],
            }
        )
