"""Where the time of a worker goes: the stack of the running program, looked at a thousand times a second.

A look costs microseconds and happens between two bytecodes, so that nothing is distorted; time inside the driver is
counted for the statement that it carries out.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tests.benchmarks.measuring import say, table

_EVERY_S = 0.001
#: The innermost frame that one of these fits tells the phase: (end or part of the path, function or "", phase).
_PLACES = (
    ("backends/base/base.py", "_commit", "commit"),
    ("scheduler/queue.py", "", "claim"),
    ("scheduler/loading.py", "", "start (claimed to running, read)"),
    ("scheduler/plans.py", "", "plan"),
    ("execution/plan.py", "", "plan"),
    ("scheduler/rows.py", "save_blocks", "block rows"),
    ("scheduler/rows.py", "save_logs", "log lines"),
    ("scheduler/rows.py", "", ""),  # a helper of one of them: who called it?
    ("scheduler/settlement.py", "", "settle (journal, counter)"),
    ("execution/rows.py", "", "encode (JSON texts)"),
    ("execution/recording.py", "", "recording"),
    ("execution/binding.py", "", "bind (parameters)"),
    ("execution/expressions/", "", "bind (parameters)"),
    ("execution/handlers/", "", "handlers"),
    ("tests/benchmarks/", "answer", "handlers"),
    ("execution/", "", "walk"),
    ("scheduler/transitions.py", "", "end (running to finished)"),
    ("scheduler/executor.py", "", "executor"),
    ("scheduler/", "", "worker"),
)
_REST = "other"
#: When the innermost frame is here, the time is the driver's (or the server's that it waits for).
_DRIVERS = ("MySQLdb/", "backends/sqlite3/", "backends/mysql/", "vwed/sqlite3/")


@contextmanager
def looked_at() -> Iterator[Counter[str]]:
    """Count the phases that the main thread of this process is found in."""
    found: Counter[str] = Counter()

    def look(_: int, frame: FrameType | None) -> None:
        found[_phase(frame)] += 1

    before = signal.signal(signal.SIGALRM, look)
    signal.siginterrupt(signal.SIGALRM, False)  # the driver's system calls go on
    signal.setitimer(signal.ITIMER_REAL, _EVERY_S, _EVERY_S)
    try:
        yield found
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _phase(frame: FrameType | None) -> str:
    in_driver = frame is not None and any(part in frame.f_code.co_filename for part in _DRIVERS)
    while frame is not None:
        path, function = frame.f_code.co_filename, frame.f_code.co_name
        for part, name, phase in _PLACES:
            if part in path and (not name or name == function):
                if not phase:
                    break
                return f"{phase}: driver" if in_driver and phase != "commit" else phase
        frame = frame.f_back
    return _REST


def print_phases(title: str, found: Counter[str], milliseconds: float, units: str) -> None:
    """One table: share and time of each phase; ``milliseconds`` is the whole for each of ``units``."""
    total = sum(found.values())
    if not total:
        say("too short to see where the time goes")
        return
    rows = [
        [phase, f"{count / total:.1%}", f"{1000 * milliseconds * count / total:,.0f}"]
        for phase, count in found.most_common()
    ]
    table([title, "share", f"µs a {units}"], rows)
