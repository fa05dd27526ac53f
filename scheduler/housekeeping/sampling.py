"""What a process weighs: cheap figures every tick, dear ones every few ticks. Bytes, counts, percent of one core."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import Any

import psutil

#: USS and PSS cost a millisecond (the kernel walks the page tables): only every so many ticks.
DEAR_EVERY = 5


class Sampler:
    """Samples one process, itself or another one from outside; keeps what the next sample is compared with."""

    def __init__(self, pid: int | None = None) -> None:
        self._process = psutil.Process(pid)
        self._own = pid is None
        self._turn = 0
        self._dear: dict[str, Any] = {}
        self._process.cpu_percent(None)  # the first call only sets the mark

    def sample(self) -> dict[str, Any]:
        """The newest figures; empty when the process is gone."""
        try:
            with self._process.oneshot():
                memory = self._process.memory_info()
                figures: dict[str, Any] = {
                    "rss": memory.rss,
                    "vms": memory.vms,
                    "threads": threading.active_count() if self._own else self._process.num_threads(),
                    "fds": self._process.num_fds(),
                    "cpu_percent": self._process.cpu_percent(None),
                }
            if self._turn % DEAR_EVERY == 0:
                self._dear = self._weigh()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return {}
        self._turn += 1
        if self._own:
            figures["blocks"] = sys.getallocatedblocks()
        return {**figures, **self._dear}

    def _weigh(self) -> dict[str, Any]:
        with contextlib.suppress(psutil.AccessDenied):
            full = self._process.memory_full_info()
            return {"uss": full.uss, "pss": full.pss}
        return {}
