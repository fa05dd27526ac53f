"""Which lines of the program allocated what is still there: Python's own tracing, for some seconds.

While it lasts every allocation costs several times as much; whatever happens, it is stopped.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from threading import Event
from typing import Any

#: Lines shown.
SHOWN = 30
#: Bytes that the tracing itself may take before it is ended early.
OVERHEAD_LIMIT = 64 * 1024 * 1024
#: Seconds between two looks at what the tracing takes.
LOOK_S = 0.5
_WITHOUT = (
    tracemalloc.Filter(False, tracemalloc.__file__),
    tracemalloc.Filter(False, __file__),
    tracemalloc.Filter(False, "<unknown>"),
)


class Abandoned(RuntimeError):
    """The process ends before the trace does."""


def trace(seconds: float, stop: Event) -> dict[str, Any]:
    """Trace for ``seconds``; what was allocated meanwhile and is not freed, by line, the heaviest first.

    Raises:
        Abandoned: ``stop`` was set.
        RuntimeError: somebody else traces in this process.
    """
    if tracemalloc.is_tracing():
        raise RuntimeError("allocations are traced in this process already, by PYTHONTRACEMALLOC or by hand")
    tracemalloc.start()
    try:
        began = time.monotonic()
        early = _wait(began + seconds, stop)
        took = time.monotonic() - began
        gc.collect()  # what only waits for the collector has not been kept
        kept = tracemalloc.take_snapshot().filter_traces(_WITHOUT)
        overhead = tracemalloc.get_tracemalloc_memory()
    finally:
        tracemalloc.stop()
    lines = kept.statistics("lineno")
    return {
        "seconds": round(took, 1),
        "ended_early": early,
        "overhead": overhead,
        "bytes": sum(each.size for each in lines),
        "lines": [
            [f"{each.traceback[0].filename}:{each.traceback[0].lineno}", each.count, each.size]
            for each in lines[:SHOWN]
        ],
        "further_lines": max(0, len(lines) - SHOWN),
    }


def _wait(until: float, stop: Event) -> bool:
    """Wait; whether the tracing grew too large before the time was over."""
    while (left := until - time.monotonic()) > 0:
        if stop.wait(min(left, LOOK_S)):
            raise Abandoned("the process ended before the trace did")
        if tracemalloc.get_tracemalloc_memory() > OVERHEAD_LIMIT:
            return True
    return False
