"""The open alerts as pages, frames and badges show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from scheduler import clock
from scheduler.models import ServiceRow
from vwed.alerts.rules import CRITICAL, severity_rank
from vwed.alerts.watch import CELLS, LOOK_S, READ_LIMIT
from vwed.live import frames
from vwed.models import Alert

SERVICE = "alerts"
VIEW = "vwed.view_alert"
#: Alerts and bytes of one frame, and characters of an object's name in it.
FRAME_ROWS, FRAME_BYTES, FRAME_NAME = 20, 4096, 48
#: A look older than this many intervals means that nobody watches.
LATE_LOOKS = 6
_COUNTS_KEY, _COUNTS_S = "vwed.alerts.counts", 1


@dataclass(frozen=True, slots=True)
class Counts:
    """How many alerts are open, critical ones among them, acknowledged ones among them."""

    open: int = 0
    critical: int = 0
    acknowledged: int = 0


def counts() -> Counts:
    """At most one query a second and process; what people do here is seen at once (``forget_counts``)."""
    found: Counts | None = cache.get(_COUNTS_KEY)
    if found is None:
        rows = Alert.objects.filter(cleared_at__isnull=True).aggregate(
            n=Count("id"),
            critical=Count("id", filter=Q(severity=CRITICAL)),
            acknowledged=Count("id", filter=Q(acked_at__isnull=False)),
        )
        found = Counts(rows["n"], rows["critical"], rows["acknowledged"])
        cache.set(_COUNTS_KEY, found, _COUNTS_S)
    return found


def forget_counts() -> None:
    """Count anew with the next page of this process."""
    cache.delete(_COUNTS_KEY)


def counts_for(request: HttpRequest) -> Counts:
    """The counts, zeros for who may not see alerts."""
    user = getattr(request, "user", None)
    return counts() if user is not None and user.is_active and user.has_perm(VIEW) else Counts()


def badge(request: HttpRequest) -> str:
    """Number beside the entry of the sidebar; empty for none."""
    return str(counts_for(request).open or "")


def open_alerts() -> list[Alert]:
    """Every open alert: those that nobody has taken first, the worst first, the newest first. One query."""
    rows = list(Alert.objects.filter(cleared_at__isnull=True).order_by("-id")[:READ_LIMIT])
    return sorted(rows, key=lambda row: (row.acked_at is not None, severity_rank(row.severity), -row.pk))


def last_look() -> datetime | None:
    """When the rules were looked at last; nothing if never. One query."""
    return ServiceRow.objects.filter(name=SERVICE).values_list("started_at", flat=True).first()


def is_late(looked: datetime | None) -> bool:
    """Whether nobody watches: then no alert is no good news."""
    return looked is None or (clock.now() - looked).total_seconds() > LATE_LOOKS * LOOK_S


def frame() -> dict[str, Any]:
    """The payload of the topic ``alerts``: at most 4 KB. Two queries.

    Rows: id, rank of its severity, rule, object, opened (ms), value, over now, count, cells, acknowledged.
    """
    rows, looked = open_alerts(), last_look()
    shown = [_row(row) for row in sorted(rows, key=lambda row: -row.pk)[:FRAME_ROWS]]
    content: dict[str, Any] = {
        "at": clock.at_ms(looked) if looked is not None else None,
        "late": is_late(looked),
        "open": len(rows),
        "crit": sum(row.severity == CRITICAL for row in rows),
        "ack": sum(row.acked_at is not None for row in rows),
        "rows": shown,
    }
    while shown and len(frames.dumps(content).encode()) > FRAME_BYTES:
        shown.pop()
    return content


def _row(row: Alert) -> list[Any]:
    value = None if row.value is None else round(row.value, 3)
    over = int(bool(row.cells and row.cells[-1]))
    rank, opened, acked = severity_rank(row.severity), clock.at_ms(row.opened_at), int(row.acked_at is not None)
    name = row.object_key[:FRAME_NAME]
    return [row.pk, rank, row.rule, name, opened, value, over, row.count, packed(row.cells), acked]


def packed(cells: Sequence[Any]) -> str:
    """60 looks as 15 hexadecimal digits, the newest last."""
    bits = 0
    for cell in cells[-CELLS:]:
        bits = bits << 1 | int(bool(cell))
    return f"{bits:0{CELLS // 4}x}"


_RECORDS = "admin:scheduler_taskrecord_changelist"
#: Rule → name of a page, and its query.
_PAGES: Mapping[str, tuple[str, str]] = {
    "server_connections": ("admin:database", ""),
    "pool_in_use": ("admin:database", ""),
    "pool_waits": ("admin:database", ""),
    "memory_total": ("admin:memory", ""),
    "memory_growth": ("admin:memory", ""),
    "runs_growth": ("admin:memory", ""),
    "context_alive": ("admin:memory", ""),
    "queue_age": (_RECORDS, "?status=ready"),
    "failure_rate": (_RECORDS, "?status=failed"),
    "undecided_run": (_RECORDS, "?status=interrupted"),
    "delivery_failed": ("admin:alert_rules", ""),
}


def link(row: Alert) -> str:
    """Where its cause is to be seen."""
    if row.rule in ("stuck_run", "overdue_run") and row.object_key and "/" not in row.object_key:
        return reverse("admin:record_by_id", args=(row.object_key,))
    name, query = _PAGES.get(row.rule, ("admin:services", ""))
    try:
        return reverse(name) + query
    except NoReverseMatch:  # this version has no such page
        return reverse("admin:services")
