"""What the machine and the system are measured to be: what a change of settings is judged by."""

from __future__ import annotations

import socket
from collections import Counter
from dataclasses import dataclass, field

import psutil
from django.db import connection

from scheduler import clock, selectors
from scheduler.models import EndedCounter

#: Bytes one database connection may take at worst, by the guide.
CONNECTION_WORST_BYTES = 16 * 1024 * 1024
#: A day, for rows a day; counters are kept by the minute.
_DAY_MINUTES = 24 * 60
#: What a worker took when nothing can be measured yet: USS of one that has done a thousand runs.
WORKER_BYTES = 40 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Facts:
    """Measured figures.

    Connections of the server (``None`` on SQLite), memory in bytes, live processes by role, the mean USS of a worker,
    and runs that ended in the last day with the hours that the figure is from.
    """

    max_connections: int | None
    server: str
    memory_bytes: int
    roles: dict[str, int] = field(default_factory=dict)
    clusters: int = 1
    hosts: int = 1
    worker_bytes: int = WORKER_BYTES
    worker_measured: bool = False
    runs_a_day: int | None = None
    pooled: bool = False


def read() -> Facts:
    """The facts now: at most four queries."""
    rows = list(selectors.live_processes(clock.now()))
    roles = Counter(row.role for row in rows)
    weights = [int(row.sample["uss"]) for row in rows if row.role == "worker" and row.sample.get("uss")]
    return Facts(
        max_connections=_max_connections(),
        server=connection.vendor,
        memory_bytes=psutil.virtual_memory().total,
        roles=dict(roles),
        clusters=max(1, roles["main"]),
        hosts=max(1, len({row.host for row in rows} or {socket.gethostname()})),
        worker_bytes=sum(weights) // len(weights) if weights else WORKER_BYTES,
        worker_measured=bool(weights),
        runs_a_day=_runs_a_day(),
        pooled=connection.vendor == "mysql",
    )


def _max_connections() -> int | None:
    if connection.vendor != "mysql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@max_connections")
        (limit,) = cursor.fetchone()
    return int(limit)


def _runs_a_day() -> int | None:
    """Runs that ended in the last 24 h; ``None`` when none did."""
    since = int(clock.now().timestamp()) // 60 - _DAY_MINUTES
    counts = EndedCounter.objects.filter(minute__gte=since).values_list("count", flat=True)
    return sum(counts) or None
