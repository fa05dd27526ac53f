"""The numbers of the live panel. Read only; each function says how many queries it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Min, Q, Sum

from scheduler import clock, selectors
from scheduler.models import EndedCounter, ProcessRow, TaskRecord
from scheduler.states import Status
from storage.models import StorageLocation, StorageRequest
from storage.states import RequestKind, RequestState
from vwed.models import Growth, SystemSample
from vwed.models.monitoring import Resolution
from vwed.monitoring import series
from vwed.monitoring.growth import SYSTEM
from vwed.monitoring.pool import PoolFigures, local_pool
from vwed.monitoring.processes import ENDED_IN_ORDER

#: Workers shown one by one; more are counted.
WORKER_LIMIT = 32
#: Runs that latency is computed from, at most.
LATENCY_SAMPLE = 2000
#: How long a worker that has gone keeps its row, so that one sees that it has.
GONE_SHOWN = timedelta(minutes=1)
GONE_LIMIT = 8


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one process, by the name of its line: its proportional share where the kernel tells, else all of it."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Now:
    """What changes every second."""

    at: datetime
    counts: Mapping[str, int]
    processes: list[ProcessRow]
    finished_per_minute: int
    failed_last_hour: int
    ended_last_hour: int
    oldest_ready: datetime | None
    connections: int
    connection_limit: int | None
    pool: PoolFigures | None
    #: Requests for locations that wait.
    requests: int
    #: The newest slot of the history: its start, and its figures (``vwed.monitoring.figures``).
    slot: tuple[int, Mapping[str, int]] | None
    #: Ready runs by queue.
    ages: Sequence[selectors.QueueAge]
    labels: Mapping[str, str] = field(default_factory=dict)
    #: Key of a process → name of its line in charts; who has no line is dead and not closed yet.
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def memory(self) -> list[Memory]:
        """Memory of every live process that was sampled, the largest first."""
        sized = [(self.names.get(row.pk), weight(row)) for row in self.processes]
        found = [Memory(name, size) for name, size in sized if name is not None and size]
        return sorted(found, key=lambda each: (-each.bytes, each.name))

    @property
    def served(self) -> set[str]:
        """The queues that some live cluster serves."""
        pushers = [row for row in self.processes if row.role == "pusher" and not row.draining]
        return {queue for row in pushers for queue in row.queues.split(",") if queue}

    @property
    def memory_kind(self) -> str:
        """What the sum of the memory is made of: the coarsest that any process has; empty without a sample."""
        kinds = {next((kind for kind in KINDS if row.sample.get(kind)), "") for row in self.processes}
        return max((kind for kind in kinds if kind), key=KINDS.index, default="").upper()

    @property
    def workers(self) -> list[ProcessRow]:
        """The live workers that sit somewhere, by the names of their seats."""
        rows = [row for row in self.processes if row.role == "worker" and row.pk in self.names]
        return sorted(rows, key=lambda row: _natural(self.names[row.pk]))

    @property
    def sampled(self) -> datetime | None:
        """Time of the newest heartbeat: how old the memory figures are at least."""
        return max((row.beat_at for row in self.processes), default=None)

    @property
    def consuming(self) -> bool:
        """Whether some cluster takes work."""
        return any(row.role in ("worker", "pusher") and not row.draining for row in self.processes)


#: What a process weighs: the first of these that the kernel tells.
KINDS = ("pss", "uss", "rss")


def weight(row: ProcessRow) -> int:
    """Bytes of a process: PSS, else USS, else RSS; 0 as long as nobody has measured it."""
    return int(next((size for kind in KINDS if (size := row.sample.get(kind))), 0))


def _natural(name: str) -> tuple[str, int]:
    """``worker 10`` after ``worker 9``."""
    words, _, number = name.rpartition(" ")
    return (words, int(number)) if number.isdecimal() else (name, 0)


def read_now() -> Now:
    """Everything that changes every second: 9 queries."""
    at = clock.now()
    counts = selectors.active_counts()
    processes = list(selectors.live_processes(at))
    hour = _ended(at - timedelta(hours=1))
    ages = selectors.queue_ages()
    connections, limit = server_connections(processes)
    running = [row.current_record for row in processes if row.current_record][:WORKER_LIMIT]
    labels = dict(TaskRecord.objects.filter(record_id__in=running).values_list("record_id", "label")) if running else {}
    last_minute = int(at.timestamp() // 60) - 1
    return Now(
        at=at,
        counts=counts,
        processes=processes,
        finished_per_minute=sum(n for (minute, status), n in hour.items() if minute == last_minute and _well(status)),
        failed_last_hour=sum(n for (_, status), n in hour.items() if not _well(status) and status != Status.CANCELLED),
        ended_last_hour=sum(hour.values()),
        oldest_ready=min((age.oldest for age in ages if age.oldest), default=None),
        connections=connections,
        connection_limit=limit,
        pool=pool_of(processes),
        requests=StorageRequest.objects.filter(state=RequestState.PENDING).count(),
        slot=_newest_slot(at),
        ages=ages,
        labels=labels,
        names=series.assign(processes, series.known_series()),
    )


def _newest_slot(at: datetime) -> tuple[int, Mapping[str, int]] | None:
    """What was copied last, unless that is too old to be the present. One query."""
    since = int((at - timedelta(minutes=1)).timestamp())
    rows = SystemSample.objects.filter(resolution=Resolution.FINE, at_s__gte=since).order_by("-at_s")
    return rows.values_list("at_s", "figures").first()


def _well(status: str) -> bool:
    return status == Status.FINISHED


def _ended(since: datetime) -> dict[tuple[int, str], int]:
    """Runs that ended, by minute and status, from the counters. One query."""
    rows = (
        EndedCounter.objects.filter(minute__gte=int(since.timestamp() // 60))
        .values_list("minute", "status")
        .annotate(n=Sum("count"))
        .order_by()
    )
    return {(minute, status): n for minute, status, n in rows}


def server_connections(processes: list[ProcessRow]) -> tuple[int, int | None]:
    """Open connections and the server's limit (``None`` where there is no server). One query on MySQL."""
    if connection.vendor != "mysql":
        return sum(int(row.sample.get("connections") or 0) for row in processes), None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT variable_value FROM information_schema.global_status "
            "WHERE variable_name = 'THREADS_CONNECTED'), @@max_connections"
            if getattr(connection, "mysql_is_mariadb", False)
            else "SELECT (SELECT variable_value FROM performance_schema.global_status "
            "WHERE variable_name = 'Threads_connected'), @@max_connections"
        )
        connected, limit = cursor.fetchone()
    return int(connected), int(limit)


def pool_of(processes: list[ProcessRow]) -> PoolFigures | None:
    """Sum over the web processes; this process's own figures when none has reported yet."""
    reported = [pool for row in processes if row.role == "web" and (pool := row.sample.get("pool"))]
    if not reported:
        return local_pool()
    return PoolFigures(
        in_use=sum(int(pool.get("in_use", 0)) for pool in reported),
        size=sum(int(pool.get("size", 0)) for pool in reported),
        overflow=sum(int(pool.get("overflow", 0)) for pool in reported),
        waits=sum(int(pool.get("waits", 0)) for pool in reported),
    )


@dataclass(frozen=True, slots=True)
class Slow:
    """What is read every few seconds: reasons for waiting, latency, locations, the verdict on memory, lost workers."""

    at: datetime
    reasons: list[tuple[str, Mapping[str, Any], int, int]]
    latency_ms: tuple[int, int, int] | None
    #: Locations that hold a load, and all of them.
    locations: tuple[int, int] = (0, 0)
    #: What the leak watch says of the whole system; empty before its first word.
    verdict: str = ""
    gone: Sequence[ProcessRow] = ()


def read_slow(now: Now) -> Slow:
    """Reasons, latency of the last five minutes and the rest, of the same moment as ``now``: at most 8 queries."""
    at = now.at
    locations = StorageLocation.objects.aggregate(n=Count("id"), filled=Count("id", filter=Q(filled=True)))
    return Slow(
        at,
        _reasons(now),
        _latency(at),
        locations=(locations["filled"], locations["n"]),
        verdict=Growth.objects.filter(subject=SYSTEM).values_list("verdict", flat=True).first() or "",
        gone=_gone_workers(at),
    )


def _gone_workers(at: datetime) -> list[ProcessRow]:
    """Workers that ended lately and not because they should, the newest first. One query."""
    rows = ProcessRow.objects.filter(role="worker", ended_at__gte=at - GONE_SHOWN).exclude(cause__in=ENDED_IN_ORDER)
    return list(rows.order_by("-ended_at")[:GONE_LIMIT])


def _reasons(now: Now) -> list[tuple[str, Mapping[str, Any], int, int]]:
    """Why runs do not move: (code, arguments, number of runs, oldest in epoch ms), oldest first."""
    groups = selectors.waiting_groups()
    searches = _searches() if any(group.code == "location" for group in groups) else []
    rows: list[tuple[str, Mapping[str, Any], int, int]] = [
        (group.code, {}, group.count, group.oldest_ms) for group in groups if group.code != "location" or not searches
    ]
    rows += searches
    decisions = TaskRecord.objects.filter(status=Status.INTERRUPTED).order_by("id")
    first = decisions.values_list("ended_at", "created_at").first()
    if first is not None:
        rows.append(("decision", {}, decisions.count(), clock.at_ms(first[0] or first[1])))
    for age in now.ages:
        if age.queue not in now.served and age.oldest is not None:
            rows.append(("nobody", {"queue": age.queue}, age.ready, clock.at_ms(age.oldest)))
    return sorted(rows, key=lambda row: row[3])


def _searches() -> list[tuple[str, Mapping[str, Any], int, int]]:
    """Waits for any location that fits, by storage group and load. One query."""
    pending = StorageRequest.objects.filter(state=RequestState.PENDING, kind=RequestKind.FIND)
    rows = pending.values_list("group_name", "filled").annotate(n=Count("id"), oldest=Min("first_at")).order_by()
    return [("location", {"group": group or "", "filled": full}, n, clock.at_ms(at)) for group, full, n, at in rows]


def _latency(at: datetime) -> tuple[int, int, int] | None:
    """p50, p95 and p99 of submit → first block in ms over the last five minutes; ``None`` without a run. One query."""
    rows = (
        TaskRecord.objects.filter(created_at__gte=at - timedelta(minutes=5), first_block_at__isnull=False, due_at=None)
        .order_by("-created_at")
        .values_list("created_at", "first_block_at")[:LATENCY_SAMPLE]
    )
    values = sorted(max(0.0, (first - created).total_seconds() * 1000) for created, first in rows if first is not None)
    if not values:
        return None
    p50, p95, p99 = (round(values[min(len(values) - 1, int(len(values) * q))]) for q in (0.5, 0.95, 0.99))
    return p50, p95, p99
