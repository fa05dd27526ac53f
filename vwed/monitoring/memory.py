"""What the Memory page shows and its topic carries: processes, verdicts, what grows, and the probes asked last."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from scheduler import clock, conf
from scheduler.models import Probe
from vwed.models import Growth
from vwed.monitoring.processes import ProcessView, read_processes

#: Processes in a frame; more are counted. Keeps the frame under 8 KB.
FRAME_PROCESSES = 40
#: Probes that are listed.
PROBES = 20
#: Rows of each list of what grows, and points of a chart line.
GROWERS, POINTS = 8, 40
#: Runs of a worker before which its allocations say nothing: caches fill.
WARM_UP = 100
#: Subjects of the verdicts that are about everything.
SYSTEM, RUNS = "system", "runs"
#: Where nothing is tuned: what the whole system is meant to stay under, in MB.
_LIMIT_MB = 1000

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
        limit=int(getattr(conf.values(), "memory_limit_mb", _LIMIT_MB)) * 1_000_000,
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


# --- what runs leave behind ------------------------------------------------------------------------------------------


def points_of(each: ProcessView) -> list[tuple[int, int]]:
    """(runs, allocated blocks) of a worker after its warm-up, in the order of the runs."""
    told = each.heap.get("points")
    if not isinstance(told, list):
        return []
    return [(int(point[0]), int(point[1])) for point in told if point[0] >= WARM_UP][-POINTS:]


def blocks_per_1000(points: Sequence[tuple[int, int]]) -> float | None:
    """Median of the slopes between any two points, per 1,000 runs; ``None`` with fewer than three."""
    if len(points) < 3:
        return None
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.combinations(points, 2) if b[0] > a[0]]
    return 1000 * median(slopes) if slopes else None


def generations(processes: Iterable[ProcessView]) -> list[dict[str, Any]]:
    """One line for each worker that has points: blocks above its first point by runs since its start."""
    lines = []
    for each in processes:
        points = points_of(each)
        if points:
            first = points[0][1]
            moved = [[runs, blocks - first] for runs, blocks in points]
            lines.append({"name": each.name, "label": f"{each.series} · {each.pid}", "points": moved})
    return lines


@dataclass(frozen=True, slots=True)
class Grower:
    """One name with two numbers: objects and bytes of a type; runs and blocks of a definition or block type."""

    name: str
    count: int
    left: int


def growers(processes: Iterable[ProcessView], part: str) -> list[Grower]:
    """What the live workers tell together: ``part`` is ``growers`` (types), ``definitions`` or ``kinds``."""
    sums: dict[str, tuple[int, int]] = {}
    for each in processes:
        told = each.heap.get(part) if each.alive else None
        for name, count, left in told if isinstance(told, list) else ():
            had = sums.get(str(name), (0, 0))
            sums[str(name)] = (had[0] + int(count), had[1] + int(left))
    rows = [Grower(name, count, left) for name, (count, left) in sums.items()]
    return sorted(rows, key=lambda row: (-row.left, row.name))[:GROWERS]
