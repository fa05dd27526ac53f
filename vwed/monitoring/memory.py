"""What the Memory page shows and its topic carries: processes, verdicts, and the probes that were asked last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scheduler import clock, conf
from scheduler.models import Probe
from vwed.models import Growth
from vwed.monitoring.generations import Generation
from vwed.monitoring.processes import ProcessView, read_processes
from vwed.monitoring.theil_sen import slope

#: Processes in a frame; more are counted. Keeps the frame under 8 KB.
FRAME_PROCESSES = 40
#: Probes that are listed.
PROBES = 20
#: Points of a worker that its slope needs.
NEEDED = 3

#: Figures of a process in a frame, in this order, after its series' name and its state.
FIGURES = (
    *("rss", "uss", "pss", "cpu_percent", "threads", "fds", "contexts", "background_open", "connections"),
    *("asyncio_tasks", "runs", "recycle_in"),
)


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything of one moment. ``limit``: bytes."""

    at: datetime
    processes: Sequence[ProcessView]
    verdicts: Mapping[str, Growth]
    probes: Sequence[Probe]
    limit: int

    @property
    def live(self) -> list[ProcessView]:
        """Those that live, parents before children."""
        return [each for each in self.processes if each.alive]

    @property
    def total(self) -> int | None:
        """Bytes of all live processes together, pages they share counted once; ``None`` before the first sample."""
        sizes = [each.size for each in self.live if each.size is not None]
        return sum(sizes) if sizes else None


def read_memory() -> Memory:
    """The present moment. Four queries, whatever the system holds."""
    now = clock.now()
    return Memory(
        at=now,
        processes=read_processes(now),
        verdicts={row.subject: row for row in Growth.objects.all()[:200]},
        probes=list(Probe.objects.defer("result").order_by("-pk")[:PROBES]),
        limit=conf.values().memory_limit_mb * 1_000_000,
    )


def frame(memory: Memory) -> dict[str, Any]:
    """The payload of the topic ``memory``: bytes, counts, percent of a core; probes by key with their state."""
    shown = memory.live[:FRAME_PROCESSES]
    return {
        "at": clock.at_ms(memory.at),
        "sum": memory.total,
        "limit": memory.limit,
        "n": len(memory.live),
        "p": {str(each.key): _figures(each) for each in shown},
        "pr": {str(probe.pk): probe.state for probe in memory.probes},
    }


def _figures(each: ProcessView) -> list[Any]:
    cpu = each.cpu_percent
    values = [getattr(each, name) for name in FIGURES]
    values[FIGURES.index("cpu_percent")] = None if cpu is None else round(cpu, 1)
    return [each.series, each.state, *values]


def blocks_per_1000(generation: Generation) -> float | None:
    """Allocated blocks that 1,000 runs leave in a worker; ``None`` as long as it has told too few points."""
    warm = [(float(runs), float(blocks)) for runs, blocks, _at in generation.warm]
    found = slope([warm]) if len(warm) >= NEEDED else None
    return 1000 * found.middle if found is not None else None
