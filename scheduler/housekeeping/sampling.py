"""What a process weighs: cheap figures every tick, dear ones every few ticks. Bytes, counts, percent."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import time
from typing import Any

import psutil
from django.conf import settings

#: USS and PSS cost a millisecond (the kernel walks the page tables): only every so many ticks.
DEAR_EVERY = 5


def wanted() -> bool:
    """Whether this installation measures at all: the setting ``MONITORING``."""
    return bool(getattr(settings, "MONITORING", True))


class Sampler:
    """Samples one process, itself or another one from outside; keeps what the next sample is compared with."""

    def __init__(self, pid: int | None = None) -> None:
        self._process = psutil.Process(pid)
        self._own = pid is None
        self._turn = 0
        self._dear: dict[str, Any] = {}
        self._machine = psutil.virtual_memory().total
        self._process.cpu_percent(None)  # the first call only sets the mark

    def age_s(self) -> float:
        """How long the process has been running."""
        return max(0.0, time.time() - self._process.create_time())

    def sample(self, *, dear: bool = False) -> dict[str, Any]:
        """The newest figures, with ``dear`` all of them; empty when the process is gone, or nobody wants to know.

        ``percent``: RSS of the machine's memory; ``cpu_percent``: of one core. ``blocks`` and ``gc`` (objects that
        each generation has gathered since its last collection) are known of the own process only.
        """
        if not wanted():
            return {}
        try:
            with self._process.oneshot():
                memory = self._process.memory_info()
                figures: dict[str, Any] = {
                    "rss": memory.rss,
                    "vms": memory.vms,
                    "percent": round(100 * memory.rss / self._machine, 2),
                    "threads": threading.active_count() if self._own else self._process.num_threads(),
                    "fds": self._process.num_fds(),
                    "cpu_percent": self._process.cpu_percent(None),
                }
            if dear or self._turn % DEAR_EVERY == 0:
                self._dear = self._weigh()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return {}
        self._turn += 1
        if self._own:
            figures["blocks"] = sys.getallocatedblocks()
            figures["gc"] = list(gc.get_count())
        return {**figures, **self._dear}

    def _weigh(self) -> dict[str, Any]:
        with contextlib.suppress(psutil.AccessDenied):
            full = self._process.memory_full_info()
            return {"uss": full.uss, "pss": full.pss}
        return {}
