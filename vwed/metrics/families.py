"""What is exposed: one reading of the tables, and the metric families made of it.

Labels are bounded: statuses, roles, severities and verdicts are fixed sets; processes are named by their series, queues
by their name, services by theirs, each up to a limit beyond which they are added up as ``others``. No label carries a
record, a definition, a host's process id or anything else that grows with use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, Sum
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from scheduler import clock, selectors
from scheduler.housekeeping.sampling import wanted
from scheduler.models import EndedCounter, ServiceRow
from scheduler.states import ENDED
from storage.models import StorageRequest
from storage.states import RequestState
from vwed.alerts.rules import SEVERITIES
from vwed.models import Alert, Growth
from vwed.monitoring.figures import read_latency
from vwed.monitoring.growth import DAY_S, SYSTEM, Verdict
from vwed.monitoring.pool import PoolFigures
from vwed.monitoring.processes import ProcessView, read_processes
from vwed.monitoring.selectors import pool_of, server_connections

#: Processes, queues and services named one by one; those beyond are added up.
PROCESS_LIMIT, QUEUE_LIMIT, SERVICE_LIMIT = 200, 50, 50
OTHERS = "others"
#: Figures of a process: metric, of what (``ProcessView``), help.
_PROCESS_GAUGES = (
    ("cpu_percent", "cpu_percent", "Processor time of one core, in percent, over the last heartbeat"),
    ("threads", "threads", "Threads"),
    ("open_fds", "fds", "Open file descriptors"),
    ("connections", "connections", "Open database connections"),
    ("asyncio_tasks", "asyncio_tasks", "Tasks of its event loop that have not ended"),
    ("allocated_blocks", "blocks", "Blocks that Python's allocator has given out"),
    ("contexts", "contexts", "Contexts of runs that are alive"),
    ("contexts_leaked", "leaked", "Contexts that outlived their run; anything but 0 is a leak"),
    ("runs", "runs", "Slices of runs since its start"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What one scrape reads."""

    at: datetime
    monitoring: bool
    tasks: Mapping[str, int]
    day_start: float
    ended: Mapping[str, tuple[int, int]]
    queues: Sequence[selectors.QueueAge]
    latency_ms: Mapping[str, int]
    processes: Sequence[ProcessView]
    requests_pending: int
    connections: int
    connection_limit: int | None
    pool: PoolFigures | None
    alerts: Mapping[str, int]
    alerts_acknowledged: int
    services: Sequence[ServiceRow]
    growth: Growth | None


def read_facts() -> Facts:
    """Everything that is exposed. Thirteen queries, one less on SQLite."""
    now = clock.now()
    day = int(now.timestamp()) // DAY_S * DAY_S
    live = list(selectors.live_processes(now))
    connections, limit = server_connections(live)
    alerts = _alerts()
    return Facts(
        at=now,
        monitoring=wanted(),
        tasks=selectors.active_counts(),
        day_start=float(day),
        ended=_ended(day // 60),
        queues=selectors.queue_ages(),
        latency_ms=read_latency(now),
        processes=[each for each in read_processes(now) if each.alive],
        requests_pending=StorageRequest.objects.filter(state=RequestState.PENDING).count(),
        connections=connections,
        connection_limit=limit,
        pool=pool_of(live),
        alerts={severity: alerts.get(severity, (0, 0))[0] for severity in SEVERITIES},
        alerts_acknowledged=sum(acked for _open, acked in alerts.values()),
        services=list(ServiceRow.objects.order_by("name")[:SERVICE_LIMIT]),
        growth=Growth.objects.filter(subject=SYSTEM).first(),
    )


def _ended(since_minute: int) -> dict[str, tuple[int, int]]:
    """By status, attempts that ended since then and how long they lasted together, in ms. One query."""
    rows = EndedCounter.objects.filter(minute__gte=since_minute).values("status").order_by()
    found = {each["status"]: each for each in rows.annotate(n=Sum("count"), ms=Sum("duration_ms"))}
    return {
        str(status): (int(found[status]["n"]), int(found[status]["ms"])) if status in found else (0, 0)
        for status in sorted(ENDED)
    }


def _alerts() -> dict[str, tuple[int, int]]:
    """By severity, alerts that are open and those of them that somebody has acknowledged. One query."""
    rows = Alert.objects.filter(cleared_at__isnull=True).values_list("severity").order_by()
    counted = rows.annotate(n=Count("id"), acked=Count("id", filter=Q(acked_at__isnull=False)))
    return {severity: (n, acked) for severity, n, acked in counted}


class Families(Collector):
    """The families of one reading, in the order in which they are printed."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        """Every family. What nobody has measured has no sample: a gap, not a zero."""
        yield from self._tasks()
        yield from self._queues()
        yield from self._processes()
        yield from self._database()
        yield from self._watch()

    def _tasks(self) -> Iterator[Metric]:
        facts = self._facts
        yield _gauge("vwed_tasks", "Runs that have not ended, by status", "status", facts.tasks)
        ended = CounterMetricFamily(
            "vwed_tasks_ended", "Attempts that ended since the start of the day (UTC), by status", labels=["status"]
        )
        lasted = SummaryMetricFamily(
            "vwed_task_duration_seconds", "How long attempts lasted that ended since the start of the day (UTC)",
            labels=["status"],
        )  # fmt: skip
        for status, (count, milliseconds) in facts.ended.items():
            ended.add_metric([status], count, created=facts.day_start)
            lasted.add_metric([status], count, milliseconds / 1000)
        yield ended
        yield lasted
        quantiles = {f"0.{name.removeprefix('latency_p')}": ms / 1000 for name, ms in facts.latency_ms.items()}
        yield _gauge(
            "vwed_task_start_seconds",
            "From submission to the first block, of the last minute's runs",
            "quantile",
            {name.replace("0.50", "0.5"): value for name, value in quantiles.items()},
        )

    def _queues(self) -> Iterator[Metric]:
        facts = self._facts
        rows = sorted(facts.queues, key=lambda row: (-row.ready, row.queue))
        named, rest = rows[:QUEUE_LIMIT], rows[QUEUE_LIMIT:]
        depth = {row.queue: row.ready for row in named}
        age = {row.queue: (facts.at - row.oldest).total_seconds() for row in named if row.oldest is not None}
        if rest:
            depth[OTHERS] = depth.get(OTHERS, 0) + sum(row.ready for row in rest)
        yield _gauge("vwed_queue_ready", "Runs that may be claimed, by queue", "queue", depth)
        yield _gauge("vwed_queue_age_seconds", "Age of the oldest run that may be claimed, by queue", "queue", age)
        yield _one("vwed_location_requests_pending", "Runs that wait for a location", facts.requests_pending)

    def _processes(self) -> Iterator[Metric]:
        facts = self._facts
        count = dict.fromkeys(sorted({each.role for each in facts.processes}), 0)
        for each in facts.processes:
            count[each.role] += 1
        yield _gauge("vwed_processes", "Live processes, by role", "role", count)
        labels = ["process", "role"]
        memory = GaugeMetricFamily(
            "vwed_process_memory_bytes",
            "Memory of a process: all its pages (rss), its own (uss), its proportional share (pss)",
            labels=[*labels, "kind"],
        )
        for kind in ("rss", "uss", "pss"):
            for (name, role), value in _named(facts.processes, kind):
                memory.add_metric([name, role, kind], value)
        yield memory
        for metric, attribute, text in _PROCESS_GAUGES:
            family = GaugeMetricFamily(f"vwed_process_{metric}", text, labels=labels)
            for key, value in _named(facts.processes, attribute):
                family.add_metric(list(key), value)
            yield family
        ages = [max(0.0, (facts.at - each.beat_at).total_seconds()) for each in facts.processes if each.rss]
        yield _one("vwed_monitoring_enabled", "Whether processes are measured (MONITORING)", int(facts.monitoring))
        yield _one("vwed_sample_age_seconds", "Age of the oldest figures of a live process", max(ages, default=None))

    def _database(self) -> Iterator[Metric]:
        facts, pool = self._facts, self._facts.pool
        yield _one("vwed_database_connections", "Open connections of the server", facts.connections)
        yield _one("vwed_database_connection_limit", "Connections that the server allows", facts.connection_limit)
        figures = pool._asdict() if pool is not None else {}
        for name, text in (
            ("in_use", "Connections of the pools that serve a request"),
            ("size", "Connections that the pools keep"),
            ("overflow", "Connections beyond the size of the pools"),
        ):
            yield _one(f"vwed_pool_{name}", f"{text}, of all web processes", figures.get(name))
        waits = CounterMetricFamily("vwed_pool_waits", "Requests that had to wait for a connection")
        if pool is not None:
            waits.add_metric([], pool.waits)
        yield waits

    def _watch(self) -> Iterator[Metric]:
        facts = self._facts
        yield _gauge("vwed_alerts_open", "Open alerts, by severity", "severity", facts.alerts)
        yield _one("vwed_alerts_acknowledged", "Open alerts that somebody has acknowledged", facts.alerts_acknowledged)
        growth = facts.growth
        grows = None if growth is None else int(growth.verdict == Verdict.GROWS)
        yield _one("vwed_memory_grows", "Whether the leak watch says that the whole system grows", grows)
        age = {
            row.name: (facts.at - row.started_at).total_seconds()
            for row in facts.services
            if row.started_at is not None
        }
        yield _gauge(
            "vwed_service_age_seconds",
            "Since a periodic service last told of a run (quiet ones do rarely)",
            "service",
            age,
        )
        failed = {row.name: int(bool(row.error)) for row in facts.services}
        yield _gauge("vwed_service_failed", "Whether the last run of a periodic service failed", "service", failed)


def _one(name: str, text: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family


def _gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _named(processes: Iterable[ProcessView], attribute: str) -> Iterator[tuple[tuple[str, str], float]]:
    """The figure of each process by series and role; beyond ``PROCESS_LIMIT`` the sum of each role.

    A dead process whose row is not closed yet has the name of its successor: the newer one counts.
    """
    rest: dict[str, float] = {}
    by_series = {each.series: each for each in sorted(processes, key=lambda each: each.key)}
    for number, each in enumerate(by_series.values()):
        value: Any = getattr(each, attribute)
        if value is None:
            continue
        if number < PROCESS_LIMIT:
            yield (each.series, each.role), float(value)
        else:
            rest[each.role] = rest.get(each.role, 0.0) + float(value)
    for role, total in rest.items():
        yield (OTHERS, role), total
