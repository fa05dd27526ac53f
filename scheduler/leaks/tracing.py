"""Which block type leaves objects behind: a few runs are traced, and what survives them is led back to its handler."""

from __future__ import annotations

import gc
import inspect
import time
import tracemalloc
from collections import Counter
from pathlib import PurePath
from typing import Any

from execution.registry import REGISTRY
from scheduler.leaks.heap import handler_chain

#: Runs traced together, fewer when they take longer. What every run replaces survives once, a leak as often as there
#: are runs; what a driver keeps until it has two hundred of it (the cursors of SQLite) lies in between.
RUNS, FEWEST, LONGEST_S = 40, 16, 20.0
#: Frames remembered of each allocation.
_FRAMES = 20
#: Share of the runs whose objects must survive for a place to be named.
_SHARE = 0.8
_MOST = 5

Blame = tuple[str, int, str]


class Trace:
    """Traces allocations of this process from ``begin`` until ``end``. Nothing else may trace meanwhile."""

    def __init__(self, runs: int) -> None:
        self._from = runs
        self._until = time.monotonic() + LONGEST_S

    @classmethod
    def begin(cls, runs: int) -> Trace | None:
        """Start; ``runs`` have ended so far. ``None`` when somebody else traces already."""
        if tracemalloc.is_tracing():
            return None
        tracemalloc.start(_FRAMES)
        return cls(runs)

    def complete(self, runs: int) -> bool:
        """Whether enough runs have ended since."""
        ended = runs - self._from
        return ended >= RUNS or (ended >= FEWEST and time.monotonic() >= self._until)

    def end(self, runs: int) -> list[Blame]:
        """Stop; block type (empty: the engine itself), objects for each 1,000 runs, and where it was allocated."""
        if not tracemalloc.is_tracing():
            return []
        gc.collect()
        traces = tracemalloc.take_snapshot().traces
        tracemalloc.stop()
        ended, handlers = runs - self._from, _handlers()
        found: Counter[tuple[str, str, Any]] = Counter(_place(tuple(each.traceback), handlers) for each in traces)
        often = [(place, count) for place, count in found.items() if count >= _SHARE * ended]
        # A handler that is named says more than a line of the engine; the driver's and Django's lines say least.
        often.sort(key=lambda row: (not row[0][0], -row[1], row[0][:2]))
        return [(kind, round(1000 * count / ended), site) for (kind, site, _), count in often[:_MOST]]


_Ranges = dict[str, list[tuple[int, int, str]]]


def _handlers() -> _Ranges:
    """Lines of each handler by file."""
    found: _Ranges = {}
    for spec in REGISTRY:
        for handler in handler_chain(spec.handler):
            code = getattr(handler, "__code__", None)
            if inspect.iscode(code):
                lines = [line for _, _, line in code.co_lines() if line]
                found.setdefault(code.co_filename, []).append((min(lines), max(lines), spec.name))
    return found


def _place(traceback: Any, handlers: _Ranges) -> tuple[str, str, Any]:
    """The block type whose handler is innermost, with its line; else the innermost line and the way to it.

    Lines of a library that many callers reach, each now and then, are no leak of any of them.
    """
    for frame in reversed(traceback):
        kinds = [kind for first, last, kind in handlers.get(frame.filename, ()) if first <= frame.lineno <= last]
        if kinds:
            return "/".join(sorted(set(kinds))[:3])[:64], _site(frame), None
    return "", _site(traceback[-1]), traceback


def _site(frame: Any) -> str:
    return f"{'/'.join(PurePath(frame.filename).parts[-2:])}:{frame.lineno}"[:64]
