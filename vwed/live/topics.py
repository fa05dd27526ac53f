"""What each live topic carries: codes, numbers and names, never translated text. CONSOLE frame version 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scheduler import clock
from scheduler.models import ProcessRow
from scheduler.selectors import BEAT_LATE_S
from vwed.alerts import present as alerts
from vwed.database import present as database
from vwed.monitoring import memory, ranges
from vwed.monitoring.processes import ALIVE, DRAINING, GONE, LATE
from vwed.monitoring.selectors import WORKER_LIMIT, Now, Slow, read_now, read_slow, weight
from vwed.monitoring.series import base_name

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
            kept[:] = [read_slow(now)]
        return overview(now, kept[0])

    return read


def overview(now: Now, slow: Slow) -> dict[str, Any]:
    """The payload of ``overview``. Sizes are bytes, times epoch milliseconds, ages seconds."""
    workers = [_worker(row, now) for row in now.workers] + [_gone(row) for row in slow.gone]
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
            "sum": sum(each.bytes for each in now.memory),
            "p": [[each.name, each.bytes] for each in now.memory[: 2 * WORKER_LIMIT]],
            "at": clock.at_ms(now.sampled) if now.sampled else None,
            "v": slow.verdict or None,
            "kind": now.memory_kind,
        },
        "db": {"n": now.connections, "max": now.connection_limit, "pool": list(now.pool) if now.pool else None},
        "req": now.requests,
        "loc": list(slow.locations),
        "s": _slot(now),
        "up": now.consuming,
        "w": workers[:WORKER_LIMIT],
        "wmore": max(0, len(workers) - WORKER_LIMIT),
        "why": {
            "at": clock.at_ms(slow.at),
            # Of the same reading as the rows, so that they add up.
            "n": sum(count for _code, _args, count, _oldest in slow.reasons),
            "more": max(0, len(slow.reasons) - REASON_LIMIT),
            "rows": [list(row) for row in slow.reasons[:REASON_LIMIT]],
        },
    }


def _slot(now: Now) -> dict[str, Any] | None:
    """What is told by slots of five seconds: start of the newest (ms), runs a minute that ended, latency (ms)."""
    if now.slot is None:
        return None
    at_s, figures = now.slot
    charts = {chart: ranges.newest(chart, figures) for chart in ("throughput", "latency")}
    return {"at": at_s * 1000, **charts}


def _worker(row: ProcessRow, now: Now) -> list[Any]:
    """Name of its seat, record, definition, block, since (ms), bytes, runs, state, runs until it is renewed, name."""
    since = clock.at_ms(row.current_since) if row.current_since else None
    label = now.labels.get(row.current_record, "")
    late = (now.at - row.beat_at).total_seconds() > BEAT_LATE_S
    state = LATE if late else DRAINING if row.draining else ALIVE
    limit = row.sample.get("recycle_at")
    recycle_in = max(0, int(limit) - row.runs) if limit else None
    work = [row.current_record, label, row.current_block, since]
    return [now.names[row.pk], *work, weight(row), row.runs, state, recycle_in, row.name]


def _gone(row: ProcessRow) -> list[Any]:
    """The same of a worker that has died; its record and block are no longer its own."""
    seat = base_name(row.role, row.seat)
    since = clock.at_ms(row.ended_at) if row.ended_at else None
    return [seat, "", "", "", since, None, row.runs, GONE, None, row.name]


def alerts_reader() -> Callable[[], dict[str, Any]]:
    """Return a function that reads the open alerts."""
    return alerts.frame


def memory_reader() -> Callable[[], dict[str, Any]]:
    """Return a function that reads the processes, their verdicts and probes. Four queries each time."""
    return lambda: memory.frame(memory.read_memory())


def database_reader() -> Callable[[], dict[str, Any]]:
    """Return a function that reads connections, pools and the file: six statements at most."""
    return lambda: database.frame(database.read_database())


TOPICS: Mapping[str, Topic] = {
    "overview": Topic("overview", "scheduler.view_taskrecord", overview_reader),
    "alerts": Topic("alerts", alerts.VIEW, alerts_reader),
    "database": Topic("database", "scheduler.view_processrow", database_reader),
    "memory": Topic("memory", "scheduler.view_processrow", memory_reader),
}
