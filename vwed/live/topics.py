"""What each live topic carries: codes, numbers and names, never translated text. CONSOLE frame version 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scheduler import clock
from vwed.alerts import present as alerts
from vwed.monitoring import memory
from vwed.monitoring.selectors import WORKER_LIMIT, Now, Slow, read_now, read_slow

#: Seconds between two readings of what is dearer.
SLOW_EVERY_S = 5.0
#: Reasons shown; more are counted.
REASON_LIMIT = 6


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and the permission that is needed to hear it."""

    name: str
    permission: str
    reader: Callable[[], Callable[[], dict[str, Any]]]


def overview_reader() -> Callable[[], dict[str, Any]]:
    """Return a function that reads the overview; what is dear is read every 5 s and kept by it in between."""
    kept: list[Slow] = []

    def read() -> dict[str, Any]:
        now = read_now()
        if not kept or (now.at - kept[0].at).total_seconds() >= SLOW_EVERY_S:
            kept[:] = [read_slow()]
        return overview(now, kept[0])

    return read


def overview(now: Now, slow: Slow) -> dict[str, Any]:
    """The payload of ``overview``. Sizes are bytes, times epoch milliseconds, ages seconds."""
    workers = [row for row in now.processes if row.role == "worker"]
    memory = [[m.name, m.role, m.bytes] for m in now.memory]
    return {
        "age": round((clock.now() - now.at).total_seconds(), 1),
        "n": dict(now.counts),
        "active": sum(now.counts.values()),
        "fin": now.finished_per_minute,
        "bad": now.failed_last_hour,
        "ended": now.ended_last_hour,
        "oldest": clock.at_ms(now.oldest_ready) if now.oldest_ready else None,
        "lat": list(slow.latency_ms) if slow.latency_ms else None,
        "mem": {
            "sum": sum(size for _, _, size in memory),
            "p": memory[: 2 * WORKER_LIMIT],
            "at": clock.at_ms(now.sampled) if now.sampled else None,
        },
        "db": {
            "n": now.connections,
            "max": now.connection_limit,
            "pool": list(now.pool) if now.pool else None,
            "p": [[row.name, int(row.sample.get("connections") or 0)] for row in now.processes][: 2 * WORKER_LIMIT],
        },
        "up": now.consuming,
        "w": [_worker(row, now.labels) for row in workers[:WORKER_LIMIT]],
        "wmore": max(0, len(workers) - WORKER_LIMIT),
        "why": {
            "at": clock.at_ms(slow.at),
            # Of the same reading as the rows, so that they add up.
            "n": sum(count for _code, _args, count, _oldest in slow.reasons),
            "more": max(0, len(slow.reasons) - REASON_LIMIT),
            "rows": [list(row) for row in slow.reasons[:REASON_LIMIT]],
        },
    }


def _worker(row: Any, labels: Mapping[str, str]) -> list[Any]:
    """name, record, definition, block, since (ms), bytes, runs, late."""
    size = row.sample.get("pss") or row.sample.get("uss") or row.sample.get("rss") or 0
    since = clock.at_ms(row.current_since) if row.current_since else None
    label = labels.get(row.current_record, "")
    return [row.name, row.current_record, label, row.current_block, since, int(size), row.runs, row.draining]


def alerts_reader() -> Callable[[], dict[str, Any]]:
    """Return a function that reads the open alerts."""
    return alerts.frame


def memory_reader() -> Callable[[], dict[str, Any]]:
    """Return a function that reads the processes, their verdicts and probes. Four queries each time."""
    return lambda: memory.frame(memory.read_memory())


TOPICS: Mapping[str, Topic] = {
    "overview": Topic("overview", "scheduler.view_taskrecord", overview_reader),
    "alerts": Topic("alerts", alerts.VIEW, alerts_reader),
    "memory": Topic("memory", "scheduler.view_processrow", memory_reader),
}
