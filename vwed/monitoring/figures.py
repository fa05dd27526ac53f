"""What the whole system does in one slot of five seconds, as the figures of a ``SystemSample``.

A figure that is not known is left out. ``status_ready`` …: runs of each active status, left out when there are none.
``finished``, ``failed``, ``cancelled``: runs that ended in the slot. ``latency_p50``, ``latency_p95``,
``latency_p99``: submit → first block in ms, of the last minute's runs. ``queue_age_ms``: of the oldest ready run.
``requests_pending``: for locations. ``pool_in_use``, ``pool_size``, ``pool_overflow``, ``pool_waits``: of all web
processes. ``connections`` and ``connection_limit``: of the server. ``pss``, ``uss``, ``rss``: sums in bytes.
``processes``, ``workers``, ``alerts_open``: counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Sum

from scheduler import selectors
from scheduler.models import EndedCounter, ProcessRow, TaskRecord
from scheduler.states import Status
from storage.models import StorageRequest
from storage.states import RequestState
from vwed.models import Alert
from vwed.monitoring.selectors import pool_of, server_connections

#: Runs that the latency of a slot is computed from: of the last minute, at most so many.
LATENCY_WINDOW = timedelta(minutes=1)
LATENCY_RUNS = 500
#: Counters of a minute are still written a little after it: so many minutes back are compared.
_MINUTES_BACK = 2
#: How the names of figures begin that count runs of a status. Most statuses have none: their zeros are not kept.
STATUS = "status_"

Figures = dict[str, int]


def read_figures(now: datetime, processes: Sequence[ProcessRow]) -> Figures:
    """Everything but what ended; ``processes`` are the live ones. Six queries, one less on SQLite."""
    figures: Figures = {f"{STATUS}{status}": count for status, count in selectors.active_counts().items() if count}
    oldest = min((age.oldest for age in selectors.queue_ages() if age.oldest is not None), default=None)
    figures["queue_age_ms"] = _milliseconds(now - oldest) if oldest is not None else 0
    figures["requests_pending"] = StorageRequest.objects.filter(state=RequestState.PENDING).count()
    figures["alerts_open"] = Alert.objects.filter(cleared_at=None).count()
    figures |= read_latency(now) | _weights(processes)
    figures["connections"], limit = server_connections(list(processes))
    if limit is not None:
        figures["connection_limit"] = limit
    pool = pool_of(list(processes))
    if pool is not None:
        figures |= {f"pool_{name}": value for name, value in pool._asdict().items()}
    return figures


def _milliseconds(age: timedelta) -> int:
    return max(0, round(age.total_seconds() * 1000))


def read_latency(now: datetime) -> Figures:
    """Quantiles of the time from submission to the first block, in ms; empty without a run in the window. One query."""
    started = TaskRecord.objects.filter(
        created_at__gte=now - LATENCY_WINDOW, first_block_at__isnull=False, due_at=None
    ).order_by("-created_at")
    times = started.values_list("created_at", "first_block_at")[:LATENCY_RUNS]
    values = sorted(_milliseconds(first - created) for created, first in times if first is not None)
    if not values:
        return {}
    quantiles = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}
    return {name: values[min(len(values) - 1, int(len(values) * q))] for name, q in quantiles.items()}


def _weights(processes: Sequence[ProcessRow]) -> Figures:
    sums = {
        kind: sum(int(row.sample.get(kind) or 0) for row in processes) for kind in ("pss", "uss", "rss")
    }  # what the kernel does not tell of anybody is unknown, not nothing
    workers = sum(row.role == "worker" for row in processes)
    return {**{kind: total for kind, total in sums.items() if total}, "processes": len(processes), "workers": workers}


class Endings:
    """How many runs have ended since the last look, from the counters that the transitions keep by the minute."""

    def __init__(self) -> None:
        self._before: Mapping[tuple[int, str], int] | None = None
        self._minute = 0

    def since_last_look(self, now: datetime) -> Figures:
        """``finished``, ``failed``, ``cancelled``; nothing at the first look. One query."""
        minute = int(now.timestamp()) // 60
        rows = EndedCounter.objects.filter(minute__gte=min(self._minute or minute, minute) - _MINUTES_BACK)
        counts = {
            (each["minute"], each["status"]): int(each["n"])
            for each in rows.values("minute", "status").annotate(n=Sum("count")).order_by()
        }
        before, self._before, self._minute = self._before, counts, minute
        if before is None:
            return {}
        figures = {"finished": 0, "failed": 0, "cancelled": 0}
        for key, count in counts.items():
            figures[_outcome(key[1])] += max(0, count - before.get(key, 0))
        return figures


def _outcome(status: str) -> str:
    if status == Status.FINISHED:
        return "finished"
    return "cancelled" if status == Status.CANCELLED else "failed"
