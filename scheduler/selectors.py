"""Read queries shared by the console and the commands. Each states its number of queries; none changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, QuerySet

from scheduler import clock
from scheduler.models import ProcessRow, TaskRecord, Wait
from scheduler.states import ACTIVE, Status

#: A process whose beat is older than this is shown as late; the watchdog decides what to do about it.
BEAT_LATE_S = 5.0
#: A process whose beat is older than this is not counted as alive.
BEAT_GONE_S = 30.0


def active_counts() -> dict[str, int]:
    """Number of runs per active status (0 for those without). One query on (status, …)."""
    counts = {str(status): 0 for status in Status if status in ACTIVE}
    rows = TaskRecord.objects.filter(status__in=[str(s) for s in ACTIVE]).values_list("status").annotate(n=Count("id"))
    counts.update(dict(rows.order_by()))
    return counts


@dataclass(frozen=True, slots=True)
class QueueAge:
    """Ready runs of a queue and since when the oldest is ready."""

    queue: str
    ready: int
    oldest: datetime | None


def queue_ages() -> list[QueueAge]:
    """Depth and oldest ready run of every queue that has one. One query."""
    rows = (
        TaskRecord.objects.filter(status=Status.READY)
        .values_list("queue")
        .annotate(n=Count("id"), oldest=Min("ready_at"))
        .order_by("queue")
    )
    return [QueueAge(queue, count, oldest) for queue, count, oldest in rows]


def live_processes(now: datetime | None = None) -> QuerySet[ProcessRow]:
    """Processes that beat within the last 30 s and have not ended, by cluster and name. One query when evaluated."""
    threshold = (now or clock.now()) - timedelta(seconds=BEAT_GONE_S)
    return ProcessRow.objects.filter(ended_at=None, beat_at__gte=threshold).order_by("boot_id", "name")


def serving_queues(now: datetime | None = None) -> set[str]:
    """The queues that some live cluster serves. One query."""
    rows = live_processes(now).filter(role="pusher", draining=False).values_list("queues", flat=True)
    return {queue for row in rows for queue in row.split(",") if queue}


@dataclass(frozen=True, slots=True)
class WaitingGroup:
    """Runs that wait for the same kind of thing."""

    code: str
    count: int
    oldest_ms: int


def waiting_groups() -> list[WaitingGroup]:
    """Waits by code, longest first. One query."""
    rows = Wait.objects.values_list("code").annotate(n=Count("id"), oldest=Min("since_ms")).order_by("oldest")
    return [WaitingGroup(code, count, oldest) for code, count, oldest in rows]
